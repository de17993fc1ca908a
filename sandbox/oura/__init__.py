"""A stand-in for Oura: the consent page, the tokens, the API v2 and its webhooks."""
