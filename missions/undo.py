"""Taking back the newest change of a live mission's days: what stood, and whether it still can."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from missions.changes import Day
from missions.models import Mission, MissionEdit

DATES = ("prep_start", "event_start", "event_end")
NOTHING = "There is no change to undo."
UNDONE_ALREADY = "That change is undone already, or a newer one was made. Look again."
CHANGED_SINCE = "The days were changed once more since. Change them back by hand."
MOVED_SINCE = "The mission has moved on since that change, so it can no longer be undone."
SETTLED_SINCE = "A stage has been settled since that change, so it can no longer be undone."

WOULD_BEGIN = "The event would begin at once. Change the dates by hand."
WOULD_BE_OVER = "The event would be over. Change the dates by hand."


class Refused(Exception):
    """There is nothing to undo, or no longer; says why."""


def written(mission: Mission) -> dict[str, Any]:
    """What a change of days is about, and the mission's state, as JSON."""
    stages = mission.stages.order_by("number").values_list("date", "stage_type", "is_rest_day")
    return {
        "state": mission.state,
        **{name: getattr(mission, name).isoformat() for name in DATES},
        "send_time": mission.send_time.isoformat(),
        "timezone": mission.timezone,
        "stages": [[day.isoformat(), kind, is_rest] for day, kind, is_rest in stages],
    }


def _plain(stages: list[list[Any]]) -> list[list[Any]]:
    """The kind of a rest day changes nothing."""
    return [[day, "" if is_rest else kind, is_rest] for day, kind, is_rest in stages]


def newest(mission: Mission) -> MissionEdit | None:
    """The newest change that is not undone yet."""
    return mission.edits.filter(undone_at=None).first()


def require_possible(mission: Mission, edit: MissionEdit, now: datetime) -> None:
    """Raise Refused with the reason why a change cannot be taken back any more."""
    stands = written(mission)
    after = edit.after | {"stages": _plain(edit.after["stages"])}
    stands["stages"] = _plain(stands["stages"])
    changed = {name for name, value in stands.items() if after.get(name) != value}
    if changed - {"state"}:
        raise Refused(CHANGED_SINCE)
    if stands["state"] != edit.before["state"]:
        raise Refused(MOVED_SINCE)
    stood = {tuple(one) for one in edit.before["stages"]}
    settled = mission.stages.filter(progress__isnull=False)
    for day, kind, is_rest in settled.values_list("date", "stage_type", "is_rest_day"):
        if (day.isoformat(), kind, is_rest) not in stood:
            raise Refused(SETTLED_SINCE)
    zone = ZoneInfo(edit.before["timezone"])
    today = now.astimezone(zone).date()
    if date.fromisoformat(edit.before["event_end"]) < today:
        raise Refused(WOULD_BE_OVER)
    if mission.state == Mission.State.TRAINING and edit.before["event_start"] <= str(today):
        raise Refused(WOULD_BEGIN)


def is_possible(mission: Mission, edit: MissionEdit, now: datetime) -> bool:
    try:
        require_possible(mission, edit, now)
    except Refused:
        return False
    return True


def restore(mission: Mission, edit: MissionEdit) -> list[Day]:
    """Put what stood before back into the mission, unsaved, and tell the days of its plan."""
    for name in DATES:
        setattr(mission, name, date.fromisoformat(edit.before[name]))
    mission.send_time = time.fromisoformat(edit.before["send_time"])
    mission.timezone = edit.before["timezone"]
    return [
        Day(date.fromisoformat(day), kind, is_rest) for day, kind, is_rest in edit.before["stages"]
    ]
