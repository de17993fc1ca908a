"""A stand-in for Oura's API v2, for a pasted personal token."""
