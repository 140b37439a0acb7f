"""Features of every option, one module a grain."""
