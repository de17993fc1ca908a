import json
from pathlib import Path

from coach import flag_words

RUBRIC = Path(__file__).parent.parent / "data" / "rubric.json"


def test_every_rule_that_only_marks_has_its_words() -> None:
    rules = json.loads(RUBRIC.read_text(encoding="utf-8"))["rules"]

    assert set(flag_words.WORDS) == {rule["id"] for rule in rules if rule["on_violation"] == "flag"}


def test_rule_is_told_once_and_one_that_is_gone_not_at_all() -> None:
    flagged = [{"rule": "T1"}, {"rule": "I4"}, {"rule": "T1"}, {"rule": "X9"}]

    assert flag_words.of(flagged) == [
        "You have just crossed several time zones: take hard work with care.",
        "The reason does not speak to you.",
    ]
