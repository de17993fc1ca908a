"""The look back on a mission that is complete: facts, words, and what the words must keep."""
