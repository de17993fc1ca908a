"""The conversations: prompts/<name>.md, unchanged between releases and named by their content."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache

from django.conf import settings

from coach.situation import Situation

CUT_OFF = "\n…"
MOST_UNTRUSTED_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """A fixed system text, first so that it can be cached, and the situation behind it."""

    version: str
    system: str
    user: str

    def messages(self) -> list[dict[str, str]]:
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": self.user},
        ]


def for_day(situation: Situation) -> Prompt:
    name = "event_day" if situation.mission.state == "EVENT_ACTIVE" else "training_day"
    system = text_of(name)
    digest = hashlib.sha256(system.encode()).hexdigest()[:12]
    return Prompt(version=f"{name}@{digest}", system=system, user=_user_text(situation))


@cache
def text_of(name: str) -> str:
    return (settings.BASE_DIR / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def _user_text(situation: Situation) -> str:
    numbers = json.dumps(situation.for_model(), ensure_ascii=False, separators=(",", ":"))
    # A name in it that a device or a person gave must not close the block either.
    numbers = numbers.replace("<", "\\u003c")
    return (
        f"<situation>\n{numbers}\n</situation>\n"
        f"<untrusted>\n{_fenced(situation.untrusted)}\n</untrusted>\n"
        "Decide this day. Answer with the JSON object only."
    )


def _fenced(texts: tuple[str, ...]) -> str:
    """Typed text on lines of its own, unable to close its block or to grow without end."""
    lines = "\n".join(" ".join(text.replace("<", "‹").replace(">", "›").split()) for text in texts)
    if len(lines) > MOST_UNTRUSTED_CHARS:
        return lines[:MOST_UNTRUSTED_CHARS] + CUT_OFF
    return lines
