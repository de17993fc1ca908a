"""The sandbox's first morning: two accounts, a mission, sources that really answered, a brief."""

import io
import time
from datetime import time as wall_time
from datetime import timedelta
from typing import Any

import httpx2
from django.conf import settings
from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import Ftp, User
from coach import model_list, mornings
from coach.models import MissionRun
from connections import apple_uploads, sync
from connections.models import Connection
from connections.providers.oura import client as oura
from connections.sources import Source
from missions import lifecycle, progress
from missions.models import Mission, StageType

TESTER = ("tester@lanterne.local", "lanterne-tester")
ADMIN = ("admin@lanterne.local", "lanterne-admin")
OURA_TOKEN = "oura-sandbox-seeded-tester"  # noqa: S105  opens nothing but the stand-in
PROFILE = (StageType.FLAT, StageType.HILLY, StageType.MOUNTAIN, StageType.ITT, StageType.FLAT)
PATIENCE_S = 30


class Command(BaseCommand):
    help = "Fill the sandbox: accounts, a mission, its sources, and today's brief. Safe to repeat."

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError("Only in the sandbox: these accounts have known passwords.")
        tester = account(TESTER, timezone="Europe/Paris", sex="M", hr_max_bpm=184, lthr_bpm=166)
        account(ADMIN, timezone="Europe/Paris", is_staff=True, is_superuser=True)
        mission = tester.missions.first() or new_mission(tester)
        if not tester.connections.filter(provider=Source.STRAVA).exists():
            connect_strava()
        if not tester.connections.filter(provider=Source.OURA).exists():
            connect_oura(tester)
        if not tester.apple_uploads.exists():
            import_apple_health(tester)
        model_list.look_when_due(timezone.now())
        if mission.is_live:
            wait_for(mornings.ask_for_today(mission, timezone.now()))


def account(credentials: tuple[str, str], **fields: Any) -> User:
    email, password = credentials
    user = User.objects.filter(email=email).first()
    if user is None:
        fields["health_consent_at"] = timezone.now()
        user = User.objects.create_user(email, password, **fields)
        user.confirm_address()
    return user


@transaction.atomic
def new_mission(tester: User) -> Mission:
    now = timezone.now()
    today = tester.local_date(now)
    Ftp.objects.create(user=tester, effective_date=today - timedelta(days=200), power_w=228)
    start = today + timedelta(days=33)
    mission = Mission.objects.create(
        owner=tester,
        name="Tour of the Five Valleys",
        mission_type=Mission.Type.ROAD_STAGE_RACE,
        event_start=start,
        event_end=start + timedelta(days=len(PROFILE) - 1),
        timezone=tester.timezone,
        send_time=wall_time(6, 0),
        weekly_minutes=540,
        weekday_minutes=[120] * 7,
    )
    progress.plan_stages(mission)
    for stage, kind in zip(mission.stages.all(), PROFILE, strict=True):
        stage.stage_type = kind
        stage.save(update_fields=["stage_type"])
    lifecycle.advance(
        mission,
        to=Mission.State.TRAINING,
        now=now,
        by=tester,
        reason=lifecycle.STARTED,
    )
    return mission


def connect_strava() -> None:
    """Walk through the site as a tester's browser does: sign in, connect, consent, come back."""
    email, password = TESTER
    with httpx2.Client(base_url=settings.SITE_URL, follow_redirects=True, timeout=30) as browser:
        browser.get("/auth/login")
        post(browser, "/auth/login", login=email, password=password)
        consent = post(browser, "/connect/login/strava/")
        done = browser.post(
            consent.url,
            data={"decision": "authorize", "granted": settings.SOCIAL_AUTH_STRAVA_SCOPE},
        )
        done.raise_for_status()
        post(browser, "/auth/logout")


def post(browser: httpx2.Client, path: str, **form: str) -> httpx2.Response:
    answer = browser.post(path, data={**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]})
    return answer.raise_for_status()


def connect_oura(tester: User) -> None:
    connection = Connection.objects.create(
        user=tester,
        provider=Source.OURA,
        external_id=oura.account_id(OURA_TOKEN),
        access_token=OURA_TOKEN,
    )
    sync.sync(connection, timezone.now())


def import_apple_health(tester: User) -> None:
    export = httpx2.get(f"{settings.SITE_URL}/sandbox/apple-health/export.zip", timeout=30)
    content: File[bytes] = File(io.BytesIO(export.raise_for_status().content))
    upload = apple_uploads.keep_file(tester, "export.zip", content)
    apple_uploads.run_import(upload.pk)


def wait_for(run: MissionRun) -> None:
    """Until a worker has finished the run: the first page then shows a brief."""
    deadline = time.monotonic() + PATIENCE_S
    while not run.is_finished and time.monotonic() < deadline:
        time.sleep(0.2)
        run.refresh_from_db()
