"""The API is what its schema says: every call is tried with generated requests, good and bad."""

from collections.abc import Callable, Iterator
from datetime import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
import time_machine
from django.conf import LazySettings
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts import tokens
from accounts.models import User
from coach.models import MissionRun
from connections.models import AppleHealthUpload
from connections.sources import Source
from missions import editing, progress
from missions.models import Mission, RideMode
from missions.progress import StageRidden
from tests import factories
from tests.coach import drafts, samples
from tests.conftest import StandIns
from tests.connections.recorded import gpx_of, trkpt

pytestmark = pytest.mark.django_db

SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(  # type: ignore[no-untyped-call]
    request=None, public=True
)
API = schemathesis.openapi.from_dict(SCHEMA)
OPERATIONS = {
    operation.label: operation
    for operation in (one.ok() for one in API.get_all_operations())  # type: ignore[union-attr]
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# Not a call: the schema and its reader.
NOT_LISTED = {"/api/schema", "/api/docs"}
MISSION, RUN, UPLOAD, DRAFT = (UUID(int=number) for number in (1, 2, 3, 4))
RIDE = 1_000_001
REAL: dict[str, dict[str, Any]] = {
    "/api/missions/draft/": {"id": str(DRAFT)},
    "/api/missions/": {"id": str(MISSION), "number": 1},
    "/api/runs/": {"id": str(RUN)},
    "/api/apple-health/uploads/": {"id": str(UPLOAD)},
    "/api/connections/": {"provider": "oura"},
    "/api/rides/": {"id": RIDE},
}
# What hardly ever comes of chance, and is to be answered well.
GOOD: dict[str, Any] = {
    "POST /api/missions": {
        "name": "Tour of the Valleys",
        "mission_type": "road_stage_race",
        "event_start": "2026-08-03",
        "event_end": "2026-08-07",
    },
    "PATCH /api/missions/{id}": {"name": "Tour, again"},
    "POST /api/missions/draft": drafts.SURVEY,
    "PATCH /api/missions/draft/{id}": {"name": "Ronde, again"},
    "POST /api/missions/draft/{id}/ask": {"ftp_w": None},
    "PUT /api/check-in": {"feel": 2, "injury_place": "knee", "injury_pain": 4, "minutes_today": 0},
    "POST /api/missions/{id}/transition": {"to": "TRAINING"},
    "POST /api/missions/{id}/stages/{number}/appeal": {
        "ride_mode": "breakaway",
        "reason": "I was ahead.",
    },
    "POST /api/connections/{provider}": {"token": "oura-sandbox-one"},
    "PUT /api/runs/{id}/feedback": {"word": "changed", "rpe": 7},
    "PUT /api/connections/precedence": {"hrv": ["apple", "oura"], "rides": []},
    "POST /api/apple-health/upload": {"file": b"<HealthData/>"},
    "POST /api/rides/files": {"file": [b"<gpx/>", b"<gpx/>"]},
    "POST /api/rides/upload": {"file": gpx_of(*(trkpt(second) for second in range(60)))},
}
# Their good answers need a password or a token; tests/accounts/test_api.py gives them one.
NEEDS_MORE = {
    "POST /api/auth/email",
    "POST /api/auth/login",
    "POST /api/auth/password",
    "POST /api/auth/refresh",
    "POST /api/auth/register",
    "DELETE /api/sessions/{id}",
}


def test_schema_is_valid_and_nothing_in_it_was_guessed(tmp_path: Path) -> None:
    target = tmp_path / "schema.yaml"

    call_command("spectacular", validate=True, fail_on_warn=True, file=str(target))

    assert target.read_text().startswith("openapi: 3.1.0")


def test_schema_lists_exactly_the_calls_there_are() -> None:
    listed = {path.partition("{")[0] for path in SCHEMA["paths"]}

    assert {path.partition("<")[0] for path in routes()} - NOT_LISTED == listed
    assert len(SCHEMA["paths"]) == len({*routes()} - NOT_LISTED)


def routes(patterns: Any = None, before: str = "/") -> list[str]:
    """The addresses of the URL conf below /api/."""
    found: list[str] = []
    for one in get_resolver().url_patterns if patterns is None else patterns:
        address = before + str(one.pattern)
        if isinstance(one, URLResolver):
            found += routes(one.url_patterns, address)
        elif isinstance(one, URLPattern) and address.startswith("/api/"):
            found.append(address)
    return found


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """Like the test client: the end of a request does not close the test's own connection."""
    ends = (request_started, request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield
    for signal in ends:
        signal.connect(close_old_connections)


@pytest.fixture
def bearer(
    label: str, tester: User, settings: LazySettings, tmp_path: Path, stand_ins: StandIns
) -> Iterator[str]:
    """The header of a tester who has one row of everything."""
    settings.THROTTLES = {
        action: [(by, 1_000_000, window_s) for by, _, window_s in limits]
        for action, limits in settings.THROTTLES.items()
    }
    settings.UPLOAD_DIR = tmp_path
    # The one move a tester makes is the first.
    state = Mission.State.PREP if label.endswith("/transition") else Mission.State.TRAINING
    mission = factories.mission(tester, id=MISSION, state=state)
    if label.endswith("/undo"):
        mission.send_time = time(5, 0)
        editing.keep(mission, factories.NOW, by=tester)
    ridden = StageRidden(RideMode.GC, "strava:1", factories.NOW)
    progress.settle(mission, mission.stages.get(number=1), ridden, now=factories.NOW)
    MissionRun.objects.create(
        id=RUN,
        mission=mission,
        local_date=factories.TODAY,
        trigger="schedule",
        outcome="decided",
        finished_at=factories.NOW,
        summary="Maintain: 60 min, moderate intensity",
        situation=samples.SITUATION,
        decision=samples.DECISION,
    )
    drafts.drafted(tester, id=DRAFT)
    drafts.draft(tester, outcome="failed", failure="timeout", survey={"event_name": "Tour"})
    # One import at a time: a second is taken only once the first is finished.
    is_over = label == "POST /api/apple-health/upload"
    AppleHealthUpload.objects.create(
        id=UPLOAD,
        user=tester,
        file_name="export.zip",
        stored_name="x.upload",
        size_bytes=10,
        status="done" if is_over else "waiting",
    )
    factories.ride(tester, factories.TODAY, pk=RIDE, source=Source.FILE)
    factories.connection(tester, Source.STRAVA, refresh_token="sandbox-refresh")
    factories.connection(tester, Source.OURA)
    with time_machine.travel(factories.NOW):
        pair = tokens.issue(tester, RequestFactory().get("/"), timezone.now())
        yield f"Bearer {pair.access}"


@pytest.mark.usefixtures("_one_connection")
@pytest.mark.parametrize("label", OPERATIONS)
def test_call_answers_as_the_schema_says(label: str, bearer: str) -> None:
    operation, seen = OPERATIONS[label], set()
    cases = st.one_of(
        operation.as_strategy(GenerationMode.POSITIVE),
        operation.as_strategy(GenerationMode.NEGATIVE),
    )

    @hypothesis_settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_real=st.booleans(), is_good=st.booleans())
    def answers(case: schemathesis.Case[Any], is_real: bool, is_good: bool) -> None:
        if is_real:
            case.path_parameters.update(real_names(operation.path))
        if is_good and label in GOOD:
            case.headers.pop("If-Match", None)
            case.body = GOOD[label]
        undone(lambda: call(case))

    def call(case: schemathesis.Case[Any]) -> None:
        answer = case.call(app=from_here, headers={"Authorization": bearer})
        case.validate_response(answer, checks=CHECKS)
        seen.add(answer.status_code)

    answers()
    if label not in NEEDS_MORE and (label in GOOD or not operation.body):
        undone(lambda: call(as_it_is_meant(operation)))
    assert label in NEEDS_MORE or seen & {200, 201, 202, 204}, seen


def as_it_is_meant(operation: Any) -> schemathesis.Case[Any]:
    """The call with nothing but what it needs: chance alone need not come by it."""
    sent = GOOD.get(operation.label, NOT_SET)
    kind = operation.body[0].media_type if operation.body else None
    case: schemathesis.Case[Any] = operation.Case(
        path_parameters=real_names(operation.path), body=sent, media_type=kind
    )
    return case


def from_here(environ: dict[str, Any], start_response: Any) -> Any:
    """The application, with an address to count by."""
    answer = get_wsgi_application()(environ | {"REMOTE_ADDR": "127.0.0.1"}, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


def real_names(path: str) -> dict[str, Any]:
    """Path parameters that name the tester's own rows."""
    own = next((names for start, names in REAL.items() if path.startswith(start)), {})
    return {name: value for name, value in own.items() if f"{{{name}}}" in path}


def undone(action: Callable[[], None]) -> None:
    """Each request meets the same rows."""
    before = transaction.savepoint()
    try:
        action()
    finally:
        transaction.savepoint_rollback(before)
