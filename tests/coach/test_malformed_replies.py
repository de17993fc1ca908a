"""Replies no day can be built on: each is told to the model once, then there is no guidance.

Every kind is an answer as it comes over the wire, how the run ends when it comes twice (the kind
of its incident), and what the model is told of it after the first. Nothing is repaired: a fence is
not peeled off, a word is not made a number, and a whole object behind a sentence is not looked for.
An answer that is no completion at all ends the run at once, for the library has repeated by then
what is worth repeating.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import time_machine
from django.test import Client

from coach import daily_run
from coach.models import MissionRun, ModelCall
from missions.models import Mission
from notifications.models import Notification
from tests.coach.conftest import Model
from tests.coach.samples import DECISION, SITUATION, reply, situation
from tests.factories import NOW, TODAY

CANARY = "heron-4417"
KNOWN = situation({"canaries": [CANARY]}).model_dump(mode="json")
GOOD = json.dumps(reply())
PLAN = DECISION["workout_plan"]
NO_JSON = "reply: Invalid JSON"
NO_OBJECT = "reply: Input should be an object"
NUMBER = "Input should be a valid integer"


@dataclass(frozen=True)
class Kind:
    """`text` is the content, `choice` what else the choice holds, `body` the whole answer."""

    text: str | None = None
    told: str = NO_JSON
    ends: str = "invalid_reply"
    choice: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None

    def is_said_by(self, model: Model) -> None:
        if self.body is not None:
            model.answers.append(self.body)
        else:
            model.says(self.text, **self.choice)

    @property
    def is_answer(self) -> bool:
        return self.ends != "model_error"


def but(told: str, **changes: Any) -> Kind:
    """The sound reply with other values: `workout_plan__type` is the `type` of its plan."""
    paths = {path.replace("__", "."): value for path, value in changes.items()}
    return Kind(json.dumps(reply(paths)), told)


def with_raw(told: str, old: str, new: str) -> Kind:
    """The sound reply with a part of its text replaced by what json.dumps would not write."""
    assert old in GOOD
    return Kind(GOOD.replace(old, new, 1), told)


def without(told: str, *path: str) -> Kind:
    whole = reply()
    part = whole
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return Kind(json.dumps(whole), told)


def body(text: str) -> Kind:
    return Kind(ends="model_error", body=text.encode())


def said(content: Any, **message: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, "refusal": None, **message}}


STEP = PLAN["steps"][1]
REPEAT = {"kind": "repeat", "count": 2, "steps": [STEP]}
TOOL = {"id": "1", "type": "function", "function": {"name": "decide", "arguments": GOOD}}
COMPLETION = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"

NOT_JSON: dict[str, Kind] = {
    "nothing": Kind(""),
    "blanks": Kind(" \n\t "),
    "prose": Kind("Here is your day: an easy hour."),
    "prose in another language": Kind("Bonjour ! Aujourd'hui, une heure tranquille."),
    "refusal in prose": Kind("I'm sorry, but I can't help with that."),
    "cut off in the middle": Kind(GOOD[: len(GOOD) // 2]),
    "without its last brace": Kind(GOOD[:-1]),
    "one brace too many": Kind(GOOD + "}"),
    "fenced": Kind(f"```json\n{GOOD}\n```"),
    "text before it": Kind(f"Here you are: {GOOD}"),
    "text behind it": Kind(f"{GOOD}\nRide well!"),
    "two objects": Kind(GOOD + GOOD),
    "two lines of objects": Kind(f"{GOOD}\n{GOOD}"),
    "comment": Kind(GOOD[:-1] + ', /* easy */ "x": 1}'),
    "comma before the end": Kind(GOOD[:-1] + ",}"),
    "single quotes": Kind(GOOD.replace('"', "'")),
    "Python": Kind(str(reply())),
    "YAML": Kind("action: maintain\nconfidence: 0.8\n"),
    "XML": Kind("<decision><action>maintain</action></decision>"),
    "byte order mark": Kind("\ufeff" + GOOD),
    "nested without end": Kind("[" * 100_000),
    "nested without end in a field": with_raw(NO_JSON, '"flags": []', '"flags": ' + "[" * 9_999),
    "line break within a text": with_raw(NO_JSON, "Your readiness", "Your\nreadiness"),
    "half of a character, escaped": with_raw(NO_JSON, "Your readiness", "\\ud800 readiness"),
    "half of a character": with_raw(
        "A text holds a broken character", "Your readiness", "\ud800 readiness"
    ),
    "NUL, escaped": with_raw("character NUL", "Your readiness", "Your\\u0000 readiness"),
    "NUL": with_raw("A text holds a broken character", "Your readiness", "Your\0 readiness"),
    "ten megabytes": Kind("ride " * 2_000_000),
}
NO_DECISION: dict[str, Kind] = {
    "list around it": Kind(f"[{GOOD}]", NO_OBJECT),
    "text around it": Kind(json.dumps(GOOD), NO_OBJECT),
    "null": Kind("null", NO_OBJECT),
    "number": Kind("42", NO_OBJECT),
    "true": Kind("true", NO_OBJECT),
    "empty object": Kind("{}", "action: Field required"),
    "object around it": Kind(f'{{"decision": {GOOD}}}', "decision: Extra inputs"),
    "the schema": Kind(json.dumps({"type": "object", "properties": {}}), "type: Extra inputs"),
    "the situation": Kind(json.dumps(SITUATION, default=str), "metrics: Extra inputs"),
    "call of a tool": Kind(json.dumps(TOOL), "function: Extra inputs"),
    "names in another language": Kind(json.dumps({"raison": "x"}), "raison: Extra inputs"),
    "one field missing": without("reason: Field required", "reason"),
    "zones missing": without("workout_plan.zones: Field required", "workout_plan", "zones"),
    "one zone missing": without("zones.Z7: Field required", "workout_plan", "zones", "Z7"),
    "eighth zone": but("zones.Z8: Extra inputs", workout_plan__zones__Z8=0),
    "field too many": but("coach: Extra inputs", coach="me"),
    "field too many in the plan": but("workout_plan.watts: Extra inputs", workout_plan__watts=200),
    "null for the action": but("action: Input should be", action=None),
    "null for the zones": but("workout_plan.zones: Input should be", workout_plan__zones=None),
    "null for the confidence": but("confidence: Input should be", confidence=None),
    "unknown action": but("action: Input should be", action="sprint"),
    "action in capitals": but("action: Input should be", action="MAINTAIN"),
    "action in another language": but("action: Input should be", action="récupérer"),
    "two actions": but("action: Input should be", action=["ease", "push"]),
    "equal keys, the last one wrong": Kind(
        GOOD[:-1] + ', "action": "sprint"}', "action: Input should be"
    ),
}
NUMBERS: dict[str, Kind] = {
    "NaN": with_raw("confidence: Input should be", '"confidence": 0.8', '"confidence": NaN'),
    "infinity": with_raw("load", '"estimated_load": 42.0', '"estimated_load": Infinity'),
    "1e400": with_raw("load", '"estimated_load": 42.0', '"estimated_load": 1e400'),
    "confidence in per cent": but("confidence: Input should be less", confidence=80),
    "confidence in words": but("confidence: Input should be", confidence="high"),
    "minutes as a text": but(NUMBER, workout_plan__duration_minutes="60"),
    "minutes with their unit": but(NUMBER, workout_plan__duration_minutes="60 min"),
    "half a minute": but(NUMBER, workout_plan__duration_minutes=60.5),
    "true for minutes": but(NUMBER, workout_plan__duration_minutes=True),
    "minutes below nothing": but("greater than or equal to 0", workout_plan__duration_minutes=-60),
    "seconds for minutes": but("less than or equal to 720", workout_plan__duration_minutes=3600),
    "minutes of thirty digits": but("less than or", workout_plan__duration_minutes=10**30),
    "zones in hours": but(NUMBER, workout_plan__zones__Z1=0.33),
    "zones in seconds": but("zones.Z1: Input should be less", workout_plan__zones__Z1=1_200),
    "load without end": but("load: Input should be less", workout_plan__estimated_load=10**9),
    "points as a text": but("expected_points: Input should be", expected_points="10"),
}
STEPS: dict[str, Kind] = {
    "step of no time": but("seconds: Input should be", workout_plan__steps=[STEP | {"seconds": 0}]),
    "steps in minutes": but("S3", workout_plan__steps=[STEP | {"seconds": 60}]),
    "target in watts": but(
        "unit: Input should be",
        workout_plan__steps=[STEP | {"target": {"unit": "watts", "low": 150, "high": 160}}],
    ),
    "target of 300 per cent": but(
        "less than or equal to 250",
        workout_plan__steps=[STEP | {"target": {"unit": "pct_ftp", "low": 60, "high": 300}}],
    ),
    "repeats within repeats": but(
        "steps.0", workout_plan__steps=[{"kind": "repeat", "count": 2, "steps": [REPEAT]}]
    ),
    "repeat of nothing": but(
        "steps.0", workout_plan__steps=[{"kind": "repeat", "count": 2, "steps": []}]
    ),
    "a thousand steps": but("at most 40 items", workout_plan__steps=[STEP] * 1_000),
    "plan in words": but("workout_plan: Input should be", workout_plan="An easy hour."),
    "two plans": but("workout_plan: Input should be", workout_plan=[PLAN, PLAN]),
}
TEXTS: dict[str, Kind] = {
    "reason too short": but("reason: String should have at least 20", reason="Ride."),
    "reason without end": but("reason: String should have at most 1500", reason="x" * 100_000),
    "one flag for a list": but("flags: Input should be a valid array", flags="tired"),
    "no for false": but("referral: Input should be a valid boolean", needs_medical_referral="no"),
    "evidence without a value": but(
        "evidence.0.value", evidence=[{"metric": "metrics.hrv", "value": None}]
    ),
    "evidence as a text": but(
        "evidence.0.value", evidence=[{"metric": "metrics.hrv", "value": "53"}]
    ),
}
AGAINST_THE_RULES: dict[str, Kind] = {
    "zones that do not add up": but("S1", workout_plan__zones__Z1=50),
    "number that was made up": but("G4", evidence=[{"metric": "metrics.hrv", "value": 99.0}]),
    "markup": but("I1", strategic_notes="<b>Eat</b> early."),
    "script": but("I1", strategic_notes="<script>alert(1)</script>"),
    "link": but("I1", strategic_notes="See https://example.org/plan for more."),
    "points outside an event": but("E1", expected_points=10),
}
LEAKS: dict[str, Kind] = {
    "leaked canary": but("I2", strategic_notes=f"You asked me to say {CANARY}."),
    "leaked canary among the flags": but("I2", flags=[f"say {CANARY}"]),
}
CHOICES: dict[str, Kind] = {
    "refusal": Kind(
        told="The model refused to answer.", ends="refusal", choice=said(None, refusal="No.")
    ),
    "refusal beside a reply": Kind(
        told="The model refused to answer.", ends="refusal", choice=said(GOOD, refusal="No.")
    ),
    "end of its length": Kind(
        GOOD, "cut off before its end", "cut_off", choice={"finish_reason": "length"}
    ),
    "filter": Kind(
        told="filter removed the reply", ends="filtered", choice={"finish_reason": "content_filter"}
    ),
    "tool in place of a reply": Kind(
        choice={**said(None, tool_calls=[TOOL]), "finish_reason": "tool_calls"}
    ),
    "no text": Kind(choice=said(None)),
}
NO_COMPLETION: dict[str, Kind] = {
    "number for a text": Kind(ends="model_error", choice=said(42)),
    "parts for a text": Kind(ends="model_error", choice=said([{"type": "text", "text": GOOD}])),
    "no message": Kind(ends="model_error", choice={"message": None}),
    "no choice": body(json.dumps({**COMPLETION, "choices": []})),
    "null for the choices": body(json.dumps({**COMPLETION, "choices": None})),
    "null for a choice": body(json.dumps({**COMPLETION, "choices": [None]})),
    "error with status 200": body('{"error": {"message": "overloaded"}}'),
    "page of a proxy": body(PAGE),
    "decision without its envelope": body(GOOD),
    "nothing at all": body(""),
    "half an envelope": body('{"id": "1", "choices": [{"index": 0'),
    "stream": body('data: {"choices": []}\n\ndata: [DONE]\n\n'),
    "envelope nested without end": body("[" * 100_000),
    "null for an envelope": body("null"),
    "list for an envelope": body("[1, 2]"),
}


GROUPS = {
    "not JSON": NOT_JSON,
    "no decision": NO_DECISION,
    "numbers": NUMBERS,
    "steps": STEPS,
    "texts": TEXTS,
    "against the rules": AGAINST_THE_RULES,
    "leaks": LEAKS,
    "choices": CHOICES,
    "no completion": NO_COMPLETION,
}
KINDS = {name: kind for group in GROUPS.values() for name, kind in group.items()}


EACH = list(GROUPS)


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]


def coached(mission: Mission) -> MissionRun:
    """Today's run, anew, on the known situation and brought to its end."""
    MissionRun.objects.all().delete()
    Notification.objects.all().delete()
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", situation=KNOWN
    )
    daily_run.run_day(run)
    return MissionRun.objects.get()


def told_on(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def mailed() -> str:
    return Notification.objects.exclude(kind=Notification.Kind.ALERT).get().text


def test_there_are_at_least_forty_kinds_and_no_two_are_the_same() -> None:
    different = {(kind.text, str(kind.choice), kind.body) for kind in KINDS.values()}

    assert len(different) == len(KINDS) == sum(map(len, GROUPS.values())) >= 40


@pytest.mark.parametrize("group", EACH)
def test_kind_that_comes_twice_is_no_guidance_and_no_error(
    mission: Mission, model: Model, as_tester: Client, group: str
) -> None:
    for name, kind in GROUPS[group].items():
        kind.is_said_by(model)
        kind.is_said_by(model)

        run = coached(mission)

        calls = ["rejected", "rejected"] if kind.is_answer else ["unanswered"]
        assert (run.outcome, run.decision) == ("failed", None), name
        assert [one.kind for one in run.incidents.all()] == [kind.ends], name
        assert [call.outcome for call in run.calls.all()] == calls, name
        # Home and the mail say the same of every failure; the page of the run says what it was.
        for told in (told_on(as_tester, run.get_absolute_url()), mailed()):
            assert "No guidance" in told, name
            assert 'class="workout"' not in told, name
            assert PLAN["description"] not in told, name
        model.answers.clear()
    assert '<p class="call">No guidance</p>' in told_on(as_tester, "/")


@pytest.mark.parametrize("group", EACH)
def test_kind_that_comes_once_is_told_to_the_model_and_the_next_reply_counts(
    mission: Mission, model: Model, group: str
) -> None:
    for name, kind in GROUPS[group].items():
        kind.is_said_by(model)
        model.decides()

        run = coached(mission)

        if kind.is_answer:
            assert (run.outcome, run.decision) == ("decided", reply()), name
            assert kind.told in model.questions[-1]["messages"][-1]["content"], name
        else:
            assert (run.outcome, len(model.answers)) == ("failed", 1), name
        model.answers.clear()


def test_what_the_model_says_of_its_own_cost_is_not_believed_where_it_cannot_be(
    mission: Mission, model: Model
) -> None:
    """The reply is sound: the day has its decision, and the count is unknown."""
    usages: list[Any] = [
        None,
        {},
        "many",
        [1],
        {"prompt_tokens": 10**30, "completion_tokens": -1},
        {"prompt_tokens": "2100", "completion_tokens": 1.5, "prompt_tokens_details": "few"},
        {"prompt_tokens": True, "completion_tokens": None, "prompt_tokens_details": []},
    ]
    for usage in usages:
        model.decides()
        model.answers[0]["usage"] = usage

        run = coached(mission)

        call = ModelCall.objects.get()
        assert run.outcome == "decided"
        assert (call.tokens_in, call.tokens_cached, call.tokens_out) == (None, None, None)


def test_last_of_two_equal_keys_counts_and_is_judged(mission: Mission, model: Model) -> None:
    """JSON leaves it open which of them holds; whichever is read is held to every rule."""
    model.says(GOOD[:-1] + ', "action": "ease", "confidence": 0.6}')

    run = coached(mission)

    assert run.decision == reply({"action": "ease", "confidence": 0.6})


def test_blanks_around_an_object_are_json(mission: Mission, model: Model) -> None:
    model.says(f"\n  {GOOD}\n")

    assert coached(mission).decision == reply()


def test_reply_in_another_language_is_taken_and_marked(
    mission: Mission, model: Model, as_tester: Client
) -> None:
    """The checks of words know English: what such a reply says cannot be judged, and is shown."""
    french = reply(
        {
            "reason": "Ta forme est bonne ce matin : une heure tranquille suffit, demain on verra.",
            "workout_plan.description": "Une heure tranquille, à allure régulière.",
            "workout_plan.steps": [],
        }
    )
    model.decides(french)

    run = coached(mission)

    assert (run.outcome, run.decision) == ("decided", french)
    assert [one["rule"] for one in run.flagged] == ["I4"]
    for told in (told_on(as_tester, "/"), told_on(as_tester, run.get_absolute_url()), mailed()):
        assert "une heure tranquille" in told
