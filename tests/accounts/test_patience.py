import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from accounts.patience import while_the_database_is_away
from coach.models import ModelPace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


class Work:
    """Fails as it is told to, then writes a row."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.connections: list[object] = []

    def __call__(self) -> int:
        self.connections.append(connection.connection)
        if self.errors:
            raise self.errors.pop(0)
        return int(ModelPace.objects.create(server="here").pk)


def test_work_is_done_again_on_a_new_connection_until_it_succeeds(slept: list[float]) -> None:
    assert ModelPace.objects.count() == 0  # it is connected
    work = Work(OperationalError("the connection is lost"), InterfaceError("already closed"))

    key = while_the_database_is_away(work)

    assert ModelPace.objects.get().pk == key
    first, *later = work.connections
    assert (first is None, later) == (False, [None, None])
    assert slept == [0.1, 0.4]


def test_database_that_stays_away_is_given_up_after_a_minute(slept: list[float]) -> None:
    work = Work(*[OperationalError("no route to it")] * 20)

    with pytest.raises(OperationalError):
        while_the_database_is_away(work)

    assert len(work.connections) == 10
    assert sum(slept) == pytest.approx(60.0)


def test_other_errors_are_nobody_s_to_wait_out(slept: list[float]) -> None:
    with pytest.raises(ValueError, match="of ours"):
        while_the_database_is_away(Work(ValueError("of ours")))

    assert slept == []


def test_within_a_transaction_it_is_tried_once(slept: list[float]) -> None:
    work = Work(OperationalError("the connection is lost"))

    with pytest.raises(OperationalError), transaction.atomic():
        while_the_database_is_away(work)

    assert (len(work.connections), slept) == (1, [])


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a file has no connection to cut")
def test_connection_that_is_cut_within_the_work_is_replaced(slept: list[float]) -> None:
    cuts = ["select pg_terminate_backend(pg_backend_pid())"]

    def work() -> None:
        with transaction.atomic():
            ModelPace.objects.create(server="here")
            with connection.cursor() as cursor:
                for cut in [cuts.pop()] if cuts else []:
                    cursor.execute(cut)

    while_the_database_is_away(work)

    assert (ModelPace.objects.count(), slept) == (1, [0.1])
