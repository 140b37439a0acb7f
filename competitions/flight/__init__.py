"""Kaggle FlightRank 2025 (Aeroclub RecSys Cup): rank the flight options of a business traveller's search."""
