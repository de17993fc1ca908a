"""Ride files in the console: for operators, to read, and as cheap for many as for one."""

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from connections.models import RideFile
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

LIST = "/admin/connections/ridefile/"


def row(user: User, name: str = "ride.fit") -> RideFile:
    return RideFile.objects.create(
        user=user, file_name=name, size_bytes=10, uploaded_at=NOW, status="failed", error="Empty."
    )


@pytest.mark.parametrize("rows", [1, 20])
def test_list_asks_the_database_as_often_for_many_ride_files(
    as_operator: Client, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(rows):
        row(factories.tester(email=f"tester{number}@example.org"), f"{number}.fit")

    with django_assert_num_queries(4):  # session, account; how many, with their testers
        page = as_operator.get(LIST).content.decode()

    assert "tester0@example.org" in page
    assert "0.fit" in page
    assert page.count("Empty.") == rows


def test_ride_file_is_read_and_neither_changed_nor_deleted(
    as_operator: Client, tester: User
) -> None:
    one = row(tester)
    page = f"{LIST}{one.pk}/change/"

    assert as_operator.get(page).status_code == 200
    answers = [
        as_operator.post(page, {"user": tester.pk, "file_name": "other.fit"}),
        as_operator.post(f"{LIST}{one.pk}/delete/", {"post": "yes"}),
        as_operator.get(f"{LIST}add/"),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert RideFile.objects.get().file_name == "ride.fit"


def test_ride_files_are_found_by_their_tester(as_operator: Client, tester: User) -> None:
    row(tester)

    assert "ride.fit" in as_operator.get(f"{LIST}?q=tester@").content.decode()
    assert "ride.fit" not in as_operator.get(f"{LIST}?q=nobody@").content.decode()


def test_ride_files_are_for_operators_only(as_tester: Client, client: Client) -> None:
    assert as_tester.get(LIST).status_code == 403
    assert client.get(LIST).headers["location"] == f"/auth/login?next={LIST}"
