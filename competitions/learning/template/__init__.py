"""What there is to learn of the template: a ladder of methods."""
