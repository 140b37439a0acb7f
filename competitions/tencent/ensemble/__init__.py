"""The open mode: co-occurrence and a linear model mixed with the network."""
