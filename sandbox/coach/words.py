"""The reason, in two to four plain sentences to the rider, and the numbers behind it."""

from datetime import date
from itertools import islice
from typing import Any

from sandbox.coach import training
from sandbox.coach.causes import Cause, Ceiling, shown
from sandbox.coach.form import READINESS, TSB, words_for_tsb
from sandbox.coach.limits import Limits
from sandbox.coach.situation import Situation
from sandbox.coach.workouts import REST, Session

NAMES = {
    "metrics.readiness": "readiness",
    "metrics.tsb": "form (TSB)",
    "metrics.hrv": "HRV",
    "metrics.rhr": "resting heart rate",
    "metrics.sleep_h": "sleep",
    "athlete.ftp": "FTP",
}
FRESH = (
    "you can take hard work today",
    "this is a morning to use for the hard work of the week",
    "you have recovered well enough to train hard",
)
NOT_FRESH = (
    "you can train, but it is not the day for the hardest work",
    "that carries a good session, though not the hardest one",
    "enough to work on, if you leave the hardest efforts for a fresher day",
)


def reason(situation: Situation, limits: Limits, session: Session) -> str:
    why = [cause.sentence for cause in told(limits)] or [_free(situation)]
    if len(why) == 1 and limits.ceiling > Ceiling.EASY:
        why += _event_ahead(situation)
    if session is not REST:
        why.append(session.advice.format(minutes=session.minutes()))
    elif limits.ceiling > Ceiling.REST:
        why.append(session.advice)
    if limits.ceiling > Ceiling.REST and situation.missing():
        names = _listed([NAMES[path] for path in situation.missing()])
        why.append(f"Missing this morning: {names}, so this advice is less certain than usual.")
    return " ".join(why)


def told(limits: Limits) -> list[Cause]:
    """The first cause, and one more that is as strict or stricter and rests on other numbers."""
    if not limits.causes:
        return []
    first, *others = limits.causes
    if first.ceiling is Ceiling.REST or ". " in first.sentence:
        return [first]
    second = (c for c in others if c.ceiling <= first.ceiling and c.evidence != first.evidence)
    return [first, *islice(second, 1)]


def evidence(situation: Situation, limits: Limits) -> list[dict[str, Any]]:
    """Readiness and TSB always, then the numbers of the causes that were told; never a null."""
    paths = dict.fromkeys([READINESS, TSB, *(p for cause in told(limits) for p in cause.evidence)])
    values = [(path, situation.number(path)) for path in paths]
    return [{"metric": path, "value": value} for path, value in values if value is not None]


def _free(situation: Situation) -> str:
    readiness, tsb = situation.number(READINESS), situation.number(TSB)
    if readiness is None or tsb is None:
        return "Nothing in your readings speaks against training today."
    form = f"your form (TSB) is {shown(tsb)}, {words_for_tsb(tsb)}"
    start = f"Your readiness is {shown(readiness)} and {form}"
    ends = FRESH if training.is_fresh(situation) else NOT_FRESH
    return f"{start}; {ends[_turn(situation) % len(ends)]}."


def _turn(situation: Situation) -> int:
    """From one day to the next another way to say the same."""
    today = situation.at("today.date")
    return date.fromisoformat(today).toordinal() if isinstance(today, str) else 0


def _event_ahead(situation: Situation) -> list[str]:
    days = situation.number("today.days_to_event")
    if days is None or situation.state != "TRAINING":
        return []
    if training.is_eve(situation):
        when = {0: "today", 1: "tomorrow"}.get(int(days), f"in {shown(days)} days")
        return [f"Your event is {when}, and what you do now makes you fresher for it, not fitter."]
    if training.is_taper(situation):
        return [f"Your event is {shown(days)} days away, so the volume goes down."]
    return []


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
