"""Why a score is what it is: feature importance, learning curves, adversarial validation."""
