"""Oura: connecting by OAuth or with a pasted token, its nights and its days."""
