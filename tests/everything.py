"""A tester who has at least one row of everything that can belong to a tester."""

from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.db.models import Model
from django.test import RequestFactory
from social_django.models import UserSocialAuth

from accounts import artifacts, audit, invitations, tokens
from accounts.encryption import encrypt
from accounts.models import Artifact, AuditEvent, DataExport, Ftp, User
from coach.models import (
    CalendarFeed,
    CheckIn,
    Feedback,
    Incident,
    KnownModel,
    MissionDraft,
    MissionRun,
    ModelCall,
    ModelPace,
    Reflection,
    RuleTally,
    TokenUse,
)
from coach.models.feeds import digest_of
from connections import apple_uploads, ride_files
from connections.models import (
    Connection,
    DailySample,
    FailureTally,
    ProviderEvent,
    PushSubscription,
    RateBudget,
    SourceOrder,
    SyncAttempt,
    Turn,
)
from connections.sources import Source
from missions import progress, undo
from missions.models import Appeal, BonusAward, MissionEdit, MissionMove, RideMode
from missions.progress import StageRidden
from notifications import outbox
from notifications.mail import Mail
from notifications.models import Notification, StoppedAddress
from tests import factories
from tests.coach.samples import situation
from tests.factories import NOW, TODAY


def give_everything(user: User, **strava: Any) -> None:
    """Rows in every model, files in both storages; `strava` are the tokens of that connection."""
    _account(user)
    _sources(user, strava)
    _missions(user)
    _notes_beside(user)
    _of_the_service()


def _account(user: User) -> None:
    request = RequestFactory().get("/", headers={"user-agent": "a program"})
    address = EmailAddress.objects.get(user=user)
    EmailConfirmation.create(address)
    EmailAddress.objects.create(user=user, email=f"new.{user.email}")
    Ftp.objects.create(user=user, effective_date=TODAY, power_w=230)
    Authenticator.objects.create(
        user=user, type=Authenticator.Type.TOTP, data={"secret": encrypt("shh")}
    )
    UserSession.objects.get_or_create(
        user=user, session_key=f"key-{user.pk}", defaults={"ip": "192.0.2.1"}
    )
    tokens.issue(user, request, NOW)
    audit.record(AuditEvent.Kind.SIGNED_IN, user=user, request=request)
    token = f"calendar-of-{user.pk}"
    CalendarFeed.objects.create(user=user, digest=digest_of(token), token=token)
    user.groups.add(Group.objects.get_or_create(name="riders")[0])
    user.user_permissions.add(Permission.objects.order_by("pk")[0])
    outbox.enqueue(
        Notification.Kind.BRIEF,
        Mail("Easy today", "Ride easy.", "<p>Ride easy.</p>", b"\x89PNG"),
        dedupe_key=f"brief:{user.pk}",
        recipients=[user.email],
        user=user,
    )
    StoppedAddress.objects.create(
        address=user.email, reason=StoppedAddress.Reason.BOUNCE, detail="550 no such mailbox"
    )
    export = DataExport.objects.create(
        user=user,
        state=DataExport.State.READY,
        ready_at=NOW,
        expires_at=NOW + timedelta(hours=24),
        size_bytes=3,
    )
    key = artifacts.export_key(user, export.pk)
    artifacts.put(user, key, b"zip", Artifact.Retention.EXPORT)


def _sources(user: User, strava: dict[str, Any]) -> None:
    factories.ride(user, TODAY)
    factories.ride(user, TODAY, source=Source.FILE)
    factories.night(user, TODAY)
    DailySample.objects.create(
        user=user,
        source=Source.OURA,
        local_date=TODAY,
        kind=DailySample.Kind.READINESS,
        value=80,
        unit="score",
    )
    connection: Connection = factories.connection(user, **strava)
    SyncAttempt.objects.create(connection=connection, started_at=NOW)
    ProviderEvent.objects.create(
        connection=connection,
        object_id="1360128428",
        aspect="create",
        happened_at=NOW,
        received_at=NOW,
    )
    SourceOrder.objects.create(user=user, metric="sleep", order=["apple", "oura"])
    UserSocialAuth.objects.create(user=user, provider="strava", uid=f"athlete-{user.pk}")
    apple_uploads.keep_file(user, "export.zip", ContentFile(b"export"))
    ride_files.receive(user, [ContentFile(b"ride", "ride.fit")])


def _missions(user: User) -> None:
    mission = factories.mission(user)
    stage = mission.stages.all()[0]
    ridden = StageRidden(RideMode.GC, "strava:1", NOW)
    settled = progress.settle(mission, stage, ridden, now=NOW)
    Appeal.objects.create(
        progress=settled, from_mode="gc", to_mode="breakaway", reason="I was ahead.", by=user
    )
    BonusAward.objects.create(mission=mission, name="consecutive_5", points=5, progress=settled)
    MissionMove.objects.create(
        mission=mission, from_state="PREP", to_state="TRAINING", by=user, reason="Started."
    )
    stands = undo.written(mission)
    MissionEdit.objects.create(mission=mission, by=user, before=stands, after=stands)
    MissionDraft.objects.create(user=user, survey={"event_name": "Tour"})
    Reflection.objects.create(mission=mission)
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger=MissionRun.Trigger.SCHEDULE,
        outcome=MissionRun.Outcome.FAILED,
        finished_at=NOW,
        situation=situation().model_dump(mode="json"),
    )
    ModelCall.objects.create(
        run=run,
        owner=user,
        purpose=ModelCall.Purpose.DAY,
        attempt=1,
        model="gpt-4o-mini",
        prompt_version="1",
        prompt_sha256="0" * 64,
        outcome=ModelCall.Outcome.UNANSWERED,
    )
    CheckIn.objects.create(user=user, local_date=TODAY, feel=2, note="Slept badly.")
    Feedback.objects.create(run=run, word=Feedback.Word.CHANGED, rpe=6)
    TokenUse.objects.create(owner=user, month_date=TODAY.replace(day=1), tokens=2_410)
    Incident.objects.create(run=run, kind=Incident.Kind.TIMEOUT, detail="No answer.")
    key = artifacts.key_for(user, mission.pk, TODAY, "run.json")
    artifacts.put(user, key, b'{"asked": "how"}', Artifact.Retention.REASONING)


def _notes_beside(user: User) -> None:
    """What tells of them without hanging on their account."""
    operator = User.objects.filter(email="ops@example.org").first() or factories.operator()
    about = ContentType.objects.get_for_model(User)
    for who in (operator, user):
        LogEntry.objects.create(
            user=who,
            content_type=about,
            object_id=str(user.pk),
            object_repr=user.email,
            action_flag=CHANGE,
        )
    AuditEvent.objects.create(kind=AuditEvent.Kind.RERUN, user=operator, actor=user)
    invitations.invite(f"new.{user.email}", operator, NOW)
    outbox.enqueue(
        Notification.Kind.ALERT,
        Mail("A run failed", "Have a look.", ""),
        dedupe_key=f"alert:{user.pk}",
        recipients=[user.email, operator.email],
    )


def _of_the_service() -> None:
    """What an operator sees of the sources, all testers together."""
    FailureTally.objects.get_or_create(source=Source.STRAVA, reason="busy")
    KnownModel.objects.get_or_create(name="gpt-4o-mini")
    ModelPace.objects.get_or_create(server="https://api.openai.com")
    Turn.objects.get_or_create(of="model", number=0)
    RuleTally.objects.get_or_create(model="gpt-4o-mini", rule="L1", defaults={"is_flag": False})
    PushSubscription.objects.get_or_create(source=Source.STRAVA, external_id="120475")
    RateBudget.objects.get_or_create(
        source=Source.STRAVA,
        defaults={
            "quarter_started_at": NOW,
            "quarter_limit": 100,
            "day": TODAY,
            "day_limit": 1000,
        },
    )


def mentions(model: type[Model], user_id: int, *words: str) -> list[str]:
    """Where a model's rows still point to an account or hold one of the words."""
    found = []
    for row in model._default_manager.all():
        for field in row._meta.concrete_fields:
            value = field.value_from_object(row)
            is_key = field.is_relation and field.related_model is User and value == user_id
            if is_key or any(word in str(value) for word in words):
                found.append(f"{model._meta.label_lower}.{field.name} of {row.pk}")
    return found
