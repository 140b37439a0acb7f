"""Export and service."""
