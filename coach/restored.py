"""What has to be put right in a database that came back from a backup, before anybody works on it.

It ends some time before the old one was lost, and what was done in between is not in it: mails that
went out, mornings that were briefed, accounts that were deleted. The files beside it tell of most;
where they do not, nothing is done twice and it is said.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import artifacts, deletion, tombstones
from accounts.models import User
from coach import alerts, lateness, put_back, record
from coach.models import MissionDraft, MissionRun, Reflection
from connections.models import Connection, Turn
from missions import schedule
from missions.models import Mission
from notifications import outbox

BATCH = 500
DOUBT = "the database was restored from a backup: it may have been sent since"


@dataclass(slots=True)
class Told:
    """What was done, by number; `words` has the lines for whoever restores."""

    mails_in_doubt: int = 0
    links_dropped: int = 0
    runs_put_back: int = 0
    runs_missed: int = 0
    deleted_again: int = 0
    deletions_waiting: int = 0
    files_adopted: int = 0
    files_unreadable: int = 0
    files_of_nobody: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))

    @property
    def words(self) -> list[str]:
        sentences = {
            "mails_in_doubt": "mails may have been sent since the backup: their outcome is unknown,"
            " they are not sent again",
            "links_dropped": "account mails with a link were dropped: their readers ask again",
            "runs_put_back": "runs and look backs were put back from their files, without a mail",
            "runs_missed": "mornings may have been briefed and have no file: recorded as missed",
            "deleted_again": "accounts that had been deleted since the backup were deleted again",
            "deletions_waiting": "such accounts are closed; a worker deletes them, a source has to"
            " be reached first",
            "files_adopted": "files were given their row back",
            "files_unreadable": "files of runs could not be read",
            "files_of_nobody": "files are of accounts or missions that the backup does not have",
        }
        return [
            f"{getattr(self, name)} {sentence}."
            for name, sentence in sentences.items()
            if getattr(self, name)
        ]


def put_right(lost_at: datetime, now: datetime, *, is_trial: bool = False) -> Told:
    """All of it, in this order; a second time changes nothing more.

    `lost_at`: when the old database was last written to, or a little later.
    """
    told = Told()
    delete_again(told, now, is_trial=is_trial)
    with transaction.atomic():
        doubt_mails(told, lost_at)
        let_go()
        put_back_from_files(told)
        miss_the_rest(told, lost_at, now)
        tell_operators(told, lost_at)
        if is_trial:
            transaction.set_rollback(True)
    return told


def delete_again(told: Told, now: datetime, *, is_trial: bool) -> None:
    """Accounts that were deleted since the backup: as their owners asked, and with no second mail.

    First of all, so that nothing else is done for them. Also where one is still under way: a
    deletion that was asked for in the backup is gone on with by the sweep.
    """
    stones = list(tombstones.every())
    if stones and not is_trial:
        tombstones.never_give_again(max(stone.user_id for stone in stones))
    for stone in stones:
        user = User.objects.filter(pk=stone.user_id, deletion_requested_at=None).first()
        if user is None or not stone.is_of(user):
            continue
        if is_trial:
            told.deleted_again += 1
            continue
        deletion.ask(user, None, now)
        if deletion.carry_out(user.pk, now):
            told.deleted_again += 1
        else:
            told.deletions_waiting += 1


def doubt_mails(told: Told, lost_at: datetime) -> None:
    """Whatever had not left by then may have left since."""
    links, mails = outbox.leave_in_doubt(lost_at, DOUBT)
    told.links_dropped += links
    told.mails_in_doubt += mails


def let_go() -> None:
    """No worker holds anything, and no message is under way."""
    MissionRun.objects.unfinished().update(lease_until=None, published=0)
    for kind in (MissionDraft, Reflection):
        kind._default_manager.filter(outcome__in=kind.OPEN).update(lease_until=None)
    Connection.objects.exclude(reading_until=None).update(reading_until=None)
    Turn.objects.exclude(held_until=None).update(held_until=None, holder="")


def put_back_from_files(told: Told) -> None:
    """Runs and look backs whose file is stored were finished, whatever the backup says."""
    highest = 0
    days: dict[tuple[UUID, date], list[put_back.Found]] = defaultdict(list)
    for key, written_at in artifacts.without_row():
        number = int(key.partition("/")[0])
        owner = User.objects.filter(pk=number).first()
        highest = max(highest, number)
        if owner is None:
            told.files_of_nobody += 1
            continue
        artifacts.adopt(key, owner, written_at)
        told.files_adopted += 1
        found = put_back.run_in(key, written_at)
        if found is not None:
            days[found.mission_id, found.local_date].append(found)
        else:
            _put_back_wrap_up(told, owner, key, written_at)
    for (mission_id, _), askings in days.items():
        _put_back_run(told, mission_id, sorted(askings, key=lambda one: one.asked))
    if highest:
        tombstones.never_give_again(highest)


def _put_back_run(told: Told, mission_id: UUID, askings: list[put_back.Found]) -> None:
    mission = Mission.objects.select_related("owner").filter(pk=mission_id).first()
    if mission is None:
        told.files_of_nobody += len(askings)
        return
    try:
        told.runs_put_back += put_back.run_of(mission, askings)
    except put_back.NotReadable:
        told.files_unreadable += 1


def _put_back_wrap_up(told: Told, owner: User, key: str, written_at: datetime) -> None:
    parts = put_back.WRAP_UP.fullmatch(key)
    mission = owner.missions.filter(pk=parts["mission"]).first() if parts else None
    if mission is None:
        return
    try:
        told.runs_put_back += put_back.wrap_up_of(mission, key, written_at)
    except put_back.NotReadable:
        told.files_unreadable += 1


def miss_the_rest(told: Told, lost_at: datetime, now: datetime) -> None:
    """What was open, or came due, before the loss and has no file: perhaps it was briefed.

    A run that was to begin after the loss only, for the night or for the model, waits on.
    """
    left = MissionRun.objects.unfinished().filter(opened_at__lte=lost_at, start_at__lte=lost_at)
    while missed := record.missed(left, now, most=BATCH):
        told.runs_missed += missed
    for missions in _that_came_due(lost_at):
        rows = [row for mission in missions for row in _missed_days(mission, lost_at, now)]
        record.went_by(rows, now)
        told.runs_missed += len(rows)
        for mission in missions:
            mission.next_run_at = schedule.next_slot(mission, lost_at)
        Mission.objects.bulk_update(missions, ["next_run_at"])


def _that_came_due(lost_at: datetime) -> Iterator[list[Mission]]:
    due = Mission.objects.due(lost_at).select_related("owner").order_by("next_run_at", "pk")
    while missions := list(due[:BATCH]):
        yield missions


def _missed_days(mission: Mission, lost_at: datetime, now: datetime) -> list[MissionRun]:
    """The local dates whose slot came between the backup and the loss, and that have no run."""
    if mission.next_run_at is None or not (mission.owner.is_active and mission.owner.has_consented):
        return []
    last = schedule.local_date_of(mission, schedule.latest_slot(mission, lost_at))
    first = schedule.local_date_of(mission, mission.next_run_at)
    there = set(mission.runs.filter(local_date__gte=first).values_list("local_date", flat=True))
    days = schedule.dates_between(first, last + timedelta(days=1))
    left = [day for day in days if day not in there]
    return lateness.missed_runs(mission.pk, mission, left, mission.event_end, now)


def tell_operators(told: Told, lost_at: datetime) -> None:
    """Once for each loss, with the numbers."""
    if told:
        page = f"{settings.SITE_URL}/admin/notifications/notification/?state__exact=unknown"
        alerts.send(
            subject="the database was restored from a backup",
            text="\n".join(
                [
                    f"It was lost at {lost_at:%Y-%m-%d %H:%M} UTC. Since the backup:",
                    "",
                    *told.words,
                    "",
                    page,
                    "",
                ]
            ),
            dedupe_key=f"alert:restored:{lost_at:%Y-%m-%dT%H:%M}",
        )
