"""Whether what an open Home shows is still so: a mark for each part, from two queries.

Each part that changes carries the mark of what it shows; Home hands them in and gets those parts
that have another one by now. Whoever shows a part and whoever looks make its mark with the same
function, so a part is never sent twice.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import OuterRef, Subquery

from accounts.models import User
from coach import feedback, marks
from coach.models import CheckIn, MissionRun
from missions.models import Mission
from notifications import trouble

PARTS = ("hero", "today", "feedback", "check-in", "progress")


def current_for(user: User, now: datetime) -> Mission | None:
    """The mission Home shows, ready to be marked, and whether mails to its tester do not arrive."""
    said = CheckIn.objects.newest_of(OuterRef("owner"))
    missions = Mission.objects.with_game_marks().annotate(
        said_on=Subquery(said.values("local_date")),
        said_at=Subquery(said.values("said_at")),
        has_mail_trouble=trouble.is_there_any(user, now),
    )
    return missions.current_for(user)


def shape(mission: Mission) -> str:
    """With another one the page has other parts, and is opened anew."""
    return f"{mission.pk} {mission.state}"


def marks_of(mission: Mission, run: MissionRun | None, now: datetime) -> dict[str, str]:
    """By the name of each part; the mission is one that `current_for` found."""
    local_date = mission.local_date(now)
    game = [getattr(mission, name) for name in ("settled_at", "stage_points")]
    is_said = getattr(mission, "said_on", None) == local_date
    said_at = getattr(mission, "said_at", None) if is_said else None
    return {
        "hero": marks.of(
            local_date,
            mission.name,
            mission.event_start,
            mission.event_end,
            mission.next_morning,
            run and run.is_finished,
            game,
        ),
        "today": marks.of_run(run, now),
        "feedback": marks.of_feedback(feedback.said_of(run) if run else None),
        "check-in": marks.of(local_date, said_at),
        "progress": marks.of(local_date, game),
    }


def news(shown: Mapping[str, str], marks_now: Mapping[str, str]) -> set[str]:
    """The parts that are shown and have another mark by now; all of today holds its feedback."""
    changed = {part for part in PARTS if part in shown and shown[part] != marks_now[part]}
    return changed - {"feedback"} if "today" in changed else changed
