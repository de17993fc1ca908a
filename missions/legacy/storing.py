"""Storing a mission that was ridden elsewhere: its rows as they were recorded, all or none."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accounts.models import Ftp, User
from missions import lifecycle, progress
from missions.legacy.file import Flag
from missions.legacy.reading import LegacyMission
from missions.models import BonusAward, EventProgress, Mission, Stage

LONGEST_FILE_NAME = 200


class NotImported(Exception):
    """A mission that cannot be stored for this tester; the text says what to do."""


def flags_of_the_account(owner: User, legacy: LegacyMission, file_name: str) -> list[Flag]:
    """What the file tells and the account tells differently: the account stands."""
    if legacy.ftp is None:
        return []
    day, power_w = legacy.ftp
    known = owner.ftps.filter(effective_date=day).first()
    if known is None or known.power_w == power_w:
        return []
    text = f"{power_w} W from {day} is not stored: the account has {known.power_w} W from that day."
    return [Flag(file_name, "athlete.ftp", text)]


@transaction.atomic
def store(owner: User, legacy: LegacyMission, file_name: str, now: datetime) -> Mission:
    """The mission with its stages, results and bonuses; complete when its event is over."""
    User.objects.select_for_update().get(pk=owner.pk)  # two imports at once: one after the other
    file_name = file_name[-LONGEST_FILE_NAME:]
    _refuse_twice(owner, legacy, file_name)
    mission = _mission(owner, legacy, file_name, now)
    _store_stages(mission, legacy, now)
    if legacy.ftp:
        day, power_w = legacy.ftp
        Ftp.objects.get_or_create(
            user=owner, effective_date=day, defaults={"power_w": power_w, "source": "tester"}
        )
    if legacy.event_end < mission.local_date(now):
        lifecycle.as_recorded(mission, now=now, by=None)
    return mission


def is_ridden(owner: User, legacy: LegacyMission, now: datetime) -> bool:
    """Whether the event was ridden elsewhere, or begun there."""
    return bool(legacy.record.ridden) or legacy.event_end < owner.local_date(now)


def _refuse_twice(owner: User, legacy: LegacyMission, file_name: str) -> None:
    same = Q(imported_from=file_name) | Q(
        name=legacy.name, event_start=legacy.event_start, event_end=legacy.event_end
    )
    if there := owner.missions.filter(same).first():
        raise NotImported(
            f"{file_name} was imported for {owner.email} already: “{there}”. Delete that mission "
            "first to import it again. Another file needs another name."
        )
    keys = [one.ride_key for one in legacy.record.ridden if one.ride_key]
    known = EventProgress.objects.filter(ride_key__in=keys).select_related("mission__owner").first()
    if known is None:
        return
    if known.mission.owner_id != owner.pk:
        raise NotImported(
            f"The ride {known.ride_key} of this record counts in a mission of another account. A "
            "record belongs to one rider: check the address, or delete that mission first."
        )
    raise NotImported(
        f"The ride {known.ride_key} of this record counts in “{known.mission}” already. Delete "
        "that mission first to import it again."
    )


def _mission(owner: User, legacy: LegacyMission, file_name: str, now: datetime) -> Mission:
    mission = Mission(
        owner=owner,
        name=legacy.name,
        mission_type=Mission.Type.INDOOR_TOUR,
        prep_start=legacy.prep_start,
        event_start=legacy.event_start,
        event_end=legacy.event_end,
        timezone=owner.timezone,
        send_time=owner.send_time,
        targets=dict(legacy.targets),
        notes=legacy.notes or f"Imported from {file_name}.",
        # With it the points stay as recorded: never for an event that is yet to be ridden here.
        imported_from=file_name if is_ridden(owner, legacy, now) else "",
        **legacy.limits,
    )
    if legacy.points_schema is not None:
        mission.points_schema = dict(legacy.points_schema)
    try:
        # Not clean(): it refuses an event that is over, which is what most imports are.
        mission.clean_fields()
        mission.validate_constraints()
    except ValidationError as error:
        raise NotImported(
            f"The mission cannot be stored: {' '.join(error.messages)} Mend the file and try again."
        ) from error
    mission.save()
    return mission


def _store_stages(mission: Mission, legacy: LegacyMission, now: datetime) -> None:
    """The stages, numbered by their days; those of a record by their own numbers, for it has them.

    Rest days have none of their own, and are numbered after them there.
    """
    if not any(one.number for one in legacy.days):
        progress.plan_stages(mission)
        return
    spare = max(one.number or 0 for one in legacy.days)
    stages: dict[int, Stage] = {}
    for place, one in enumerate(legacy.days, start=1):
        spare += one.number is None
        number = (one.number or spare) if mission.imported_from else place
        stages[number] = Stage(
            mission=mission,
            number=number,
            date=one.day,
            stage_type=one.stage_type or "flat",
            is_rest_day=one.number is None,
        )
    Stage.objects.bulk_create(stages.values())
    EventProgress.objects.bulk_create(
        EventProgress(
            mission=mission,
            stage=stages[one.number],
            ride_mode=one.ride_mode,
            classified_as=one.ride_mode,
            points=one.points,
            ride_key=one.ride_key,
            completed_at=one.completed_at,
            settled_at=now,
        )
        for one in legacy.record.ridden
    )
    BonusAward.objects.bulk_create(
        BonusAward(mission=mission, name=one.name, points=one.points, awarded_at=now)
        for one in legacy.record.awards
    )
