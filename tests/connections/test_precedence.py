"""Which source counts: the orders, the form and page, and the same as JSON."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.conf import settings as site
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import tokens
from accounts.models import User
from connections import policy, precedence
from connections.models import Night, SourceOrder
from connections.precedence import Order
from connections.precedence_form import PrecedenceForm
from connections.sources import Source
from tests import factories
from tests.conftest import signed_in
from tests.factories import TODAY

pytestmark = pytest.mark.django_db

PAGE, SAVE = "/connections", "/connections/precedence"
API = "/api/connections/precedence"
USUAL = {
    "rides": ["apple", "strava", "file"],
    "sleep": ["oura", "apple"],
    "hrv": ["oura", "apple"],
    "resting_hr": ["oura", "apple"],
    "readiness": ["oura", "apple"],
}
NOTHING: dict[str, list[str]] = {metric: [] for metric in USUAL}


@pytest.fixture
def two_of_each(tester: User) -> User:
    """Nights of Oura and Apple Health, rides of Apple Health and Strava, and no ride file."""
    factories.night(tester, TODAY)
    factories.night(tester, TODAY, source=Source.APPLE, hrv_kind=Night.HrvKind.SDNN)
    factories.ride(tester, TODAY, source=Source.APPLE)
    factories.connection(tester, Source.STRAVA)
    return tester


# --- the orders ---


def orders(user: User) -> dict[str, list[str]]:
    return {metric: list(order.names) for metric, order in precedence.orders_of(user).items()}


def test_usual_order_is_that_of_the_settings_and_for_readiness_own_scores_first(
    tester: User,
) -> None:
    assert orders(tester) == USUAL


def test_usual_order_follows_the_settings(tester: User, settings: LazySettings) -> None:
    names = ("file", "strava", "apple", "oura")
    settings.SOURCES = {name: settings.SOURCES[name] for name in names}

    assert orders(tester)["rides"] == ["file", "strava", "apple"]
    assert orders(tester)["hrv"] == ["apple", "oura"]
    assert orders(tester)["readiness"] == ["oura", "apple"]


def test_chosen_order_comes_first_and_the_others_as_usual(tester: User, stranger: User) -> None:
    precedence.choose(tester, {"rides": ["file"], "hrv": ["apple", "oura"]})

    assert precedence.orders_of(tester) == {
        "rides": Order(("file", "apple", "strava"), is_chosen=True),
        "sleep": Order(("oura", "apple")),
        "hrv": Order(("apple", "oura"), is_chosen=True),
        "resting_hr": Order(("oura", "apple")),
        "readiness": Order(("oura", "apple")),
    }
    assert orders(stranger)["rides"] == USUAL["rides"]


def test_stored_order_of_sources_that_are_gone_is_none(
    tester: User, settings: LazySettings
) -> None:
    SourceOrder.objects.create(user=tester, metric="hrv", order=["whoop", "strava"])
    SourceOrder.objects.create(user=tester, metric="rides", order=["whoop", "file"])
    SourceOrder.objects.create(user=tester, metric="mood", order=["oura"])

    assert precedence.orders_of(tester)["hrv"] == Order(("oura", "apple"))
    assert orders(tester)["rides"] == ["file", "apple", "strava"]
    assert precedence.chosen_by(tester) == {**NOTHING, "rides": ["file"]}


def test_choosing_again_replaces_and_an_empty_order_goes_back(tester: User) -> None:
    precedence.choose(tester, {"hrv": ["apple"], "sleep": ["apple"]})
    precedence.choose(tester, {"hrv": ["oura"], "sleep": []})

    assert list(SourceOrder.objects.values_list("metric", "order")) == [("hrv", ["oura"])]


def test_source_that_no_order_names_comes_last() -> None:
    order = Order(("oura", "apple"))

    assert [order.place(name) for name in ("oura", "apple", "whoop")] == [0, 1, 2]


# --- the page ---


def fields_of(user: User) -> dict[str, list[str]]:
    fields: dict[str, Any] = PrecedenceForm(user).fields
    return {name: [value for value, _ in field.choices] for name, field in fields.items()}


def test_form_asks_for_what_two_of_the_tester_s_sources_tell(two_of_each: User) -> None:
    assert fields_of(two_of_each) == {
        "rides": ["usual", "apple,strava", "strava,apple"],
        "sleep": ["usual", "apple,oura"],
        "hrv": ["usual", "apple,oura"],
        "resting_hr": ["usual", "apple,oura"],
        "readiness": ["usual", "oura,apple", "apple,oura"],
    }


def test_form_asks_nothing_of_a_tester_with_one_source_of_each(tester: User) -> None:
    factories.night(tester, TODAY)
    factories.ride(tester, TODAY)

    assert fields_of(tester) == {}


def test_of_many_sources_each_can_come_first(tester: User, settings: LazySettings) -> None:
    strava = settings.SOURCES["strava"]
    extra = {**strava, "PROVIDER": "tests.connections.test_precedence.Extra", "LABEL": "Extra"}
    settings.SOURCES = {**settings.SOURCES, "extra": extra}
    for source in ("strava", "apple", "file", "extra"):
        factories.ride(tester, TODAY, source=source)
    precedence.choose(tester, {"rides": ["extra", "file"]})

    assert fields_of(tester)["rides"] == [
        "usual",
        "extra,file,apple,strava",
        "apple,extra,file,strava",
        "strava,extra,file,apple",
        "file,extra,apple,strava",
    ]


class Extra:
    name = "extra"
    tells = frozenset({"rides"})


def test_page_shows_the_orders_in_words_and_what_holds(two_of_each: User) -> None:
    precedence.choose(two_of_each, {"hrv": ["apple", "oura"]})

    page = signed_in(two_of_each).get(PAGE).content.decode()

    assert "Which source counts" in page
    assert '<option value="usual">As usual, Oura first</option>' in page
    assert '<option value="apple,oura" selected>Apple Health, then Oura</option>' in page
    assert page.count('<option value="usual" selected>') == 4
    assert "(optional)" not in page.partition("Which source counts")[2].partition("</form>")[0]


def test_chosen_order_that_is_the_usual_one_is_shown_as_it(two_of_each: User) -> None:
    precedence.choose(two_of_each, {"hrv": ["oura", "apple"]})

    assert PrecedenceForm(two_of_each).fields["hrv"].initial == "usual"


def test_page_says_nothing_of_it_where_there_is_nothing_to_choose(as_tester: Client) -> None:
    assert "Which source counts" not in as_tester.get(PAGE).content.decode()


def sent(**orders: str) -> dict[str, str]:
    return {**dict.fromkeys(USUAL, "usual"), **orders}


def test_saving_keeps_all_of_them_at_once(two_of_each: User) -> None:
    browser = signed_in(two_of_each)

    answer = browser.post(SAVE, sent(hrv="apple,oura", rides="strava,apple"), follow=True)

    assert answer.redirect_chain == [("/connections#which-counts", 302)]
    assert [str(one) for one in answer.context["messages"]] == [
        "Saved. It counts from your next brief on."
    ]
    assert precedence.chosen_by(two_of_each) == {
        **NOTHING,
        "hrv": ["apple", "oura"],
        "rides": ["strava", "apple"],
    }
    browser.post(SAVE, sent(rides="strava,apple"))
    assert precedence.chosen_by(two_of_each) == {**NOTHING, "rides": ["strava", "apple"]}


@pytest.mark.parametrize("order", ["", "strava", "oura,oura", "apple,oura,strava"])
def test_order_that_is_none_is_refused_and_nothing_kept(two_of_each: User, order: str) -> None:
    answer = signed_in(two_of_each).post(SAVE, sent(hrv=order, rides="strava,apple"))

    assert answer.status_code == 400
    assert list(answer.context["precedence_form"].errors) == ["hrv"]
    assert not SourceOrder.objects.exists()


def test_orders_are_the_tester_s_own(two_of_each: User, stranger: User, client: Client) -> None:
    assert client.post(SAVE, sent(hrv="apple,oura")).status_code == 302
    assert signed_in(stranger).post(SAVE, sent(hrv="apple,oura")).status_code == 302
    assert not SourceOrder.objects.exists()


def test_saving_takes_the_csrf_token(two_of_each: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(two_of_each, backend=site.AUTHENTICATION_BACKENDS[0])

    assert browser.post(SAVE, sent(hrv="apple,oura")).status_code == 403
    assert browser.get(SAVE).status_code == 405
    assert not SourceOrder.objects.exists()


def test_form_costs_three_queries_for_few_rows_and_for_many(
    two_of_each: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for rows in (1, 20):
        for _ in range(rows):
            factories.ride(two_of_each, TODAY)
        with django_assert_num_queries(3):
            PrecedenceForm(two_of_each)


# --- the notice ---


@pytest.mark.parametrize(
    ("switch", "why"),
    [
        ("IN_PROMPTS", policy.WORDS["prompts"]),
        (
            "JOINED",
            policy.WORDS["joined"],
        ),
    ],
)
def test_page_says_which_source_the_coach_does_not_use(
    two_of_each: User, settings: LazySettings, switch: str, why: str
) -> None:
    settings.SOURCES = {**settings.SOURCES, "strava": {**settings.SOURCES["strava"], switch: False}}

    page = signed_in(two_of_each).get(PAGE).content.decode()

    assert f"<li>The coach does not use Strava here: {why}</li>" in page


def test_page_says_nothing_of_a_source_the_tester_does_not_have(
    tester: User, as_tester: Client, settings: LazySettings
) -> None:
    strava = {**settings.SOURCES["strava"], "IN_PROMPTS": False}
    settings.SOURCES = {**settings.SOURCES, "strava": strava}

    assert policy.withheld_of(tester) == []
    assert "Not used by the coach" not in as_tester.get(PAGE).content.decode()


# --- as JSON ---


def put(browser: Client, told: Any) -> Any:
    return browser.put(API, told, content_type="application/json")


def test_orders_as_json_for_whoever_is_signed_in(client: Client, as_tester: Client) -> None:
    assert client.get(API).status_code == 401
    assert put(client, {"hrv": ["oura"]}).status_code == 401
    assert as_tester.get(API).json() == {**NOTHING, "usual": USUAL}


def test_chosen_orders_come_back_and_can_be_sent_again(
    tester: User, as_tester: Client, as_stranger: Client
) -> None:
    answer = put(as_tester, {"hrv": ["apple"], "rides": ["file", "strava"]})

    told = {**NOTHING, "hrv": ["apple"], "rides": ["file", "strava"], "usual": USUAL}
    assert (answer.status_code, answer.json()) == (200, told)
    assert put(as_tester, {"rides": []}).json() == {**told, "rides": []}
    assert put(as_tester, as_tester.get(API).json()).json() == {**told, "rides": []}
    assert orders(tester)["hrv"] == ["apple", "oura"]
    assert as_stranger.get(API).json() == {**NOTHING, "usual": USUAL}


@pytest.mark.parametrize(
    ("told", "field", "words"),
    [
        ({"hrv": ["strava"]}, "hrv", "Strava does not tell it. Name oura, apple."),
        ({"hrv": ["oura", "oura"]}, "hrv", "Name each source once."),
        ({"hrv": ["whoop"]}, "hrv", "whoop does not tell it. Name oura, apple."),
        ({"hrv": [""]}, "hrv.0", "This field may not be blank."),
        ({"hrv": "oura"}, "hrv", 'Expected a list of items but got type "str".'),
        ({"rides": [["file"]]}, "rides.0", "Not a valid string."),
        (
            {"rides": ["file"] * 5},
            "rides",
            "Ensure this field has no more than 4 elements.",
        ),
    ],
)
def test_order_that_is_none_is_a_problem_of_its_field(
    as_tester: Client, told: Any, field: str, words: str
) -> None:
    answer = put(as_tester, {"sleep": ["apple"], **told})

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "message": words}]
    assert not SourceOrder.objects.exists()


def test_access_token_chooses_and_a_session_needs_the_csrf_token(tester: User) -> None:
    access = tokens.issue(tester, RequestFactory().get("/"), timezone.now()).access
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=site.AUTHENTICATION_BACKENDS[0])

    assert put(browser, {"hrv": ["apple"]}).status_code == 403
    answer = Client(enforce_csrf_checks=True).put(
        API,
        {"hrv": ["apple"]},
        content_type="application/json",
        headers={"Authorization": f"Bearer {access}"},
    )
    assert answer.status_code == 200
