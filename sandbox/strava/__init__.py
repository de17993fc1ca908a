"""A stand-in for Strava: the consent page, the tokens, the read-only API and its webhooks."""
