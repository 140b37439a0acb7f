"""Export of a run's models, and the service that answers from it."""
