"""Strava: connecting through OAuth, its tokens, and its rides."""
