import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db.models import F

from coach import claims, conversation, llm
from coach.conversation import NoReply, Unusable
from coach.models import MissionRun, ModelCall, RuleTally
from coach.prompts import Prompt
from coach.replies import Decision
from missions.models import Mission
from tests.coach.conftest import Model
from tests.coach.samples import EVENT, HARD, IN_THE_BUNCH, decision, reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

PROMPT = Prompt(version="training_day@abc", system="You are the coach.", user="<situation>")
ASKED = "[system]\nYou are the coach.\n\n[user]\n<situation>"
TIRED = situation({"metrics.readiness": 69})
PLAIN = {"evidence": [], "reason": "You are tired this morning, so the hour stays an easy one."}
TOO_HARD = reply(HARD, PLAIN)
OBJECTION = (
    "That reply cannot be used:\n{}\n"
    "Answer again with one complete new JSON object that follows the schema."
)
HARD_IS_NOT_ALLOWED = (
    "L1: readiness (fresh) < min_readiness => not HARD. Observed: readiness 69 is below 70, and "
    "push, moderate, 60 minutes, 0 in Z3, 10 in Z4 or above; allowed: a day that is not hard: at "
    "most 5 minutes in Z4 or above, no high intensity, no push and no breakaway"
)
Outcome = ModelCall.Outcome


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def claim(mission: Mission) -> claims.Claim[MissionRun]:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    taken = claims.take(run, NOW)
    assert taken is not None
    return taken


def stored(run: MissionRun, text: str, **fields: Any) -> ModelCall:
    values = {"attempt": 1, "outcome": Outcome.ANSWERED, "finish_reason": "stop", **fields}
    return ModelCall.objects.create(run=run, model="gpt-4o-mini", reply=text, **values)


def calls(run: MissionRun) -> list[tuple[int, str, str]]:
    return [(call.attempt, call.outcome, call.problem) for call in run.calls.all()]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_decide_returns_what_the_model_said_and_keeps_how_it_was_asked(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.decides()

    assert conversation.decide(claim, situation(), PROMPT) == decision()

    (call,) = claim.row.calls.all()
    said = json.dumps(reply())
    assert (call.attempt, call.outcome, call.problem, call.refusal) == (1, "accepted", "", "")
    assert (call.model, call.prompt_version) == ("gpt-4o-mini", "training_day@abc")
    assert (call.prompt, call.prompt_sha256) == (ASKED, sha256(ASKED))
    assert (call.reply, call.reply_sha256) == (said, sha256(said))
    assert (call.tokens_in, call.tokens_cached, call.tokens_out) == (2100, 1024, 310)
    assert (call.finish_reason, call.asked_at) == ("stop", NOW)
    assert (call.owner, call.purpose) == (claim.row.mission.owner, "day")
    assert call.cost_usd == Decimal("0.000424")
    assert [question["messages"] for question in model.questions] == [PROMPT.messages()]


def test_decide_asks_the_model_of_the_situation_whatever_the_mission_became_since(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.decides(reply(IN_THE_BUNCH))

    conversation.decide(claim, situation(EVENT), PROMPT)

    assert claim.row.mission.state == Mission.State.TRAINING
    assert [question["model"] for question in model.questions] == ["gpt-4o"]


def test_decide_asks_once_more_and_says_what_was_wrong(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    easy = reply({"action": "ease", **PLAIN})
    model.decides(TOO_HARD, easy)

    assert conversation.decide(claim, TIRED, PROMPT) == Decision.model_validate(easy)

    first, second = model.questions
    assert (first["temperature"], second["temperature"]) == (0.4, 0)
    assert second["messages"] == [
        *first["messages"],
        {"role": "assistant", "content": json.dumps(TOO_HARD)},
        {"role": "user", "content": OBJECTION.format(HARD_IS_NOT_ALLOWED)},
    ]
    assert calls(claim.row) == [(1, "rejected", HARD_IS_NOT_ALLOWED), (2, "accepted", "")]
    observed, _, allowed = HARD_IS_NOT_ALLOWED.partition("Observed: ")[2].partition("; allowed: ")
    assert [call.violations for call in claim.row.calls.all()] == [
        [{"rule": "L1", "observed": observed, "allowed": allowed}],
        [],
    ]
    tallied = RuleTally.objects.values_list("model", "rule", "count")
    assert list(tallied) == [("gpt-4o-mini", "L1", 1)]


def test_decide_gives_up_after_the_second_unusable_reply(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.says(json.dumps(TOO_HARD), "Ride as you like.")

    with pytest.raises(NoReply) as given_up:
        conversation.decide(claim, TIRED, PROMPT)

    assert given_up.value.kind == "invalid_reply"
    first, second = claim.row.calls.all()
    assert first.prompt_sha256 != second.prompt_sha256
    assert str(given_up.value) == (
        f"Attempt 1 (gpt-4o-mini, prompt {first.prompt_sha256[:16]}, reply "
        f"{sha256(json.dumps(TOO_HARD))[:16]}): {HARD_IS_NOT_ALLOWED}\n"
        f"Attempt 2 (gpt-4o-mini, prompt {second.prompt_sha256[:16]}, reply "
        f"{sha256('Ride as you like.')[:16]}): "
        "reply: Invalid JSON: expected value at line 1 column 1"
    )
    assert len(model.questions) == 2


def test_decide_tells_the_kind_of_the_last_problem(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.says("{")
    model.says(None, message={"role": "assistant", "content": None, "refusal": "No."})

    with pytest.raises(NoReply) as given_up:
        conversation.decide(claim, situation(), PROMPT)

    assert given_up.value.kind == "refusal"
    assert [(call.refusal, call.reply) for call in claim.row.calls.all()] == [
        ("", "{"),
        ("No.", ""),
    ]


def test_refusal_is_not_repeated_to_the_model_as_its_own_words(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.says(None, message={"role": "assistant", "content": None, "refusal": "No."})
    model.decides()

    conversation.decide(claim, situation(), PROMPT)

    assert model.questions[1]["messages"][2:] == [
        {"role": "user", "content": OBJECTION.format("The model refused to answer.")}
    ]


def test_endless_reply_is_not_repeated_to_the_model(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    most = conversation.MOST_REPEATED
    for said, is_repeated in (("x" * most, True), ("x" * (most + 1), False)):
        ModelCall.objects.all().delete()
        model.says(said)
        model.decides()

        conversation.decide(claim, situation(), PROMPT)

        first, second = (question["messages"] for question in model.questions[-2:])
        repeated = [{"role": "assistant", "content": said}] if is_repeated else []
        assert second[:-1] == [*first, *repeated]


def test_answer_that_was_stored_is_read_and_not_asked_for_again(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    stored(claim.row, json.dumps(reply()))

    assert conversation.decide(claim, situation(), PROMPT) == decision()
    assert model.questions == []
    assert calls(claim.row) == [(1, "accepted", "")]


def test_answer_that_was_rejected_before_a_crash_leads_to_the_second_attempt(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    stored(claim.row, json.dumps(TOO_HARD), outcome=Outcome.REJECTED)
    model.decides(reply({"action": "ease", **PLAIN}))

    assert conversation.decide(claim, TIRED, PROMPT).action == "ease"

    (question,) = model.questions
    assert question["messages"][-1]["content"] == OBJECTION.format(HARD_IS_NOT_ALLOWED)


def test_question_without_an_answer_is_asked_again_by_the_next_worker(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    stored(claim.row, "", outcome=Outcome.UNANSWERED, problem_kind="timeout")
    model.decides()

    assert conversation.decide(claim, situation(), PROMPT) == decision()
    assert calls(claim.row) == [(1, "accepted", "")]


def test_model_that_cannot_be_asked_is_no_decision_and_on_record(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.answers.append({"error": "the proxy's own words"})

    with pytest.raises(NoReply) as failed:
        conversation.decide(claim, situation(), PROMPT)

    words = "The model sent an answer that is no completion."
    assert (failed.value.kind, str(failed.value)) == (
        "model_error",
        f"Attempt 1 (gpt-4o-mini, prompt {sha256(ASKED)[:16]}): {words}",
    )
    assert calls(claim.row) == [(1, "unanswered", words)]


def test_model_that_falls_silent_after_an_unusable_reply_leaves_both_on_record(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.says("{")
    model.answers.append({"error": "the proxy's own words"})

    with pytest.raises(NoReply) as failed:
        conversation.decide(claim, situation(), PROMPT)

    first, second = str(failed.value).split("\n")
    assert failed.value.kind == "model_error"
    assert first.startswith(f"Attempt 1 (gpt-4o-mini, prompt {sha256(ASKED)[:16]}, reply ")
    assert second.endswith("): The model sent an answer that is no completion.")
    assert [call.outcome for call in claim.row.calls.all()] == ["rejected", "unanswered"]


def test_answer_that_comes_after_another_worker_took_over_is_dropped(
    claim: claims.Claim[MissionRun], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.decides()
    complete = llm.complete

    def slowly(*args: Any, **options: Any) -> llm.Answer:
        answer = complete(*args, **options)
        MissionRun.objects.update(fence=F("fence") + 1)
        return answer

    monkeypatch.setattr(llm, "complete", slowly)

    with pytest.raises(claims.Lost):
        conversation.decide(claim, situation(), PROMPT)

    assert calls(claim.row) == []


def test_worker_that_lost_its_run_does_not_ask_for_it(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    MissionRun.objects.update(fence=F("fence") + 1)

    with pytest.raises(claims.Lost):
        conversation.decide(claim, situation(), PROMPT)

    assert model.questions == []


def test_lease_is_renewed_when_the_model_is_asked(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.decides()

    with time_machine.travel(NOW + MissionRun.LEASE / 2, tick=False):
        conversation.decide(claim, situation(), PROMPT)

    assert MissionRun.objects.get().lease_until == NOW + MissionRun.LEASE * 1.5


def test_reply_with_text_no_database_stores_is_kept_and_refused(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.says("{\0\ud800}", finish_reason="a reason nobody has heard of")
    model.says(json.dumps(reply({"reason": "Ride easy today, \0 as long as you like."})))

    with pytest.raises(NoReply) as given_up:
        conversation.decide(claim, situation(), PROMPT)

    first = claim.row.calls.get(attempt=1)
    assert (first.reply, first.finish_reason) == ("{\ufffd\ufffd}", "a reason nobody has ")
    assert str(given_up.value).endswith("): reply: A text holds the character NUL.")


def test_answer_without_usage_has_unknown_tokens(
    claim: claims.Claim[MissionRun], model: Model
) -> None:
    model.decides()
    del model.answers[0]["usage"]

    conversation.decide(claim, situation(), PROMPT)

    call = claim.row.calls.get()
    assert (call.tokens_in, call.tokens_cached, call.tokens_out) == (None, None, None)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        ({"refusal": "I cannot."}, "refusal", "The model refused to answer."),
        ({"finish_reason": "length"}, "cut_off", "The reply was cut off before its end."),
        (
            {"finish_reason": "content_filter"},
            "filtered",
            "The provider's filter removed the reply.",
        ),
        (
            {"reply": ""},
            "invalid_reply",
            "reply: Invalid JSON: EOF while parsing a value at line 1",
        ),
        (
            {"reply": json.dumps(reply({"action": "rest", "confidence": 2.0}))},
            "invalid_reply",
            (
                "action: Input should be 'recover', 'ease', 'maintain' or 'push'\n"
                "confidence: Input should be less than or equal to 1"
            ),
        ),
        (
            {"reply": json.dumps(reply({"evidence": [{"metric": "metrics.tsb", "value": 9.0}]}))},
            "invalid_reply",
            "G4: evidence[] entries exist in the context with equal values (0.05). ",
        ),
    ],
)
def test_read_names_why_an_answer_is_no_decision(
    call: dict[str, str], kind: str, words: str
) -> None:
    # Whatever ended it early, the text alone could have been a decision.
    answer = ModelCall(**{"reply": json.dumps(reply()), "finish_reason": "stop", **call})

    with pytest.raises(Unusable) as unusable:
        conversation.read(answer, conversation.for_the_day(situation(), PROMPT))

    assert unusable.value.kind == kind
    assert str(unusable.value).startswith(words)


def test_schema_problems_name_the_place_and_never_the_value() -> None:
    said = json.dumps(reply({"evidence": [{"metric": "metrics.hrv", "value": "53 ms"}]}))

    with pytest.raises(Unusable) as unusable:
        conversation.read(ModelCall(reply=said), conversation.for_the_day(situation(), PROMPT))

    assert str(unusable.value) == "evidence.0.value: Input should be a valid number"
