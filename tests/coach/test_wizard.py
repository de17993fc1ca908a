import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import privacy
from accounts.models import Ftp, User
from coach.builder import answers, drafting, mission_builder, wizard
from coach.builder.draft_failures import FAILURES
from coach.builder.forms import STEPS, SurveyForm
from coach.builder.review import ReviewForm
from coach.models import Incident, MissionDraft
from missions.models import Mission
from tests.coach import drafts
from tests.coach.conftest import Message, Model
from tests.coach.test_survey_forms import TYPED, sent
from tests.conftest import signed_in
from tests.factories import NOW, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

NEW, KEEP = "/missions/new", "/missions/drafts/keep"
Outcome = MissionDraft.Outcome
HX = {"HX-Request": "true"}
LATER = {"go": "later"}
UNANSWERED = "Please answer this."
BEING_DRAFTED = "Your mission is being drafted. Wait a moment, then go on."
DRAFTED_AGAIN = "Change your answers first, then have it drafted again. "


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def of(draft: MissionDraft, end: str = "") -> str:
    return f"/missions/drafts/{draft.pk}{end}"


def page_of(browser: Client, path: str) -> dict[str, str]:
    """What the survey's page at an address sends back when nothing on it is touched."""
    form: SurveyForm = browser.get(path).context["form"]
    values: dict[str, Any] = {}
    for field in form:
        value = field.value()
        if field.name == "weekday_minutes":
            values |= {f"weekday_minutes_{i}": one for i, one in enumerate(value or [None] * 7)}
        else:
            values[field.name] = "\n".join(value) if isinstance(value, list) else value
    return {k: "on" if v is True else str(v) for k, v in values.items() if v not in (None, False)}


def told(response: Any) -> list[tuple[str, str]]:
    """What the next page will say on top."""
    return [(one.level_tag, str(one)) for one in get_messages(response.wsgi_request)]


def errors(response: Any) -> dict[str, list[str]]:
    return {name: list(words) for name, words in response.context["form"].errors.items()}


def here(response: Any) -> str:
    """The slug of the question that is shown on a phone."""
    return str(response.context["here"].slug)


# --- who may -----------------------------------------------------------------------------------

PAGES = ("", "/name", "/status", "/discard")
ACTIONS = ("", "/name", "/ask", "/discard")


def test_addresses_are_the_promised_ones() -> None:
    pk = uuid4()
    names = ("draft", "draft-ask", "draft-status", "draft-discard")

    assert (reverse("coach:new"), reverse("coach:keep")) == (NEW, KEEP)
    assert [reverse(f"coach:{name}", args=[pk]) for name in names] == [
        f"/missions/drafts/{pk}{end}" for end in ("", "/ask", "/status", "/discard")
    ]
    assert reverse("coach:step", args=[pk, "days"]) == f"/missions/drafts/{pk}/days"


@pytest.mark.parametrize("end", PAGES)
def test_draft_of_another_is_not_there(
    tester: User, as_stranger: Client, client: Client, end: str
) -> None:
    draft = drafts.drafted(tester)

    assert as_stranger.get(of(draft, end)).status_code == 404
    assert client.get(of(draft, end))["Location"].startswith("/auth/login")


@pytest.mark.parametrize("end", ACTIONS)
def test_draft_of_another_cannot_be_touched(
    tester: User, as_stranger: Client, client: Client, end: str
) -> None:
    draft = drafts.drafted(tester)
    before = MissionDraft.objects.values().get()

    assert as_stranger.post(of(draft, end), TYPED).status_code == 404
    assert client.post(of(draft, end), TYPED)["Location"].startswith("/auth/login")
    assert MissionDraft.objects.values().get() == before


@pytest.mark.parametrize("path", [NEW, KEEP])
def test_number_of_a_draft_of_another_opens_nothing(
    tester: User, as_stranger: Client, client: Client, path: str
) -> None:
    draft = drafts.drafted(tester)
    before = MissionDraft.objects.values().get()
    typed = {**TYPED, "draft_id": str(draft.pk)}

    assert as_stranger.post(path, typed).status_code == 404
    assert client.post(path, typed)["Location"].startswith("/auth/login")
    assert MissionDraft.objects.values().get() == before


@pytest.mark.parametrize(
    ("end", "typed"),
    [
        ("", {"go": "save"}),
        ("", {"go": "confirm"}),
        ("", {"go": "answers", "name": "Another"}),
        ("/name", {"event_name": "Another"}),
        ("/ask", {}),
    ],
)
def test_draft_discarded_between_reading_and_writing_is_not_there(
    tester: User,
    as_tester: Client,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    typed: dict[str, str],
) -> None:
    draft = drafts.drafted(tester)
    read = wizard.own_draft

    def then_discarded(*arguments: Any) -> MissionDraft:
        found = read(*arguments)
        MissionDraft.objects.all().delete()
        return found

    page = sent(draft) if end == "" else page_of(as_tester, of(draft, "/name"))
    monkeypatch.setattr(wizard, "own_draft", then_discarded)

    assert as_tester.post(of(draft, end), page | typed).status_code == 404
    assert (MissionDraft.objects.count(), Mission.objects.count()) == (0, 0)


@pytest.mark.parametrize("path", [NEW, KEEP])
def test_draft_discarded_while_it_is_begun_again_is_not_there(
    as_tester: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    begin = answers.begin

    def then_discarded(*arguments: Any) -> tuple[MissionDraft, bool]:
        begun = begin(*arguments)
        MissionDraft.objects.all().delete()
        return begun

    monkeypatch.setattr(answers, "begin", then_discarded)

    assert as_tester.post(path, TYPED).status_code == 404


@pytest.mark.parametrize("end", ["/ask", "/keep"])
def test_what_only_writes_cannot_be_fetched(tester: User, as_tester: Client, end: str) -> None:
    path = KEEP if end == "/keep" else of(drafts.drafted(tester), end)

    assert as_tester.get(path).status_code == 405


def test_question_that_is_none_is_not_there(tester: User, as_tester: Client) -> None:
    assert as_tester.get(of(drafts.draft(tester), "/shoe-size")).status_code == 404


# --- the survey --------------------------------------------------------------------------------


def test_a_look_makes_no_draft(as_tester: Client) -> None:
    page = as_tester.get(NEW)

    assert (page.status_code, here(page), MissionDraft.objects.count()) == (200, "name", 0)


def test_survey_begins_with_what_the_account_says(tester: User, as_tester: Client) -> None:
    Ftp.objects.create(user=tester, effective_date=TODAY, power_w=240)

    typed = page_of(as_tester, NEW)

    shown = {name: typed.get(name) for name in ("timezone", "send_time", "ftp_w", "event_name")}
    assert shown == {
        "timezone": "Europe/Paris",
        "send_time": "06:00",
        "ftp_w": "240",
        "event_name": None,
    }


def test_page_sent_back_empty_asks_for_its_answer_and_makes_no_draft(as_tester: Client) -> None:
    page = as_tester.post(NEW, page_of(as_tester, NEW))

    assert errors(page) == {"event_name": [UNANSWERED]}
    assert MissionDraft.objects.count() == 0


def test_page_of_a_desktop_sent_back_empty_asks_for_every_answer(as_tester: Client) -> None:
    page = as_tester.post(NEW, {**page_of(as_tester, NEW), "go": "draft"})

    asked = (
        *("event_name", "event_start", "mission_type", "event_style"),
        *("weekly_hours_min", "weekly_hours_max", "weekday_minutes", "ftp_w"),
    )
    assert errors(page) == {name: [UNANSWERED] for name in asked}
    assert (here(page), MissionDraft.objects.count()) == ("name", 0)


def test_first_answer_makes_the_draft(tester: User, as_tester: Client) -> None:
    typed = {**page_of(as_tester, NEW), "event_name": "Tour", "go": "next"}

    answer = as_tester.post(NEW, typed)

    draft = MissionDraft.objects.get()
    assertRedirects(answer, of(draft, "/days"), fetch_redirect_response=False)
    assert (draft.user, draft.outcome, str(draft.pk)) == (tester, "survey", typed["draft_id"])
    assert draft.survey == {
        "event_name": "Tour",
        "timezone": "Europe/Paris",
        "send_time": "06:00",
        "brief_detail": "full",
        "is_brief_mailed": True,
        "restrictions": "",
        "blackout_dates": [],
    }


def test_first_page_sent_twice_makes_one_draft(as_tester: Client) -> None:
    typed = {**page_of(as_tester, NEW), "event_name": "Tour"}

    first, second = (as_tester.post(NEW, typed) for _ in range(2))

    assert first["Location"] == second["Location"]
    assert MissionDraft.objects.count() == 1


@pytest.mark.parametrize("draft_id", ["", "17", "no number"])
def test_page_without_a_number_of_its_own_makes_a_draft_too(
    as_tester: Client, draft_id: str
) -> None:
    typed = {**page_of(as_tester, NEW), "event_name": "Tour", "draft_id": draft_id}

    answer = as_tester.post(NEW, typed)

    assertRedirects(answer, of(MissionDraft.objects.get(), "/days"), fetch_redirect_response=False)


def test_every_question_leads_to_the_next_and_back(tester: User, as_tester: Client) -> None:
    draft, slugs = drafts.draft(tester), [step.slug for step in STEPS]

    onward = {
        go: [
            as_tester.post(of(draft, f"/{slug}"), page_of(as_tester, of(draft, f"/{slug}")) | go_)
            for slug in slugs
            for go_ in ({"go": go},)
        ]
        for go in ("next", "back")
    }

    last = len(slugs) - 1
    assert {go: [answer["Location"] for answer in all_] for go, all_ in onward.items()} == {
        "next": [of(draft, f"/{slugs[min(i + 1, last)]}") for i in range(len(slugs))],
        "back": [of(draft, f"/{slugs[max(i - 1, 0)]}") for i in range(len(slugs))],
    }
    assert MissionDraft.objects.get().survey == drafts.answers()


def test_next_asks_for_its_own_answers_only(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester, survey={"event_name": "Tour"})

    on_days = as_tester.post(of(draft, "/days"), page_of(as_tester, of(draft, "/days")))
    past_days_off = as_tester.post(
        of(draft, "/days-off"), page_of(as_tester, of(draft, "/days-off"))
    )

    assert (here(on_days), errors(on_days)) == ("days", {"event_start": [UNANSWERED]})
    assertRedirects(past_days_off, of(draft, "/ftp"), fetch_redirect_response=False)


@pytest.mark.parametrize(("go", "to"), [("back", "/style"), ("later", None)])
def test_going_back_or_later_asks_for_nothing(
    tester: User, as_tester: Client, go: str, to: str | None
) -> None:
    draft = drafts.draft(tester, survey={"event_name": "Tour"})
    typed = page_of(as_tester, of(draft, "/hours")) | {"go": go}

    answer = as_tester.post(of(draft, "/hours"), typed)

    assertRedirects(answer, of(draft, to) if to else NEW, fetch_redirect_response=False)


def test_going_on_later_without_an_answer_leads_home_with_a_word(as_tester: Client) -> None:
    answer = as_tester.post(NEW, {**page_of(as_tester, NEW), "go": "later"})

    assertRedirects(answer, "/", fetch_redirect_response=False)
    words = "You had not answered anything yet, so there is nothing to keep."
    assert told(answer) == [("info", words)]
    assert MissionDraft.objects.count() == 0


def test_going_on_later_says_for_how_long(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)

    answer = as_tester.post(of(draft, "/ftp"), page_of(as_tester, of(draft, "/ftp")) | LATER)

    words = "Your answers are kept for 30 days. Go on whenever you like."
    assert told(answer) == [("success", words)]


def test_enter_keeps_the_answers_and_stays(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)
    page = as_tester.get(of(draft, "/ftp")).content.decode()
    typed = page_of(as_tester, of(draft, "/ftp")) | {"ftp_w": "300", "go": "stay"}

    answer = as_tester.post(of(draft, "/ftp"), typed)

    assert re.findall(r'<button[^>]* name="go" value="(\w+)"', page)[0] == "stay"
    assertRedirects(answer, of(draft, "/ftp"), fetch_redirect_response=False)
    assert told(answer) == [("success", "Your answers are kept.")]
    assert MissionDraft.objects.get().survey == drafts.answers(ftp_w=300)


def test_way_back_to_the_draft_keeps_the_answers(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)
    page = as_tester.get(of(draft, "/ftp")).content.decode()
    typed = page_of(as_tester, of(draft, "/ftp")) | {"ftp_w": "300", "go": "review"}

    answer = as_tester.post(of(draft, "/ftp"), typed)

    assert 'form="survey" name="go" value="review">Back to the draft</button>' in page
    assertRedirects(answer, of(draft), fetch_redirect_response=False)
    assert MissionDraft.objects.get().survey == drafts.answers(ftp_w=300)


@pytest.mark.parametrize("go", ["next", "back", "later", "draft", "stay", "review"])
def test_wrong_answer_stays_on_the_page_as_typed_and_the_right_ones_are_kept(
    tester: User, as_tester: Client, go: str
) -> None:
    draft = drafts.draft(tester)
    typed = page_of(as_tester, of(draft, "/ftp")) | {"ftp_w": "12", "event_name": "Another"}

    page = as_tester.post(of(draft, "/ftp"), typed | {"go": go})

    wrong = "Give whole watts from 40 to 600, or say that you do not know."
    assert (page.status_code, here(page), errors(page)) == (200, "ftp", {"ftp_w": [wrong]})
    assert page.context["form"]["ftp_w"].value() == "12"
    assert MissionDraft.objects.get().survey == drafts.answers(event_name="Another")


def test_wrong_answer_elsewhere_on_the_page_is_shown_where_it_is(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.draft(tester)
    typed = page_of(as_tester, of(draft, "/name")) | {"event_end": "2026-08-01"}

    page = as_tester.post(of(draft, "/name"), typed)

    assert (here(page), errors(page)) == (
        "days",
        {"event_end": ["The last day of the event is before the first."]},
    )


def test_answers_of_two_windows_are_both_kept(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)
    one, other = (page_of(as_tester, of(draft, f"/{slug}")) for slug in ("name", "ftp"))

    as_tester.post(of(draft, "/name"), one | {"event_name": "Another"})
    as_tester.post(of(draft, "/ftp"), other | {"ftp_w": "300"})

    assert MissionDraft.objects.get().survey == drafts.answers(event_name="Another", ftp_w=300)


def test_name_is_escaped_wherever_it_stands(tester: User, as_tester: Client) -> None:
    name = "<script>alert(1)</script>"
    changed = {
        "survey": drafts.answers(event_name=name),
        "proposal": drafts.proposal({"name": name}),
    }
    draft = drafts.drafted(tester, **changed)
    paths = [NEW, of(draft), of(draft, "/name"), of(draft, "/discard")]
    pages = [as_tester.get(path).content.decode() for path in paths]
    MissionDraft.objects.update(outcome=Outcome.DUE)
    pages.append(as_tester.get(of(draft)).content.decode())
    MissionDraft.objects.update(outcome=Outcome.FAILED, failure="timeout")
    pages.append(as_tester.get(of(draft)).content.decode())

    assert [("&lt;script&gt;alert" in page, "<script>alert" in page) for page in pages] == [
        (True, False)
    ] * 6


def test_notes_of_the_model_are_text_and_no_markup(tester: User, as_tester: Client) -> None:
    notes = "Ride <b>easy</b>.\n\n<img src=x onerror=alert(1)>"
    draft = drafts.drafted(tester, drafted=drafts.proposal({"notes": notes}))

    page = as_tester.get(of(draft)).content.decode()

    assert "<p>Ride &lt;b&gt;easy&lt;/b&gt;.</p>" in page
    assert "<img src=x" not in page


def test_question_that_is_shown_takes_the_focus_but_not_on_a_first_look(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.draft(tester)
    pages = [
        as_tester.get(NEW),
        as_tester.get(of(draft, "/ftp")),
        as_tester.post(NEW, page_of(as_tester, NEW)),
    ]

    assert [page.content.decode().count(" autofocus") for page in pages] == [0, 1, 1]


def test_draft_too_many_is_refused_with_what_was_typed(tester: User, as_tester: Client) -> None:
    open_ones = [drafts.draft(tester) for _ in range(20)]
    before = as_tester.get(NEW).content.decode()
    typed = {**page_of(as_tester, NEW), "event_name": "One more", "ftp_w": "300"}

    page = as_tester.post(NEW, typed)
    kept = as_tester.post(KEEP, typed, headers=HX).content.decode().strip()

    words = "You have 20 drafts. Discard one, then begin another."
    assert (words in before, kept) == (True, words)
    assert errors(page) == {"__all__": [words]}
    assert "Look again at" not in page.content.decode()
    assert [page.context["form"][name].value() for name in ("event_name", "ftp_w")] == [
        *("One more", "300")
    ]
    assert {one.pk for one in page.context["drafts"]} == {one.pk for one in open_ones}
    assert f'href="{of(open_ones[0], "/discard")}" target="_blank"' in page.content.decode()
    assert MissionDraft.objects.count() == 20


def test_number_of_a_mission_opens_nothing(as_tester: Client, mission: Mission) -> None:
    typed = {**TYPED, "draft_id": str(mission.pk)}

    assert [as_tester.post(path, typed).status_code for path in (NEW, KEEP)] == [404, 404]
    assert MissionDraft.objects.count() == 0


def test_first_page_says_how_many_questions_there_are(as_tester: Client) -> None:
    assert len(STEPS) == 10
    assert "Ten short questions, and the coach" in as_tester.get(NEW).content.decode()


def test_survey_shows_all_questions_and_requires_none_of_them_of_the_browser(
    tester: User, as_tester: Client
) -> None:
    page = as_tester.get(of(drafts.draft(tester), "/ftp")).content.decode()

    assert page.count('class="question') == len(STEPS)
    assert page.count("is-here") == 1
    assert " required" not in page
    assert " novalidate" in page


def test_survey_says_so_when_nothing_may_be_sent(tester: User, as_tester: Client) -> None:
    User.objects.filter(pk=tester.pk).update(health_consent_at=None)

    page = as_tester.get(NEW).content.decode()

    assert "nothing is sent to the coach before you allow it" in page
    assert 'href="/settings/privacy"' in page


def test_answers_that_stand_lead_to_the_draft(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester, outcome=Outcome.UNDER_WAY)

    answer = as_tester.get(of(draft, "/ftp"))
    late = as_tester.post(of(draft, "/ftp"), {**TYPED, "restrictions": "A new injury."})

    assertRedirects(answer, of(draft), fetch_redirect_response=False)
    assert late.status_code == 200
    assert "A new injury." in late.content.decode()
    assert "Wait a moment, then go on." in late.content.decode()
    assert MissionDraft.objects.get().survey == drafts.answers()


def test_first_page_still_open_cannot_change_what_is_being_drafted(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.draft(tester, outcome=Outcome.DUE)
    typed = {**TYPED, "event_name": "Another", "draft_id": str(draft.pk)}

    page = as_tester.post(NEW, typed)

    assert errors(page) == {"__all__": [BEING_DRAFTED]}
    assert page.context["form"]["event_name"].value() == "Another"
    assert MissionDraft.objects.get().survey == drafts.answers()


# --- kept as it goes ---------------------------------------------------------------------------


def test_answers_are_kept_as_they_are_given(as_tester: Client) -> None:
    typed = {**page_of(as_tester, NEW), "event_name": "Tour"}

    answer = as_tester.post(
        KEEP, typed, headers={**HX, "HX-Current-URL": f"http://testserver{NEW}"}
    )

    draft = MissionDraft.objects.get()
    assert answer.content.decode().startswith('Kept.\n<input type="hidden" name="was"')
    assert answer["HX-Replace-Url"] == of(draft, "/name")
    assert draft.survey["event_name"] == "Tour"


def test_page_of_a_draft_keeps_its_address(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)
    typed = page_of(as_tester, of(draft, "/ftp")) | {"ftp_w": "300"}

    answer = as_tester.post(KEEP, typed, headers={**HX, "HX-Current-URL": of(draft, "/ftp")})

    assert "HX-Replace-Url" not in answer
    assert MissionDraft.objects.get().survey == drafts.answers(ftp_w=300)


def test_keeping_nothing_makes_nothing_and_says_nothing(as_tester: Client) -> None:
    answer = as_tester.post(KEEP, page_of(as_tester, NEW), headers=HX)

    assert answer.content.decode().strip() == ""
    assert MissionDraft.objects.count() == 0


def test_keeping_says_what_it_could_not_keep(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)
    typed = page_of(as_tester, of(draft, "/ftp")) | {"ftp_w": "12", "send_time": "dawn"}

    answer = as_tester.post(KEEP, typed, headers=HX)

    words = answer.content.decode().strip()
    assert words.startswith("Kept, all but: FTP (W), Brief at. Look at it before you go on.\n")
    assert MissionDraft.objects.get().survey == drafts.answers()


def test_keeping_says_when_the_answers_stand(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)
    typed = page_of(as_tester, of(draft, "/ftp")) | {"ftp_w": "300"}
    MissionDraft.objects.update(outcome=Outcome.DUE)

    answer = as_tester.post(KEEP, typed, headers=HX)

    assert answer.content.decode().strip() == BEING_DRAFTED
    assert MissionDraft.objects.get().survey == drafts.answers()


# --- asking ------------------------------------------------------------------------------------


def test_survey_of_a_desktop_is_asked_about_at_once(
    tester: User,
    as_tester: Client,
    published: list[Message],
    django_capture_on_commit_callbacks: Any,
) -> None:
    typed = {**page_of(as_tester, NEW), **TYPED, "go": "draft"}

    with django_capture_on_commit_callbacks(execute=True):
        answer = as_tester.post(NEW, typed)

    draft = MissionDraft.objects.get()
    assertRedirects(answer, of(draft), fetch_redirect_response=False)
    assert (draft.user, draft.outcome, draft.asked) == (tester, "due", 1)
    assert draft.survey == drafts.answers()
    assert published == [("coach.draft_mission", (str(draft.pk),))]


def test_survey_that_is_not_complete_goes_to_the_first_question_at_fault(
    tester: User, as_tester: Client, published: list[Message]
) -> None:
    answers = drafts.answers()
    del answers["weekly_hours_max"], answers["event_style"]
    draft = drafts.draft(tester, survey=answers)
    typed = page_of(as_tester, of(draft, "/mornings")) | {"go": "draft"}

    page = as_tester.post(of(draft, "/mornings"), typed)

    assert (here(page), errors(page)) == (
        "style",
        {"event_style": [UNANSWERED], "weekly_hours_max": [UNANSWERED]},
    )
    assert (MissionDraft.objects.get().outcome, published) == ("survey", [])


def test_survey_whose_event_began_meanwhile_says_so_at_its_days(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.draft(tester, survey=drafts.answers(event_start="2026-07-01"))
    typed = page_of(as_tester, of(draft, "/mornings")) | {"go": "draft"}

    page = as_tester.post(of(draft, "/mornings"), typed)

    began = "The event has begun already. Choose days that are to come."
    assert (here(page), errors(page)) == ("days", {"event_start": [began]})


def test_nothing_is_sent_without_consent(
    tester: User, as_tester: Client, published: list[Message]
) -> None:
    User.objects.filter(pk=tester.pk).update(health_consent_at=None)
    draft = drafts.draft(tester)
    typed = page_of(as_tester, of(draft, "/mornings")) | {"go": "draft"}

    answer = as_tester.post(of(draft, "/mornings"), typed)

    assert told(answer) == [("error", f"Nothing was sent. {privacy.NOT_ALLOWED}")]
    assert as_tester.get(answer["Location"])["Location"] == of(draft, "/mornings")
    assert (MissionDraft.objects.get().outcome, published) == ("survey", [])


def test_asking_too_often_says_wait_and_keeps_the_answers(
    tester: User, as_tester: Client, settings: Any
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "draft": [("account", 1, 3600)]}
    draft = drafts.draft(tester, outcome=Outcome.FAILED, failure="timeout")
    as_tester.post(of(draft, "/ask"))
    MissionDraft.objects.update(outcome=Outcome.FAILED, failure="timeout")
    typed = page_of(as_tester, of(draft, "/name")) | {"event_name": "Another", "go": "draft"}

    answer = as_tester.post(of(draft, "/name"), typed)

    words = "You asked often. Your answers are kept; wait 30 minutes, then ask."
    assert told(answer) == [("error", words)]
    assert MissionDraft.objects.get().survey == drafts.answers(event_name="Another")
    assert MissionDraft.objects.get().outcome == "failed"


def test_incomplete_survey_does_not_count_as_an_attempt(
    tester: User, as_tester: Client, settings: Any
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "draft": [("account", 1, 3600)]}
    draft = drafts.draft(tester, survey={"event_name": "Tour"})

    for _ in range(3):
        assert as_tester.post(of(draft, "/ask")).status_code == 302


def test_asking_again_with_answers_that_are_no_longer_right_leads_to_them(
    tester: User, as_tester: Client
) -> None:
    survey = drafts.answers(event_start="2026-07-01")
    draft = drafts.draft(tester, survey=survey, outcome=Outcome.FAILED, failure="timeout")

    answer = as_tester.post(of(draft, "/ask"))

    assertRedirects(answer, of(draft, "/days"), fetch_redirect_response=False)
    assert told(answer) == [("error", "The event has begun already. Choose days that are to come.")]


def test_asking_for_what_is_a_mission_already_leads_to_it(
    tester: User, as_tester: Client, mission: Mission
) -> None:
    draft = drafts.drafted(tester, mission=mission)

    answer = as_tester.post(of(draft, "/ask"), follow=True)

    assert [path for path, _ in answer.redirect_chain] == [of(draft), f"/missions/{mission.pk}"]


# --- the wait and the failure ------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Outcome.DUE, Outcome.UNDER_WAY])
def test_wait_asks_for_itself_until_there_is_something_else(
    tester: User, as_tester: Client, outcome: str
) -> None:
    draft = drafts.draft(tester, outcome=outcome)

    whole, part = as_tester.get(of(draft)), as_tester.get(of(draft, "/status"), headers=HX)

    asks = f'hx-get="{of(draft, "/status")}" hx-trigger="every 2s"'
    assert [asks in page.content.decode() for page in (whole, part)] == [True, True]
    assert '<noscript><meta http-equiv="refresh"' in whole.content.decode()
    assert part.content.decode().startswith('<section class="card" id="draft"')


@pytest.mark.parametrize("outcome", [Outcome.DRAFTED, Outcome.FAILED, Outcome.SURVEY])
def test_wait_is_over_when_the_draft_is_there_or_failed(
    tester: User, as_tester: Client, outcome: str
) -> None:
    draft = drafts.drafted(tester)
    MissionDraft.objects.update(outcome=outcome, failure="timeout")

    answer = as_tester.get(of(draft, "/status"), headers=HX)

    assert (answer.content, answer["HX-Redirect"]) == (b"", of(draft))


@pytest.mark.parametrize("kind", FAILURES)
def test_failure_says_what_happened_and_what_to_do(
    tester: User, as_tester: Client, kind: str
) -> None:
    draft = drafts.draft(tester, outcome=Outcome.FAILED, failure=kind)

    page = as_tester.get(of(draft))

    words = FAILURES[Incident.Kind(kind)].words
    shown = page.content.decode().replace("&#x27;", "'")
    ways = (of(draft, "/ask"), of(draft, "/name"), of(draft, "/discard"), "/missions/by-hand")
    assert (page.status_code, words in shown) == (200, True)
    assert [f'="{way}"' in shown for way in ways] == [True] * 4


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("timeout", "Try again"),
        ("invalid_reply", "Try again"),
        ("quota", "Write it yourself"),
        ("refusal", "Change my answers"),
        ("filtered", "Change my answers"),
    ],
)
def test_failure_offers_first_what_helps(
    tester: User, as_tester: Client, kind: str, first: str
) -> None:
    draft = drafts.draft(tester, outcome=Outcome.FAILED, failure=kind)

    page = as_tester.get(of(draft)).content.decode()

    buttons = re.findall(r'class="(button[^"]*)"[^>]*>([^<]+)<', page[page.index("failed-title") :])
    assert [words for look, words in buttons if look == "button"] == [first]
    assert sorted(words for _, words in buttons) == [
        *("Change my answers", "Try again", "Write it yourself")
    ]


def test_model_that_fails_twice_keeps_the_survey_and_can_be_asked_again(
    tester: User, as_tester: Client, model: Model
) -> None:
    draft = drafts.draft(tester)
    model.says("not json", "still not json", json.dumps(drafts.proposal()))

    as_tester.post(of(draft, "/ask"))
    drafting.make(draft.pk, NOW)
    failed = as_tester.get(of(draft)).content.decode()
    as_tester.post(of(draft, "/ask"))
    drafting.make(draft.pk, NOW)
    review = as_tester.get(of(draft)).content.decode()

    assert ("No draft this time" in failed, "Confirm the mission" in review) == (True, True)
    assert MissionDraft.objects.get().survey == drafts.answers()


def test_draft_that_is_still_a_survey_goes_on_at_its_first_open_question(
    tester: User, as_tester: Client
) -> None:
    answers = drafts.answers()
    del answers["ftp_w"]
    open_one, full = drafts.draft(tester, survey=answers), drafts.draft(tester)

    places = [as_tester.get(of(draft))["Location"] for draft in (open_one, full)]

    assert places == [of(open_one, "/ftp"), of(full, "/mornings")]


# --- the review --------------------------------------------------------------------------------


def test_review_shows_the_proposal_beside_the_model_s_notes(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.drafted(tester)

    page = as_tester.get(of(draft)).content.decode()

    assert page.index("You ride five days.") < page.index("The event</legend>")
    assert "3 to 7 August 2026" in page
    assert [page.count(f'name="type_{index}"') for index in range(6)] == [1, 1, 1, 1, 1, 0]


def test_saving_keeps_the_changes_and_makes_no_mission(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)

    answer = as_tester.post(of(draft), sent(draft, name="My Ronde", min_tsb="-10", go="save"))

    assertRedirects(answer, of(draft), fetch_redirect_response=False)
    draft.refresh_from_db()
    assert draft.proposal == drafts.proposal({"name": "My Ronde", "constraints.min_tsb": -10})
    assert (draft.drafted, draft.mission, draft.outcome) == (drafts.proposal(), None, "drafted")
    assert told(answer) == [
        ("success", "Draft saved. It becomes your mission when you confirm it.")
    ]


def test_confirming_makes_the_mission_of_what_was_typed(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)
    typed = sent(draft, name="My Ronde", type_0="itt", go="confirm")

    answer = as_tester.post(of(draft), typed)

    mission = Mission.objects.get()
    assertRedirects(answer, f"/missions/{mission.pk}", fetch_redirect_response=False)
    assert (mission.owner, mission.name, mission.state) == (tester, "My Ronde", "PREP")
    assert list(mission.stages.values_list("stage_type", flat=True)) == [
        *("itt", "hilly", "mountain", "mountain", "itt")
    ]
    assert told(answer) == [
        ("success", "This is your mission now. Nothing is sent until you start training.")
    ]


def test_way_to_the_answers_keeps_the_changes(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)

    answer = as_tester.post(of(draft), sent(draft, name="My Ronde", go="answers"))

    assertRedirects(answer, of(draft, "/name"), fetch_redirect_response=False)
    assert MissionDraft.objects.get().name == "My Ronde"
    assert Mission.objects.count() == 0


def test_way_to_the_answers_writes_nothing_when_nothing_changed(
    tester: User, as_tester: Client
) -> None:
    longest_day = {"weekday_minutes": [60, 60, 60, 60, 0, 60, 60]}
    draft = drafts.drafted(tester, survey=drafts.answers(**longest_day))
    before = MissionDraft.objects.values().get()

    answer = as_tester.post(of(draft), sent(draft, go="answers"))

    assertRedirects(answer, of(draft, "/name"), fetch_redirect_response=False)
    assert (MissionDraft.objects.values().get(), told(answer)) == (before, [])


@pytest.mark.parametrize(("name", "is_told"), [("My Ronde", True), (None, False)])
def test_way_to_the_answers_of_another_event_is_open_and_says_what_was_not_saved(
    tester: User, as_tester: Client, name: str | None, is_told: bool
) -> None:
    draft = drafts.drafted(tester, survey=drafts.answers(event_end="2026-08-08"))

    answer = as_tester.post(of(draft), sent(draft, **{"name": name} if name else {}, go="answers"))

    assertRedirects(answer, of(draft, "/name"), fetch_redirect_response=False)
    assert told(answer) == [("error", wizard.NOT_SAVED)] * is_told


def test_way_to_the_answers_is_open_when_they_alone_are_wrong(tester: User) -> None:
    draft = drafts.drafted(tester)
    with time_machine.travel(NOW + timedelta(days=31), tick=False):
        answer = signed_in(tester).post(of(draft), sent(draft, name="Mine", go="answers"))

    assertRedirects(answer, of(draft, "/name"), fetch_redirect_response=False)
    assert told(answer) == [("error", wizard.NOT_SAVED)]


def test_enter_on_the_review_saves(tester: User, as_tester: Client) -> None:
    page = as_tester.get(of(drafts.drafted(tester))).content.decode()

    assert re.findall(r'<button[^>]* name="go" value="(\w+)"', page) == [
        *("save", "answers", "save", "confirm")
    ]


def test_review_says_that_no_new_draft_could_be_made(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)
    words = f"No new draft could be made: {FAILURES[Incident.Kind.TIMEOUT].words} This is the draft"
    before = as_tester.get(of(draft)).content.decode()

    MissionDraft.objects.update(failure="timeout")
    page = as_tester.get(of(draft)).content.decode()

    assert (words in before, f"{words} you had." in page) == (False, True)
    assert f'action="{of(draft, "/ask")}"' in page
    assert page.index(words) < page.index('<form class="form"')


def test_review_says_that_the_event_has_another_name_now(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester, proposal=drafts.proposal({"name": "Mine"}))
    typed = page_of(as_tester, of(draft, "/name")) | {"event_name": "Another", "go": "review"}

    page = as_tester.post(of(draft, "/name"), typed, follow=True).content.decode()

    assert "In your answers the event is called “Another”. The draft keeps the name" in page
    assert MissionDraft.objects.get().name == "Mine"


def test_new_name_of_the_event_is_on_the_review(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)
    typed = page_of(as_tester, of(draft, "/name")) | {"event_name": "Another", "go": "review"}

    page = as_tester.post(of(draft, "/name"), typed, follow=True).content.decode()

    assert "<h1>Another</h1>" in page
    assert "In your answers the event is called" not in page


def test_wrong_target_alone_is_marked_and_named(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)

    shown = as_tester.post(of(draft), sent(draft, target_threshold_minutes="500"))

    page = shown.content.decode()
    wrong = re.findall(r'<input[^>]*aria-invalid="true"[^>]*>', page)
    assert [re.findall(r'(?:name|aria-describedby)="([^"]*)"', one) for one in wrong] == [
        ["target_threshold_minutes", "id_target_threshold_minutes_error"]
    ]
    assert 'id="id_target_threshold_minutes_error"' in page
    assert '<a class="go" href="#id_target_threshold_minutes">At threshold in one ride' in page


@pytest.mark.parametrize("go", ["save", "confirm"])
def test_wrong_change_is_told_at_its_field_and_nothing_is_written(
    tester: User, as_tester: Client, go: str
) -> None:
    draft = drafts.drafted(tester)
    before = MissionDraft.objects.values().get()
    typed = sent(draft, name=" ", min_tsb="50", itt_breakaway="1", rest_0="on", points_0="0", go=go)

    page = as_tester.post(of(draft), typed)

    assert set(errors(page)) >= {"name", "min_tsb"}
    assert page.context["form"]["min_tsb"].value() == "50"
    assert MissionDraft.objects.values().get() == before
    assert Mission.objects.count() == 0


@pytest.mark.parametrize("go", ["save", "confirm"])
def test_change_that_the_rules_refuse_is_told_at_its_field(
    tester: User, as_tester: Client, go: str
) -> None:
    draft = drafts.drafted(tester)
    typed = sent(draft, itt_breakaway="1", rest_0="on", prep_start="2026-01-01", go=go)

    page = as_tester.post(of(draft), typed)

    assert set(errors(page)) == {"itt_breakaway", "rest_0", "prep_start"}
    assert Mission.objects.count() == 0


@pytest.mark.parametrize("go", ["save", "confirm"])
def test_change_from_an_older_page_shows_both_versions(
    tester: User, as_tester: Client, go: str
) -> None:
    draft = drafts.drafted(tester)
    older = sent(draft, name="Mine", go=go)
    later = NOW + timedelta(minutes=1)
    mission_builder.change(draft, drafts.proposal({"name": "Theirs"}), later, None)

    page = as_tester.post(of(draft), older)

    assert errors(page)["name"] == ["Now stored: Theirs"]
    assert page.context["form"]["name"].value() == "Mine"
    assert page.context["form"]["updated_at"].value() == later.isoformat()
    assert MissionDraft.objects.get().name == "Theirs"
    assert Mission.objects.count() == 0


def test_page_of_an_older_draft_with_other_days_shows_what_is_stored_now(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.drafted(tester)
    older = {k: v for k, v in sent(draft).items() if k not in {"type_4", "rest_4"}}

    page = as_tester.post(of(draft), older)

    assert (page.status_code, set(errors(page))) == (200, {"type_4"})


def test_confirming_twice_makes_one_mission_and_leads_to_it(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.drafted(tester)
    typed = sent(draft, go="confirm")

    as_tester.post(of(draft), typed)
    again = as_tester.post(of(draft), typed)

    mission = Mission.objects.get()
    assertRedirects(again, f"/missions/{mission.pk}", fetch_redirect_response=False)


def test_changed_answers_about_the_event_need_a_new_draft(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester, survey=drafts.answers(event_end="2026-08-08"))

    page = as_tester.post(of(draft), sent(draft, go="confirm", min_readiness="many"))

    shown = page.content.decode()
    assert "have changed since this was drafted" in shown
    assert "A new draft takes the place of this one and of your changes to it." in shown
    assert "Look again at" not in shown
    assert errors(page) == {"__all__": ["Your answers have changed since. Have it drafted again."]}
    assert page.context["form"]["min_readiness"].value() == "many"
    assert Mission.objects.count() == 0


def test_review_of_an_event_that_began_meanwhile_says_so(tester: User) -> None:
    draft = drafts.drafted(tester)
    with time_machine.travel(NOW + timedelta(days=31), tick=False):
        page = signed_in(tester).post(of(draft), sent(draft, go="confirm"))

    began = "The event has begun already. Choose days that are to come."
    assert errors(page) == {"__all__": [DRAFTED_AGAIN + began]}


def test_review_of_what_is_being_drafted_anew_is_the_wait(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)
    typed = sent(draft, go="confirm")
    MissionDraft.objects.update(outcome=Outcome.DUE)

    page = as_tester.post(of(draft), typed)

    assert "Your mission is being drafted" in page.content.decode()
    assert Mission.objects.count() == 0


# --- discarding --------------------------------------------------------------------------------


def test_discarding_asks_once_and_then_nothing_is_left(tester: User, as_tester: Client) -> None:
    draft = drafts.drafted(tester)

    asked = as_tester.get(of(draft, "/discard"))
    left = MissionDraft.objects.count()
    answer = as_tester.post(of(draft, "/discard"))

    assert (asked.status_code, left, MissionDraft.objects.count()) == (200, 1, 0)
    assertRedirects(answer, NEW, fetch_redirect_response=False)
    assert told(answer) == [("success", "Discarded.")]


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_became_a_mission_cannot_be_discarded(
    tester: User, as_tester: Client, mission: Mission, method: str
) -> None:
    draft = drafts.drafted(tester, mission=mission)

    answer = getattr(as_tester, method)(of(draft, "/discard"), follow=True)

    assert [path for path, _ in answer.redirect_chain] == [of(draft), f"/missions/{mission.pk}"]
    assert MissionDraft.objects.count() == 1


# --- the list, and what pages cost -------------------------------------------------------------


def test_open_drafts_are_listed_where_a_new_one_begins(
    tester: User, stranger: User, as_tester: Client, mission: Mission
) -> None:
    drafts.draft(stranger)
    drafts.drafted(tester, mission=mission)
    newest = drafts.drafted(tester, updated_at=NOW + timedelta(minutes=2))
    unnamed = drafts.draft(tester, survey={})

    page = as_tester.get(NEW)

    assert list(page.context["drafts"]) == [newest, unnamed]
    assert "Not named yet" in page.content.decode()


@pytest.mark.parametrize("count", [1, 20])
def test_first_page_costs_the_same_with_one_draft_and_with_twenty(
    tester: User, as_tester: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        drafts.drafted(tester)

    with django_assert_num_queries(4):
        page = as_tester.get(NEW)
    assert len(page.context["drafts"]) == count


@pytest.mark.parametrize("days", [1, 21])
@pytest.mark.parametrize(("end", "queries"), [("", 3), ("/name", 3), ("/discard", 3)])
def test_pages_of_a_draft_cost_the_same_for_one_day_and_for_many(
    tester: User,
    as_tester: Client,
    days: int,
    end: str,
    queries: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    stage = {"stage_type": "flat", "is_rest_day": False}
    stages = [
        {**stage, "number": n + 1, "date": f"{TODAY + timedelta(days=30 + n)}"} for n in range(days)
    ]
    draft = drafts.drafted(tester, proposal=drafts.proposal({"stages": stages}))

    with django_assert_num_queries(queries):
        page = as_tester.get(of(draft, end))
    assert page.status_code == 200
    form = page.context["form"] if end == "" else ReviewForm(draft=draft)
    assert len(list(form.stage_rows())) == days


def test_status_costs_little(
    tester: User, as_tester: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    draft = drafts.draft(tester, outcome=Outcome.DUE)

    with django_assert_num_queries(3):
        as_tester.get(of(draft, "/status"), headers=HX)


# --- what the page says of what is stored -------------------------------------------------------


def test_answer_that_is_changed_back_is_changed_back(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)
    sent = page_of(as_tester, of(draft, "/style"))
    kept = as_tester.post("/missions/drafts/keep", {**sent, "event_style": "gc"})
    assert MissionDraft.objects.get().survey["event_style"] == "gc"

    sent["was"] = kept.context["was"]
    as_tester.post("/missions/drafts/keep", {**sent, "event_style": "breakaway"})

    assert MissionDraft.objects.get().survey["event_style"] == "breakaway"


def test_answer_that_is_emptied_is_gone(tester: User, as_tester: Client) -> None:
    draft = drafts.draft(tester)
    sent = page_of(as_tester, of(draft, "/restrictions"))

    as_tester.post("/missions/drafts/keep", {**sent, "restrictions": ""})

    assert MissionDraft.objects.get().survey["restrictions"] == ""


def test_answer_that_was_emptied_is_taken_when_it_is_typed_again(
    tester: User, as_tester: Client
) -> None:
    draft = drafts.draft(tester)
    sent = page_of(as_tester, of(draft, "/name"))
    refused = as_tester.post(of(draft, "/name"), {**sent, "event_name": "", "go": "next"})
    assert "Please answer this." in refused.content.decode()

    sent["was"] = refused.context["form"]["was"].value()
    answer = as_tester.post(of(draft, "/name"), {**sent, "go": "next"})

    assertRedirects(answer, of(draft, "/days"), fetch_redirect_response=False)
    assert MissionDraft.objects.get().survey == drafts.answers()


def test_first_day_that_cannot_be_read_takes_no_last_day_along(
    tester: User, as_tester: Client
) -> None:
    one_day = drafts.answers(event_end="2026-08-03")
    draft = drafts.draft(tester, survey=one_day)
    sent = page_of(as_tester, of(draft, "/days"))

    as_tester.post(of(draft, "/days"), {**sent, "event_start": "soon", "go": "next"})

    assert MissionDraft.objects.get().survey == one_day


def test_first_page_goes_on_when_nothing_is_new_on_it(tester: User, as_tester: Client) -> None:
    sent = {**page_of(as_tester, "/missions/new"), "event_name": "Ronde"}
    sent["was"] = as_tester.post("/missions/drafts/keep", sent).context["was"]

    answer = as_tester.post("/missions/new", {**sent, "go": "next"})

    draft = MissionDraft.objects.get()
    assertRedirects(answer, of(draft, "/days"), fetch_redirect_response=False)
