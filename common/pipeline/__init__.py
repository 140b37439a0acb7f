"""The engine: a step is computed once, kept under a key of its code and inputs, and shown."""
