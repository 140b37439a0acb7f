"""The channels of the news: their tables, their settings, neighbours by content."""
