"""The sequence model that ``method = "network"`` trains, and the ladder's other rungs: kept to be learned from."""
