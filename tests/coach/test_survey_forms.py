import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.http import QueryDict

from accounts.models import Ftp, User
from coach.builder import answers, mission_builder
from coach.builder.answers import Change
from coach.builder.forms import ANSWERS, STEPS, SurveyForm
from coach.builder.review import CHANGED_MEANWHILE, ReviewForm, in_our_words
from coach.builder.survey import Survey
from coach.models import MissionDraft
from missions.models import Mission
from tests.coach import drafts
from tests.factories import NOW, TODAY

DRAFT = UUID(int=7)
TYPED = {
    "event_name": "Ronde van de Canary",
    "event_start": "2026-08-03",
    "event_end": "2026-08-07",
    "mission_type": "road_stage_race",
    "event_style": "breakaway",
    "weekly_hours_min": "5",
    "weekly_hours_max": "8.5",
    **{f"weekday_minutes_{i}": str(m) for i, m in enumerate((60, 60, 90, 60, 0, 180, 150))},
    "blackout_dates": "2026-07-21, 2026-07-20",
    "ftp_w": "231",
    "restrictions": "The left knee hurts on long climbs.",
    "timezone": "Europe/Paris",
    "send_time": "06:30",
    "brief_detail": "short",
    "is_brief_mailed": "no",
}
NO_WEEK = {f"weekday_minutes_{i}": "" for i in range(7)}


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def form(was: dict[str, Any] | None = None, /, **typed: str) -> SurveyForm:
    """The page's form as it is sent, made from the answers `was`."""
    made = SurveyForm({"was": json.dumps(was or {}), "draft_id": str(DRAFT), **typed})
    made.is_valid()
    return made


# --- what was typed, as a survey stores it ---


def test_form_asks_for_every_answer_of_the_survey_and_nothing_else() -> None:
    assert set(ANSWERS) == set(Survey.model_fields)


def test_what_was_typed_is_read_as_the_survey_stores_it() -> None:
    assert form(**TYPED).change() == Change(drafts.answers())


def test_survey_shown_and_sent_back_changes_nothing() -> None:
    shown = SurveyForm.showing(drafts.answers(), DRAFT)
    sent = QueryDict(mutable=True)
    for field in shown:
        value = field.value()
        parts = value if field.name == "weekday_minutes" else [value]
        for index, part in enumerate(parts):
            name = f"{field.name}_{index}" if len(parts) > 1 else field.name
            if part not in (None, False):
                sent[name] = str(part)

    back = SurveyForm(sent)

    assert (back.is_valid(), back.change()) == (True, Change({}))


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ({"ftp_w": "250"}, {"ftp_w": 250}),
        ({"is_ftp_unknown": "on"}, {"ftp_w": None}),
        ({"is_ftp_unknown": "on", "ftp_w": "250"}, {"ftp_w": None}),
        ({"is_ftp_unknown": "on", "ftp_w": "strong"}, {"ftp_w": None}),
        ({"event_start": "2026-08-03"}, {"event_start": "2026-08-03", "event_end": "2026-08-03"}),
        ({"event_end": "2026-08-03"}, {"event_end": "2026-08-03"}),
        ({"is_brief_mailed": "yes"}, {"is_brief_mailed": True}),
        ({"weekly_hours_max": "0"}, {"weekly_hours_max": 0.0}),
        (NO_WEEK, {}),
        ({**NO_WEEK, "weekday_minutes_6": "90"}, {"weekday_minutes": [0, 0, 0, 0, 0, 0, 90]}),
        ({"event_name": "   "}, {}),
    ],
)
def test_typed_answer_becomes_one_of_the_survey(
    typed: dict[str, str], given: dict[str, Any]
) -> None:
    was = {"restrictions": "", "blackout_dates": []}

    assert form(was, **typed).change() == Change(given)


@pytest.mark.parametrize(
    ("typed", "problems"),
    [
        (
            {"event_start": "3 August"},
            {"event_start": "Write the date as year-month-day, such as 2026-08-15."},
        ),
        ({"mission_type": "a walk"}, {"mission_type": "Choose one of these."}),
        ({"weekly_hours_min": "nan"}, {"weekly_hours_min": "Enter a number."}),
        ({"ftp_w": "strong"}, {"ftp_w": "Enter a whole number."}),
        (
            {"send_time": "dawn"},
            {"send_time": "Write the time as hours and minutes, such as 06:00."},
        ),
        (
            {"blackout_dates": "soon"},
            {"blackout_dates": "“soon” is not a date. Write it as year-month-day: 2026-08-15."},
        ),
        (
            {**NO_WEEK, "weekday_minutes_1": "an hour"},
            {"weekday_minutes": "The minutes on Tuesday must be 0, or from 20 to 720."},
        ),
        ({"event_name": "a\0b"}, {"event_name": "Leave out characters that cannot be seen."}),
    ],
)
def test_answer_that_cannot_be_read_is_no_change_and_is_told(
    typed: dict[str, str], problems: dict[str, str]
) -> None:
    was = {"restrictions": "", "blackout_dates": []}

    sent = form(was, **typed)

    assert (sent.problems(), sent.change()) == (problems, Change({}))


def test_answer_that_was_emptied_is_taken_back() -> None:
    sent = form(drafts.answers(), **{**TYPED, "event_name": "", "ftp_w": ""})

    assert sent.change() == Change({}, frozenset({"event_name", "ftp_w"}))


@pytest.mark.parametrize("was", ["", "[1]", "{", "[" * 100_000, '{"password": 1}', "null", "{\0}"])
def test_page_that_lost_what_it_was_made_of_changes_all_it_says(was: str) -> None:
    sent = SurveyForm({**TYPED, "was": was})
    sent.is_valid()

    assert sent.change() == Change(drafts.answers())


def test_form_shows_one_day_as_one_and_an_unknown_ftp_as_unknown() -> None:
    shown = SurveyForm.showing(
        drafts.answers(event_end="2026-08-03", ftp_w=None, is_brief_mailed=True), DRAFT
    )

    told = {name: shown[name].value() for name in ("event_end", "ftp_w", "is_ftp_unknown")}
    assert told == {"event_end": None, "ftp_w": None, "is_ftp_unknown": True}
    assert shown["is_brief_mailed"].value() == "yes"


def test_hours_are_shown_as_they_were_typed() -> None:
    stored = form(weekly_hours_min="4", weekly_hours_max="8.5").change().given

    shown = SurveyForm.showing(stored, DRAFT)

    assert [str(shown[f"weekly_hours_{end}"].value()) for end in ("min", "max")] == ["4", "8.5"]


def test_every_question_is_on_the_page_once_and_one_of_them_here() -> None:
    questions = SurveyForm().questions(STEPS[2])

    assert [question["is_here"] for question in questions] == [step is STEPS[2] for step in STEPS]
    assert [field.name for question in questions for field in question["fields"]] == [
        name for step in STEPS for name in step.fields
    ]


# --- answers so far ---


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({}, {}),
        ({"event_name": "Tour"}, {}),
        ({"event_end": "2026-08-07"}, {}),
        ({"event_start": "2026-08-07"}, {}),
        ({"weekly_hours_max": 1}, {}),
        ({"weekly_hours_min": 12}, {}),
        ({"weekday_minutes": [0, 0, 0, 0, 0, 600, 0]}, {}),
        ({"ftp_w": 12}, {"ftp_w": "Give whole watts from 40 to 600, or say that you do not know."}),
        (
            {"event_start": "2026-08-07", "event_end": "2026-08-03", "ftp_w": 12},
            {
                "ftp_w": "Give whole watts from 40 to 600, or say that you do not know.",
                "event_end": "The last day of the event is before the first.",
            },
        ),
        (
            {"weekly_hours_min": 9, "weekly_hours_max": 8},
            {"weekly_hours_min": "The least is more than the most."},
        ),
        (
            {"event_start": "2026-07-03", "event_end": "2026-07-09"},
            {"event_start": "The event has begun already. Choose days that are to come."},
        ),
    ],
)
def test_problems_so_far_are_those_of_the_answers_there_are(
    given: dict[str, Any], problems: dict[str, str]
) -> None:
    assert answers.problems_so_far(given, local_date=TODAY) == problems


def test_survey_that_is_complete_and_right_has_no_problems_so_far() -> None:
    assert answers.problems_so_far(drafts.answers(), local_date=TODAY) == {}


@pytest.mark.django_db
def test_survey_begins_with_what_the_account_says(tester: User) -> None:
    Ftp.objects.create(user=tester, effective_date=TODAY, power_w=240)

    assert answers.known_of(tester, TODAY) == {
        "timezone": "Europe/Paris",
        "send_time": "06:00",
        "brief_detail": "full",
        "is_brief_mailed": True,
        "restrictions": "",
        "blackout_dates": [],
        "ftp_w": 240,
    }


@pytest.mark.django_db
def test_survey_says_nothing_of_an_ftp_the_account_does_not_know(tester: User) -> None:
    assert "ftp_w" not in answers.known_of(tester, TODAY)


@pytest.mark.django_db
def test_draft_begun_twice_is_one_and_a_stranger_gets_none(tester: User, stranger: User) -> None:
    pk = uuid4()

    (first, is_new), (second, is_new_again) = (answers.begin(tester, pk, NOW) for _ in range(2))

    assert (first, first.survey) == (second, answers.known_of(tester, TODAY))
    assert (is_new, is_new_again) == (True, False)
    with pytest.raises(MissionDraft.DoesNotExist):
        answers.begin(stranger, pk, NOW)
    assert MissionDraft.objects.count() == 1


@pytest.mark.django_db
def test_number_of_a_mission_begins_no_draft(tester: User, mission: Mission) -> None:
    with pytest.raises(MissionDraft.DoesNotExist):
        answers.begin(tester, mission.pk, NOW)

    assert MissionDraft.objects.count() == 0


@pytest.mark.django_db
def test_draft_beyond_the_most_is_refused_and_one_of_them_goes_on(
    tester: User, stranger: User, mission: Mission
) -> None:
    open_ones = [drafts.draft(tester) for _ in range(answers.MOST_OPEN - 1)]
    drafts.drafted(tester, mission=mission)

    last, _ = answers.begin(tester, uuid4(), NOW)
    words = "You have 20 drafts. Discard one, then begin another."
    with pytest.raises(mission_builder.NotNow, match=words):
        answers.begin(tester, uuid4(), NOW)

    assert answers.begin(tester, open_ones[0].pk, NOW) == (open_ones[0], False)
    assert answers.begin(tester, last.pk, NOW) == (last, False)
    assert answers.begin(stranger, uuid4(), NOW)[1] is True


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Ronde van de Canary", "What the model calls it"])
def test_new_name_of_the_event_is_that_of_a_draft_nobody_named(tester: User, name: str) -> None:
    told = drafts.proposal({"name": name})
    draft = drafts.drafted(tester, drafted=told, proposal=told)

    for changed in ("Another ", "Yet  another"):
        answers.keep(draft, Change({"event_name": changed}), NOW)

    stored = MissionDraft.objects.get()
    assert (stored.name, draft.proposal) == ("Yet another", stored.proposal)
    assert stored.drafted == told


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [Change({"ftp_w": 300}), Change({}, frozenset({"event_name"}))], ids=str
)
def test_other_answers_leave_the_name_of_a_draft(tester: User, change: Change) -> None:
    draft = drafts.drafted(tester, drafted=drafts.proposal({"name": "The model's"}))
    MissionDraft.objects.update(proposal=drafts.proposal({"name": "The model's"}))

    answers.keep(draft, change, NOW)

    assert MissionDraft.objects.get().name == "The model's"


@pytest.mark.django_db
def test_draft_keeps_the_name_its_tester_gave_it_and_the_review_says_so(tester: User) -> None:
    draft = drafts.drafted(tester, proposal=drafts.proposal({"name": "Mine"}))
    before = ReviewForm(draft=draft).name_in_answers()

    answers.keep(draft, Change({"event_name": "Another"}), NOW)

    assert (MissionDraft.objects.get().name, before) == ("Mine", "")
    assert ReviewForm(draft=draft).name_in_answers() == "Another"


@pytest.mark.django_db
def test_keeping_writes_what_is_right_and_leaves_the_rest(tester: User) -> None:
    draft = drafts.draft(tester)

    problems = answers.keep(draft, Change({"event_name": "Another", "ftp_w": 12}), NOW)

    assert problems == {"ftp_w": "Give whole watts from 40 to 600, or say that you do not know."}
    assert draft.survey == drafts.answers(event_name="Another")
    assert MissionDraft.objects.get().survey == draft.survey


@pytest.mark.django_db
def test_two_windows_keep_each_other_s_answers(tester: User) -> None:
    one, other = drafts.draft(tester), MissionDraft.objects.get()

    answers.keep(one, Change({"event_name": "Another"}), NOW)
    answers.keep(other, Change({"ftp_w": 300}, frozenset({"weekday_minutes"})), NOW)

    expected = drafts.answers(event_name="Another", ftp_w=300)
    del expected["weekday_minutes"]
    assert MissionDraft.objects.get().survey == expected


@pytest.mark.django_db
def test_answers_stand_while_a_draft_is_made_of_them(tester: User) -> None:
    draft = drafts.draft(tester, outcome=MissionDraft.Outcome.UNDER_WAY)

    with pytest.raises(mission_builder.NotNow):
        answers.keep(draft, Change({"event_name": "Another"}), NOW)
    assert MissionDraft.objects.get().survey == drafts.answers()


# --- the review ---


def review(draft: MissionDraft, **typed: str | None) -> ReviewForm:
    """The form of a draft as it is sent when a tester types so and leaves the rest."""
    made = ReviewForm(sent(draft, **typed), draft=draft)
    made.is_valid()
    return made


def sent(draft: MissionDraft, **typed: str | None) -> dict[str, str]:
    """What a browser sends of the form; None for a box that is not ticked, or an empty field."""
    values: dict[str, Any] = {}
    for field in ReviewForm(draft=draft):
        value = field.value()
        values[field.name] = "on" if value is True else value
    values |= typed
    return {name: str(one) for name, one in values.items() if one not in (None, False)}


@pytest.mark.django_db
def test_proposal_shown_and_sent_back_is_the_same(tester: User) -> None:
    assert review(drafts.drafted(tester)).as_proposal() == drafts.proposal()


@pytest.mark.django_db
def test_what_the_tester_types_is_in_the_proposal(tester: User) -> None:
    typed = {
        "name": "My Ronde",
        "prep_start": "2026-07-10",
        "type_0": "itt",
        "rest_1": "on",
        "min_tsb": "-10",
        "max_rhr": "58",
        "target_ctl": "55",
        "target_long_ride_minutes": None,
        "itt_gc": "6",
        "flat_gc": None,
        "flat_breakaway": None,
        "threshold_0": "4",
        "points_1": None,
        "points_2": "12",
        "threshold_2": "3",
        "notes": "Mind the knee.",
    }

    assert review(drafts.drafted(tester), **typed).as_proposal() == drafts.proposal(
        {
            "name": "My Ronde",
            "prep_start": "2026-07-10",
            "stages.0.stage_type": "itt",
            "stages.1.is_rest_day": True,
            "constraints.min_tsb": -10,
            "constraints.max_rhr": 58,
            "targets.ctl": 55,
            "targets.long_ride_minutes": None,
            "points_schema.itt.gc": 6,
            "points_schema.flat": None,
            "points_schema.bonuses": [
                {"name": "consecutive_4", "threshold": 4, "points": 5},
                {"name": "breakaway_3", "threshold": 3, "points": 12},
            ],
            "notes": "Mind the knee.",
        }
    )


@pytest.mark.django_db
def test_bonus_for_all_of_a_kind_counts_the_plan_itself(tester: User) -> None:
    made = review(drafts.drafted(tester), type_2="flat", points_3="4", points_4="9", rest_0="on")

    assert made.as_proposal()["points_schema"]["bonuses"] == [
        {"name": "consecutive_3", "threshold": 3, "points": 5},
        {"name": "all_mountains_breakaway", "threshold": 1, "points": 10},
        {"name": "final_week_complete", "threshold": 4, "points": 4},
        {"name": "all_gc", "threshold": 4, "points": 9},
    ]


@pytest.mark.django_db
def test_every_limit_of_a_mission_can_be_reviewed_once(tester: User) -> None:
    groups = ReviewForm(draft=drafts.drafted(tester)).limit_groups()

    shown = [field.name for group in groups for field in group["fields"]]
    assert sorted(shown) == sorted(Mission.LIMITS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("name", "name"),
        ("prep_start", "prep_start"),
        ("constraints.min_tsb", "min_tsb"),
        ("targets.ctl", "target_ctl"),
        ("targets.threshold_minutes", "target_threshold_minutes"),
        ("stages", "type_0"),
        ("stages.3.date", "type_3"),
        ("stages.3.is_rest_day", "rest_3"),
        ("points_schema.itt", "itt_gc"),
        ("points_schema.itt.breakaway", "itt_breakaway"),
        ("points_schema.bonuses.0.threshold", "threshold_0"),
        ("points_schema.bonuses.0.name", "threshold_0"),
        ("points_schema.bonuses.1.threshold", "points_1"),
        ("points_schema.bonuses.1.points", "points_1"),
        ("points_schema.bonuses", "points_0"),
    ],
)
def test_problem_stands_at_the_field_its_path_means(tester: User, path: str, field: str) -> None:
    made = review(drafts.drafted(tester))

    made.refuse({path: "Change this."})

    assert made.errors == {field: ["Change this."]}


@pytest.mark.django_db
def test_problems_of_two_bonuses_stand_at_their_own_rows(tester: User) -> None:
    made = review(drafts.drafted(tester), points_2="4", threshold_2="9")

    made.refuse(
        {
            "points_schema.bonuses.0.points": "Too many.",
            "points_schema.bonuses.1.points": "Too few.",
            "points_schema.bonuses.2.threshold": "Out of reach.",
        }
    )

    assert made.errors == {
        "points_0": ["Too many."],
        "points_1": ["Too few."],
        "threshold_2": ["Out of reach."],
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("survey.event_start", "Change your answers first, then have it drafted again. It began."),
        ("points_schema", "It began."),
        ("stages.77.x", "It began."),
    ],
)
def test_problem_without_a_field_is_told_on_top(tester: User, path: str, words: str) -> None:
    made = review(drafts.drafted(tester))

    made.refuse({path: "It began."})

    assert made.errors == {"__all__": [words]}


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["", "a lot", "1e9", "9" * 5_000])
def test_number_that_is_none_is_told_at_its_field_or_left_to_the_rules(
    tester: User, typed: str
) -> None:
    draft = drafts.drafted(tester)
    made = review(draft, min_readiness=typed or None)
    if made.is_valid():
        with pytest.raises(mission_builder.Invalid) as refusal:
            mission_builder.change(draft, made.as_proposal(), NOW, None)
        made.refuse(refusal.value.problems)

    assert set(made.errors) == {"min_readiness"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": "x" * 81}, {"name": "Say it in at most 80 characters."}),
        ({"notes": "x" * 2_001}, {"notes": "Say it in at most 2000 characters."}),
        ({"name": None}, {"name": "Fill this in."}),
        ({"min_readiness": "101"}, {"min_readiness": "Make it at most 100."}),
        ({"prep_start": None}, {"prep_start": "Fill this in."}),
        (
            {"prep_start": "2026-08-20"},
            {"prep_start": "The preparation starts after the event. Begin by 3 August 2026."},
        ),
        ({"type_0": "a walk"}, {"type_0": "Choose one of these."}),
        ({"type_0": None}, {"type_0": "Choose one of these."}),
        ({"name": "a\0b"}, {"name": "Leave out characters that cannot be seen."}),
        (
            {"target_climb_minutes": "200"},
            {
                "target_climb_minutes": "The longest day of the week has 180 minutes. "
                "Aim at that or less."
            },
        ),
    ],
)
def test_wrong_change_is_told_in_our_words(
    tester: User, typed: dict[str, str | None], words: dict[str, str]
) -> None:
    draft = drafts.drafted(tester)
    made = review(draft, **typed)
    if made.is_valid():
        with pytest.raises(mission_builder.Invalid) as refusal:
            mission_builder.change(draft, made.as_proposal(), NOW, None)
        made.refuse(refusal.value.problems)

    assert {name: " ".join(map(str, told)) for name, told in made.errors.items()} == words


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Write it as 2026-08-15, or by 2026-09-01.", "Write it as 15 August 2026, or by 1 "),
        ("Write the date, such as 2026-08-15.", "Write the date, such as 2026-08-15."),
        ("“2026-13-45” is no date.", "“2026-13-45” is no date."),
    ],
)
def test_dates_are_told_as_people_read_them(theirs: str, ours: str) -> None:
    assert in_our_words(theirs).startswith(ours)


@pytest.mark.django_db
def test_labels_of_a_review_are_told_apart(tester: User) -> None:
    labels = [field.label for field in ReviewForm(draft=drafts.drafted(tester))]

    days = [label for label in labels if label == "rest day"]
    assert len(set(labels)) == len(labels) - len(days) + 1


@pytest.mark.django_db
def test_review_sent_back_as_it_came_has_not_changed(tester: User) -> None:
    notes = "You ride five days.\nMind the knee."
    draft = drafts.drafted(tester, proposal=drafts.proposal({"notes": notes}))

    as_it_came = review(draft, notes=notes.replace("\n", "\r\n"))
    changed = review(draft, target_ctl="55")

    assert (as_it_came.has_changed(), changed.has_changed()) == (False, True)
    assert as_it_came.as_proposal()["notes"] == notes


@pytest.mark.django_db
def test_draft_of_another_event_is_refused_in_one_sentence(tester: User) -> None:
    made = review(drafts.drafted(tester), min_readiness="many")

    made.refuse({"event_end": "Keep that date.", "stages": "Plan each day once."})

    assert made.errors == {"__all__": ["Your answers have changed since. Have it drafted again."]}


@pytest.mark.django_db
def test_stale_review_says_what_is_stored_now_and_keeps_what_was_typed(tester: User) -> None:
    draft = drafts.drafted(tester)
    made = review(draft, name="Mine", min_tsb="-9", rest_1="on")
    current = drafts.drafted(
        tester,
        proposal=drafts.proposal(
            {
                "name": "Theirs",
                "constraints.max_rhr": 60,
                "stages.2.stage_type": "flat",
                "prep_start": "2026-07-09",
                "targets.ctl": None,
            }
        ),
    )

    made.show_what_changed(current)

    assert {name: list(words) for name, words in made.errors.items()} == {
        "__all__": [CHANGED_MEANWHILE],
        "name": ["Now stored: Theirs"],
        "min_tsb": ["Now stored: -12"],
        "max_rhr": ["Now stored: 60"],
        "type_2": ["Now stored: flat"],
        "prep_start": ["Now stored: 9 July 2026"],
        "target_ctl": ["Now stored: empty"],
        "rest_1": ["Now stored: no"],
    }
    assert made["name"].value() == "Mine"
    assert made["updated_at"].value() == current.updated_at.isoformat()


@pytest.mark.django_db
def test_draft_is_outdated_when_the_answers_name_another_event(tester: User) -> None:
    told = [
        ReviewForm(draft=drafts.drafted(tester, survey=drafts.answers(**changed))).is_outdated()
        for changed in ({}, {"send_time": "07:00"}, {"event_end": "2026-08-08"})
    ]

    assert told == [False, False, True]
