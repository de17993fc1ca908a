"""The last days as they were coached, and what became of each: for the next morning's situation."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

from coach import facts
from coach.models import Feedback, MissionRun
from coach.recovery import rounded
from missions.models import Mission

MOST = 5
NOT_TOLD = ("superseded", "flagged")
COACHED = (MissionRun.Outcome.DECIDED, MissionRun.Outcome.FAILED)


def past_runs(
    mission: Mission, local_date: date, kept_back: Collection[str]
) -> Iterator[facts.PastRun]:
    """Newest first, in one query. A day without a run, or whose run was missed, was not coached.

    Where a source is kept back, no ride of it is told here either, and no day on which it counted.
    """
    finished = mission.runs.filter(local_date__lt=local_date, outcome__in=COACHED)
    # What was asked is long, and only its sources are of any use here.
    unread = NOT_TOLD if kept_back else (*NOT_TOLD, "situation")
    newest = finished.select_related("feedback").defer(*unread).order_by("-local_date")[:MOST]
    for run in newest:
        if kept_back and not _was_decided_without(run, kept_back):
            continue
        # Django tells with an AttributeError that there is no such row.
        said: Feedback | None = getattr(run, "feedback", None)
        yield facts.PastRun(
            date=run.local_date,
            **_decided(run.decision),
            word=said.word if said else None,
            rpe=said.rpe if said else None,
            **_ridden(run.done, kept_back),
        )


def _was_decided_without(run: MissionRun, kept_back: Collection[str]) -> bool:
    was_kept_back = (run.situation or {}).get("kept_back", ())
    return run.decision is None or set(kept_back) <= set(was_kept_back)


def _decided(decision: dict[str, Any] | None) -> dict[str, Any]:
    if decision is None:
        return {"action": None}
    plan = decision.get("workout_plan") or {}
    return {
        "action": decision.get("action"),
        "intensity": decision.get("intensity_recommendation"),
        "minutes": plan.get("duration_minutes"),
        "load": rounded(plan.get("estimated_load"), 0),
        "ride_mode": decision.get("recommended_ride_mode"),
    }


def _ridden(done: dict[str, Any] | None, kept_back: Collection[str]) -> dict[str, Any]:
    if done is None or _is_kept_back(done, kept_back):
        return {}
    minutes = done.get("minutes")
    return {
        "ridden_minutes": None if minutes is None else round(minutes),
        "ridden_load": rounded(done.get("load"), 0),
        "ridden_hard_minutes": rounded(done.get("hard_minutes"), 0),
    }


def _is_kept_back(done: dict[str, Any], kept_back: Collection[str]) -> bool:
    """Whether it may be from a source that the coach may not know; so also where nobody can say."""
    source = done.get("source") or str(done.get("ride_key") or "").partition(":")[0]
    return bool(kept_back) and (not source or source in kept_back)
