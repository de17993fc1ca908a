"""The rules that only mark a decision, as a tester reads them."""

from collections.abc import Iterable, Mapping
from typing import Any

WORDS = {
    "L9": "Fitness would rise faster than your mission calls usual.",
    "L10": "This is much more load than any day of the last 30.",
    "L12": "The days of this week are much alike: an easier one would do you good.",
    "L13": "You have had the hard sessions that your mission plans for a week.",
    "L15": "Before the event, rides are usually shortened more than this.",
    "G3": "The text has a number that we could not find in what the coach was given.",
    "M6": "The text speaks of weight or of riding fasted. Take no advice on that here.",
    "I3": "The reason is unusually short or long.",
    "I4": "The reason does not speak to you.",
    "T1": "You have just crossed several time zones: take hard work with care.",
}


def of(flagged: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each rule, once; a rule that is gone since has none."""
    rules = dict.fromkeys(str(one["rule"]) for one in flagged)
    return [WORDS[rule] for rule in rules if rule in WORDS]
