"""One synthetic rider: what they rode and how they slept, a fixed function of the calendar date."""
