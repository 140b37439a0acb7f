"""Flight: the ladder, models of one page that it and the benches compare with, a public set."""
