import pytest

from coach.replies import ZoneMinutes
from coach.rules import RULES, Violation, flags, violations
from tests.coach.rules.cases import BREAKS, SOUND, zones
from tests.coach.samples import decision, situation


def test_every_rule_is_broken_alone_and_tells_what_it_saw() -> None:
    wrong = []
    for case in BREAKS:
        morning, answer = situation(case.situation), decision(case.decision)
        asked_again, marked = violations(morning, answer), flags(morning, answer)
        is_flag = RULES[case.rule].is_flag
        ids = [one.rule for one in (marked if is_flag else asked_again)]
        told = next((one for one in (*asked_again, *marked) if one.rule == case.rule), None)
        is_alone = case.rule in ids and (asked_again == [] if is_flag else ids == [case.rule])
        if not is_alone or (case.observed and told is not None and told.observed != case.observed):
            wrong.append((case, [str(one) for one in (*asked_again, *marked)]))

    assert wrong == []


def test_every_rule_has_a_case_that_breaks_it() -> None:
    # Of S2 the schema leaves no case: see below.
    assert {case.rule for case in BREAKS} == set(RULES) - {"S2"}


def test_minutes_below_zero_are_no_zones() -> None:
    answer = decision()
    assert answer.workout_plan is not None
    spent = ZoneMinutes.model_validate(zones(Z2=70)).model_copy(update={"Z1": -10})
    plan = answer.workout_plan.model_copy(update={"zones": spent, "steps": []})

    assert violations(situation(), answer.model_copy(update={"workout_plan": plan})) == [
        Violation("S2", RULES["S2"].predicate, "Z1 -10", "Z1 to Z7, each 0 minutes or more")
    ]


def test_sound_decisions_break_nothing_for_which_the_model_is_asked_again() -> None:
    broken = {
        name: told
        for name, (morning, answer) in SOUND.items()
        if (told := violations(situation(morning), decision(answer)))
    }

    assert broken == {}
    assert len(SOUND) >= 20


def test_sound_decisions_are_hardly_marked() -> None:
    marked = {
        name: [one.rule for one in told]
        for name, (morning, answer) in SOUND.items()
        if (told := flags(situation(morning), decision(answer)))
    }

    assert marked == {}


@pytest.mark.parametrize("state", ["PREP", "EVENT_ACTIVE", "MISSION_COMPLETE"])
def test_rules_of_training_are_silent_elsewhere(state: str) -> None:
    morning = situation({"mission.state": state, "metrics.days_since_rest": 9})

    ids = {one.rule for one in (*violations(morning, decision()), *flags(morning, decision()))}

    assert ids.isdisjoint(one.id for one in RULES.values() if one.state == "TRAINING")


def test_two_broken_rules_are_both_told_with_observed_and_allowed() -> None:
    told = violations(
        situation({"mission.availability.today_minutes": 30}), decision({"confidence": 1.0})
    )

    assert [one.as_json() for one in told] == [
        {"rule": "L5", "observed": "60 minutes", "allowed": "at most 35 minutes"},
        {"rule": "C2", "observed": "confidence 1", "allowed": "at most 0.95"},
    ]
