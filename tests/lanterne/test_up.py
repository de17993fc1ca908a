"""`manage.py up` as a newcomer meets it: real processes on an empty folder."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx2
import pytest
from django.conf import settings

from tests.processes import Service, running

pytestmark = [pytest.mark.processes, pytest.mark.embedded]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(Service(tmp_path_factory.mktemp("up") / "var", is_empty=True)) as service:
        yield service


def read(service: Service, path: str) -> str:
    return httpx2.get(service.url(path), timeout=30).text


def test_up_starts_every_part(service: Service) -> None:
    assert service.health() == {
        "status": "ok",
        "database": "ok",
        "broker": "ok",
        "storage": "ok",
        "scheduler": "ok",
    }


def test_up_has_a_brief_ready_and_its_mail(service: Service) -> None:
    subject = "Lanterne Rouge Daily Brief – Tour of the Five Valleys"
    service.wait_until(lambda: subject in read(service, "/sandbox/mailbox/"))

    metrics = read(service, "/metrics")
    assert 'mission_runs_total{status="decided"} 1.0' in metrics


def test_second_up_in_the_same_folder_is_refused(service: Service) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=settings.BASE_DIR,
        env=service.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert "It is running already." in second.stderr
    assert httpx2.get(service.url("/"), timeout=30).status_code == 200


def test_up_comes_back_clean_after_kill_9_and_stops_clean(service: Service) -> None:
    """From here on each test ends the service it was given."""
    service.be_up()
    left_behind = service.children()
    service.process.kill()
    service.process.wait()
    assert not service.leaves_nothing_running()

    service.start()
    service.wait_until_up()

    assert httpx2.get(service.url("/"), timeout=30).status_code == 200
    assert not set(left_behind) & set(service.children())
    assert service.stop() == 0
    assert service.leaves_nothing_running()


def test_up_that_is_told_to_end_twice_ends_all_the_same(service: Service) -> None:
    service.be_up()

    service.process.send_signal(signal.SIGINT)
    time.sleep(0.5)

    assert service.stop() == 0
    assert service.leaves_nothing_running()
    assert service.children() == []
