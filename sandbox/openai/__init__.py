"""A stand-in for OpenAI's Chat Completions, with the stand-in coach behind it."""
