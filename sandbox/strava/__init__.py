"""A stand-in for Strava: the consent page, the tokens and the read-only API."""
