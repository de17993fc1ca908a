"""A mission of the single-user forerunner: its files read as they stand, and stored as they are."""
