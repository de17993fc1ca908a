"""Trying models and prompts out: nothing here reads or writes a tester's record."""
