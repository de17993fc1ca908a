"""Whatever is known in the morning, page, mail and prompt can be made, and say what is missing.

The situations are drawn from the types themselves, so a field that is added tomorrow is drawn too:
every null there may be, and numbers far beyond what any device has told.
"""

import datetime as dt
import json
import re
import types
import typing
from html import unescape
from typing import Any

import pytest
from django.template.loader import render_to_string
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from coach import brief, brief_mail, prompts
from coach.models import MissionRun, ModelCall
from coach.replies import StageType
from coach.situation import Fact, Situation
from missions.models import Mission
from tests.coach.samples import IN_THE_BUNCH, reply
from tests.factories import NOW, TODAY

# As far apart as two dates can be.
MOST_HOURS = 24 * 3_652_058
FLOATS = st.sampled_from([0.0, 5e-324, -1e12, 1e12, 0.1 + 0.2]) | st.floats(-1e6, 1e6)
INTS = st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]) | st.integers(-500, 500)
AGES = st.sampled_from([0.0, 35.9, 36.0, 36.1, float(MOST_HOURS)]) | st.floats(0, 1_000)
# No letters, so that no word of theirs is taken for one of ours.
TYPED = st.text(alphabet="<>&\"'{}%\\\n\u2028\u202e\U0001f6b4é- ", max_size=30)
NAMES = st.sampled_from(["oura", "strava", "apple+strava", "lr_readiness_v1:no_hrv", "gone_by_now"])
PRICES = {"mountain": {"gc": 10, "breakaway": 15}, "flat": {"gc": 5, "breakaway": 8}}
PROGRESS: dict[str, Any] = {"total_points": 52, "stages_total": 21, "stages": []}
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(Mission.State.values),
    "timezone": st.sampled_from(["Europe/Paris", "Pacific/Kiritimati"]),
    "weekday": st.sampled_from(["Monday", "Sunday"]),
    "sport": st.sampled_from(["Ride", "VirtualRide", "cycling"]),
    "points_schema": st.sampled_from([{}, PRICES]),
    "bonuses": st.sampled_from([{}, {"consecutive_5": 5}]),
    "targets": st.sampled_from([{}, {"ctl": 60}]),
    "progress": st.none() | st.just(PROGRESS),
    "type": st.sampled_from([*Mission.Type.values, *typing.get_args(StageType)]),
    "action": st.none() | st.sampled_from(["recover", "push"]),
    "readiness_reason": st.none() | st.sampled_from([*brief.READINESS_REASONS, "another"]),
    "hrv_kind": st.none() | st.sampled_from(["rmssd", "sdnn"]),
    "load_method": st.none() | st.sampled_from(["power", "session_rpe"]),
    "goal": st.none() | TYPED,
    "name": st.none() | TYPED,
    "text": TYPED,
    "problem": TYPED,
}
OF_A_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: INTS,
    float: FLOATS,
    str: NAMES,
    dt.date: st.dates(),
    dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
}


def drawn(model: type[Fact], *, is_known: bool = True) -> st.SearchStrategy[Any]:
    """Any value of a model; where not `is_known` everything that may be null is null."""
    return st.builds(
        model,
        **{
            name: _field(name, field.annotation, is_known=is_known)
            for name, field in model.model_fields.items()
        },
    )


def _field(name: str, annotation: Any, *, is_known: bool) -> st.SearchStrategy[Any]:
    is_optional = type(None) in typing.get_args(annotation)
    if is_optional and not is_known:
        return st.none()
    if name in BY_NAME:
        return BY_NAME[name]
    if name.endswith("_age_h"):
        return st.none() | AGES
    return _of(annotation, is_known=is_known)


def _of(annotation: Any, *, is_known: bool) -> st.SearchStrategy[Any]:
    kind, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if kind in (types.UnionType, typing.Union):
        return st.one_of(*(_of(one, is_known=is_known) for one in inner))
    if annotation is type(None):
        return st.none()
    if kind is typing.Literal:
        return st.sampled_from(inner)
    if kind is tuple:
        return st.lists(_of(inner[0], is_known=is_known), max_size=3).map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, Fact):
        return drawn(annotation, is_known=is_known)
    return OF_A_TYPE[annotation]


SITUATIONS = drawn(Situation) | drawn(Situation, is_known=False)
DECISIONS = st.sampled_from(
    [
        reply({"evidence": []}),
        reply({"evidence": [], "workout_plan": None, "action": "recover"}),
        reply(IN_THE_BUNCH, {"evidence": []}),
    ]
)
NOTHING = re.compile(r"\b(None|nan|NaN|inf|Infinity|null|undefined)\b")
ROW = re.compile(r'<tr><th scope="row">([^<]+)</th><td>(.*?)</td>', re.DOTALL)
TAG = re.compile(r"<[^>]*>")
UNTOUCHED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def visible(html: str) -> str:
    return unescape(TAG.sub(" ", html))


def in_one_line(text: str) -> str:
    """A list begins its lines with a capital."""
    return " ".join(text.lower().split())


def of_a_day(mission: Mission, situation: Situation, decision: dict[str, Any]) -> MissionRun:
    """A decided run that no database holds."""
    return MissionRun(
        mission=mission,
        local_date=TODAY,
        outcome=MissionRun.Outcome.DECIDED,
        trigger=MissionRun.Trigger.SCHEDULE,
        situation=situation.model_dump(mode="json"),
        decision=decision,
        finished_at=NOW,
    )


@pytest.mark.django_db
@examples(max_examples=40, deadline=None, suppress_health_check=UNTOUCHED)
@given(situation=SITUATIONS, decision=DECISIONS)
def test_page_and_mail_can_be_made_of_any_situation(
    mission: Mission, situation: Situation, decision: dict[str, Any]
) -> None:
    run = of_a_day(mission, situation, decision)
    context = brief_mail.context(run)
    sent = brief_mail.of(run)
    page = render_to_string(
        "lanterne/run.html",
        {
            **context,
            "calls": [ModelCall(run=run, attempt=1, model="m", outcome="accepted")],
            "incidents": [],
            "situation": situation,
            "numbers": brief.numbers_in(situation),
            "efforts": brief.efforts_in(situation),
        },
    )

    for printed in (sent.subject, sent.text, visible(sent.html), visible(page)):
        assert NOTHING.findall(printed) == []
    numbers = {label: visible(value).strip() for label, value in ROW.findall(page)}
    for path, (label, *_) in brief.CHIPS.items():
        # Only what is no number of a body may be left out where there is none.
        told = numbers[label] if path.startswith("metrics.") else numbers.get(label, "unknown")
        assert (told == "unknown") == (situation.value_at(path) is None), path
    for name in brief.missing_in(situation):
        assert in_one_line(name) in in_one_line(sent.text)


@examples(max_examples=40, deadline=None, suppress_health_check=UNTOUCHED)
@given(situation=SITUATIONS)
def test_prompt_can_be_made_of_any_situation(situation: Situation) -> None:
    user = prompts.for_day(situation).user
    _, rest = user.split("<situation>\n")
    numbers, rest = rest.split("\n</situation>\n<untrusted>\n")
    typed, _ = rest.split("\n</untrusted>\n")

    told = json.loads(numbers, parse_constant=pytest.fail)

    assert not NOTHING.search(typed)
    for room, facts in situation.model_dump(mode="json").items():
        for name, value in facts.items() if isinstance(facts, dict) else ():
            if value is None:
                assert (told.get(room) or {}).get(name) is None, (room, name)
    assert Situation.model_validate(situation.model_dump(mode="json")) == situation
