"""Export of models, and what one request costs."""
