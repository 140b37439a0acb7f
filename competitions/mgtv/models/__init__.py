"""Click rankers, the completion distribution, the decision, baselines and deep models."""
