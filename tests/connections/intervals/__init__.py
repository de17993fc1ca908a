"""A source made after docs/adding-a-source.md: one folder, and one entry in settings.SOURCES."""
