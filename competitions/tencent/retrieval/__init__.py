"""Retrieval of a few hundred ads: channels, one a file, and the weights by which they are fused.

Not ``common/retrieval``: at the host's size each channel scores a whole pool of ads at once, and the sum is cut once.
"""
