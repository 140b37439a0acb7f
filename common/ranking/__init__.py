"""Rankers over query groups: boosted trees, conditional logit, listwise softmax, blending."""
