"""What each model can be asked with, by the beginning of its name; the longest that fits counts.

From OpenAI's documentation as of November 2026. `settings.MODEL_ABILITIES` adds to the table and
corrects it, so that a new model needs no release.
"""

from dataclasses import dataclass, replace

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Abilities:
    """`effort` is sent as reasoning_effort; what a model reasons counts among what it puts out."""

    takes_temperature: bool = True
    takes_schema: bool = True
    effort: str | None = None
    most_output_tokens: int = 4_000


# Reasons before it answers, and refuses a temperature while it does.
REASONS = Abilities(takes_temperature=False, most_output_tokens=16_000)
TABLE = {
    # All others, among them those on a server of one's own.
    "": Abilities(),
    "o1": REASONS,
    "o3": REASONS,
    "o4": REASONS,
    "gpt-5": REASONS,
    # gpt-6-astra and gpt-6.1-sol cannot be told not to reason; of a new one we do not know.
    "gpt-6": REASONS,
    # Told not to reason it takes a temperature, and answers as the models of before.
    "gpt-6-luna": Abilities(effort="none"),
}


def of(model: str) -> Abilities:
    named = {**TABLE, **{name: _told(name) for name in settings.MODEL_ABILITIES}}
    return named[_longest(model, named)]


def _told(name: str) -> Abilities:
    """What the settings say, on top of what the table says of such a name."""
    return replace(TABLE[_longest(name, TABLE)], **settings.MODEL_ABILITIES[name])


def _longest(model: str, names: dict[str, Abilities]) -> str:
    return max((name for name in names if model.startswith(name)), key=len)
