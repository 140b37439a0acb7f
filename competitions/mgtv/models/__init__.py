"""The click ranker, the completion distribution, the decision."""
