"""Steps that run once and are kept: keys, store, progress, settings, errors."""
