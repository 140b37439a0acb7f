"""Raw files of any size, with an oracle."""
