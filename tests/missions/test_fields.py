import re
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError

from accounts import formats
from missions.fields import DatesField, PointsField, TargetsField, WeekField
from missions.points import MOST_BONUSES, default_points_schema
from tests.missions.pages import sent_by

WEEK = [60, 0, 90, 60, 0, 180, 120]


class Answers(forms.Form):
    week = WeekField()
    dates = DatesField()
    targets = TargetsField()


def test_fields_sent_as_shown_clean_to_what_they_were_given() -> None:
    values = {
        "week": WEEK,
        "dates": ["2026-07-20", "2026-08-01"],
        "targets": {"ctl": 70, "threshold_minutes": 40},
    }

    again = Answers(sent_by(str(Answers(initial=values))), initial=values)

    assert (again.is_valid(), again.cleaned_data, again.changed_data) == (True, values, [])


def test_each_number_has_a_label_of_its_own() -> None:
    html = str(Answers(initial={"week": WEEK})["week"])

    assert html.startswith('<div class="numbers"><span><label for="id_week_0">Monday</label>')
    assert html.count("<label") == html.count("<input") == 7
    assert '<label for="id_week_6">Sunday</label>' in html
    assert 'name="week_6" value="120"' in html


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("2026-08-01\n2026-07-20", ["2026-07-20", "2026-08-01"]),
        (" 2026-08-01,2026-07-20 ; 2026-08-01 ", ["2026-07-20", "2026-08-01"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_dates_are_taken_as_people_list_them(typed: str, cleaned: list[str]) -> None:
    assert DatesField().clean(typed) == cleaned


@pytest.mark.parametrize("typed", ["2026-02-30", "2026-08-01 1.8.2026", "x" * 100_000])
def test_date_that_is_none_is_named_and_kept(typed: str) -> None:
    field = DatesField()

    with pytest.raises(ValidationError) as refusal:
        field.clean(typed)

    wrong = typed.rsplit(maxsplit=1)[-1][:40]
    assert refusal.value.messages == [
        f"“{wrong}” is not a date. Write it as year-month-day: 2026-08-15."
    ]
    assert field.prepare_value(typed) == typed


@pytest.mark.parametrize("typed", ["", "9", "721", "-60", "1e2", "٦٠", "9" * 5_000, "1.5"])
def test_minutes_that_are_none_are_named_by_their_day(typed: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        WeekField().clean(["60", "0", typed, "60", "0", "180", "120"])

    assert refusal.value.messages == ["The minutes on Wednesday must be 0, or from 20 to 720."]


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        (["70", "", "45", ""], {"ctl": 70, "climb_minutes": 45}),
        (["", "", "", ""], {}),
        ([], {}),
        (None, {}),
        (["lots", "", "", ""], {"ctl": "lots"}),
    ],
)
def test_targets_that_are_left_empty_are_left_out(typed: Any, cleaned: dict[str, Any]) -> None:
    """What is no number stays, for the model's rule to name it."""
    assert TargetsField().clean(typed) == cleaned


def test_widget_tells_stored_numbers_in_words() -> None:
    week, targets = WeekField().widget, TargetsField().widget

    assert week.words([0] * 6 + [90]) == (
        "Monday 0, Tuesday 0, Wednesday 0, Thursday 0, Friday 0, Saturday 0, Sunday 90"
    )
    assert targets.words([70, None, None, None]) == "Fitness (CTL) 70"
    assert targets.words([None] * 4) == "nothing"


class Game(forms.Form):
    points = PointsField()


def game(*bonuses: tuple[str, str, str], **typed: str) -> Game:
    """The points as they are typed: prices by name, each bonus as kind, how many and points."""
    data = {"points_flat_gc": "5", "points_flat_breakaway": "8"}
    for number, bonus in enumerate(bonuses):
        for part, one in zip(("kind", "threshold", "points"), bonus, strict=True):
            data[f"points_bonus_{number}_{part}"] = one
    return Game({**data, **typed})


def rows_at_fault(sent: Game) -> dict[str, str]:
    """What stands below each row, by the key of the row."""
    page = str(sent["points"])
    found = re.findall(r'<td [^>]*id="id_points_(\w+)_error">([^<]+)</td>', page)
    for row, _ in found:
        inputs = re.findall(rf'<input type="number"[^>]* name="points_{row}_\w+"[^>]*>', page)
        described = f'aria-invalid="true" aria-describedby="id_points_{row}_error"'
        assert inputs
        assert all(described in one for one in inputs)
    return dict(found)


@pytest.mark.parametrize("typed", ["-1", "1001", "1.5", "lots", "1e2", "٦", "9" * 5_000])
def test_price_that_is_none_is_told_at_its_kind_of_stage(typed: str) -> None:
    sent = game(points_mtn_itt_gc=typed, points_mtn_itt_breakaway="9")

    words = "Mountain time trial: give whole numbers from 0 to 1000."
    assert sent.errors == {"points": [words]}
    assert rows_at_fault(sent) == {"mtn_itt": words}
    assert f'value="{typed}"' in str(sent["points"])


def test_price_in_one_mode_alone_is_told_at_its_kind_of_stage() -> None:
    sent = game(points_hilly_gc="7", points_itt_breakaway="6")

    assert not sent.is_valid()
    assert rows_at_fault(sent) == {
        "hilly": "Hilly: give points for breakaway too, or leave both empty.",
        "itt": "Time trial: give points for GC too, or leave both empty.",
    }


FIVE = {"threshold": 5, "points": 5}
WHOLE = "give whole numbers, from 1 to 1000 for how many and from 0 to 1000 for the points."


@pytest.mark.parametrize(
    ("bonus", "words"),
    [
        (("consecutive", "", "5"), "Stages in a row: say how many, or leave the points empty."),
        (("consecutive", "0", "5"), f"Stages in a row: {WHOLE}"),
        (("breakaway", "1001", "5"), f"1001 stages in the breakaway: {WHOLE}"),
        (("breakaway", "9" * 5_000, "5"), f"Stages in the breakaway: {WHOLE}"),
        (("breakaway", "2", "many"), f"2 stages in the breakaway: {WHOLE}"),
        (
            ("all_gc", "60", "-5"),
            "Every stage for GC: give a whole number of points, from 0 to 1000.",
        ),
    ],
)
def test_bonus_that_is_none_is_told_at_its_row(bonus: tuple[str, str, str], words: str) -> None:
    sent = game(("consecutive", "3", "5"), bonus)

    assert sent.errors == {"points": [words]}
    assert rows_at_fault(sent) == {"bonus_1": words}


def test_bonus_that_is_there_twice_is_told_at_the_second() -> None:
    sent = game(("breakaway", "3", "5"), ("consecutive", "3", "5"), ("consecutive", "03", "6"))

    assert not sent.is_valid()
    assert rows_at_fault(sent) == {
        "bonus_2": "3 stages in a row: this bonus is here twice. Leave one out."
    }


def test_bonuses_beyond_the_most_are_told_at_their_rows() -> None:
    rows = [("consecutive", str(number + 1), "5") for number in range(MOST_BONUSES)]

    assert game(*rows).is_valid()
    assert rows_at_fault(game(*rows, ("all_gc", "60", "5"))) == {
        f"bonus_{MOST_BONUSES}": "Every stage for GC: 20 bonuses are the most. Leave one out."
    }


def test_points_are_shown_again_row_by_row_as_they_were_typed() -> None:
    sent = game(
        ("all_gc", "7", ""),
        ("consecutive", "4", ""),
        ("breakaway", "x", "y"),
        ("consecutive", "", "2"),
        points_flat_gc="five",
    )

    assert not sent.is_valid()
    shown = sent_by(str(sent))
    assert {name: shown[name] for name in sent.data} == sent.data
    added = [value for name, value in shown.items() if name not in sent.data and "kind" in name]
    assert added == ["consecutive", "breakaway", "all_mountains_breakaway", "final_week_complete"]


@pytest.mark.parametrize(
    ("threshold", "words"), [(59, "all, at most 59"), (60, "all of them"), (1000, "all of them")]
)
def test_bonus_over_the_whole_plan_says_how_many_it_wants(threshold: int, words: str) -> None:
    bonus = {"all_gc": {"threshold": threshold, "points": 5}}
    schema = {**default_points_schema(), "bonuses": bonus}

    html = str(Game(initial={"points": schema})["points"])

    row = html[html.index('value="all_gc"') :]
    assert row.split('<span class="small">')[1].startswith(f"{words}</span>")


def test_empty_row_of_a_kind_that_is_there_is_for_another_bonus() -> None:
    schema = {"flat": {"gc": 5, "breakaway": 8}, "bonuses": {"consecutive_5": FIVE}}

    titles = re.findall(r'<th scope="row">([^<]+)<input', str(Game(initial={"points": schema})))

    assert titles == [
        "Stages in a row",
        "Another bonus for stages in a row",
        "Stages in the breakaway",
        "Every mountain stage in the breakaway",
        "Every stage of the last seven days",
        "Every stage for GC",
    ]


def test_bonus_of_a_kind_that_does_not_exist_is_not_taken() -> None:
    sent = game(("consecutive_3", "3", "5"), ("king_of_hearts", "1", "5"))

    assert sent.is_valid()
    assert sent.cleaned_data == {"points": {"flat": {"gc": 5, "breakaway": 8}}}


def test_week_is_shown_from_its_readers_first_day_and_sent_from_monday() -> None:
    form = type("F", (forms.Form,), {"week": WeekField()})()

    with formats.written_for(formats.Reader(first_weekday=6)):
        shown, target = str(form["week"]), form["week"].id_for_label

    names = re.findall(
        r'<label for="id_week_(\d)">(\w+)</label><input type="number" name="week_(\d)"', shown
    )
    assert names[:2] == [("6", "Sunday", "6"), ("0", "Monday", "0")]
    assert [place for place, _, _ in names] == list("6012345")
    assert target == "id_week_6"
