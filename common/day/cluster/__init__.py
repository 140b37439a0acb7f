"""Boosted trees fitted on a Dask cluster."""
