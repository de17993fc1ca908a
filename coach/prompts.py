"""The conversations: prompts/<name>.md, unchanged between releases and named by their content."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings

from coach.builder.survey import Survey
from coach.situation import Situation

CUT_OFF = "\n…"
MOST_UNTRUSTED_CHARS = 2_000
TYPED = {"event_name", "restrictions"}
OF_NO_MATTER_TO_A_DRAFT = {"send_time", "timezone", "brief_detail", "is_brief_mailed"}


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
    return _named(_name_of_day(situation), _user_text(situation))


def _name_of_day(situation: Situation) -> str:
    today = situation.today
    is_event = situation.mission.state == "EVENT_ACTIVE"
    has_no_stage = is_event and (today.is_rest_day or today.stage is None)
    if has_no_stage or situation.mission.availability.blocked_today:
        return "rest_day"
    return "event_day" if is_event else "training_day"


def for_draft(survey: Survey, profile: dict[str, Any]) -> Prompt:
    """What a mission is drafted from; the texts that were typed stand apart from the answers."""
    answers = survey.model_dump(mode="json", exclude=TYPED | OF_NO_MATTER_TO_A_DRAFT)
    typed = (f"event name: {survey.event_name}", f"restrictions: {survey.restrictions or 'none'}")
    return _named(
        "mission_builder",
        f"<survey>\n{_json(answers)}\n</survey>\n"
        f"<profile>\n{_json(profile)}\n</profile>\n"
        f"<untrusted>\n{_fenced(typed)}\n</untrusted>\n"
        "Draft this mission. Answer with the JSON object only.",
    )


def for_wrap_up(facts: dict[str, Any], mission_name: str) -> Prompt:
    """What a mission that is complete is looked back on."""
    return _named(
        "wrap_up",
        f"<facts>\n{_json(facts)}\n</facts>\n"
        f"<untrusted>\n{_fenced((f'mission: {mission_name}',))}\n</untrusted>\n"
        "Look back on this mission. Answer with the JSON object only.",
    )


def _named(name: str, user: str) -> Prompt:
    system = text_of(name)
    digest = hashlib.sha256(system.encode()).hexdigest()[:12]
    return Prompt(version=f"{name}@{digest}", system=system, user=user)


@cache
def text_of(name: str) -> str:
    return (settings.BASE_DIR / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def _user_text(situation: Situation) -> str:
    return (
        f"<situation>\n{_json(situation.for_model())}\n</situation>\n"
        f"<untrusted>\n{_fenced(situation.untrusted)}\n</untrusted>\n"
        "Decide this day. Answer with the JSON object only."
    )


def _json(numbers: object) -> str:
    """On one line; a name in it that a device or a person gave cannot close its block."""
    text = json.dumps(numbers, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _fenced(texts: tuple[str, ...]) -> str:
    """Typed text on lines of its own, unable to close its block or to grow without end."""
    lines = "\n".join(" ".join(text.replace("<", "‹").replace(">", "›").split()) for text in texts)
    if len(lines) > MOST_UNTRUSTED_CHARS:
        return lines[:MOST_UNTRUSTED_CHARS] + CUT_OFF
    return lines
