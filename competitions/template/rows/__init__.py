"""A competition to begin from, of the kind rows: which rows are a yes, such as a click on an impression."""
