"""Every mail of the family, made of rows that no database holds: for tests and for pictures."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.models import User
from coach import brief_mail, source_mails
from coach.models import Incident, MissionRun, Reflection
from coach.wrap_up.words import in_mail
from connections.models import Connection
from missions.models import Mission
from notifications import mail
from notifications.mail import Mail
from tests.coach.samples import EVENT, IN_THE_BUNCH, RECOVER, reply, situation
from tests.factories import NOW, TODAY

KEY = UUID("0197d3a0-0000-7000-8000-000000000007")
DOOR = "https://lanterne.example/auth/confirm/a-key"
ACCOUNT = {
    "email": "tester@example.org",
    "activate_url": DOOR,
    "password_reset_url": DOOR,
    "url": DOOR,
    "expires_at": NOW,
    "asked_at": NOW,
    "timestamp": NOW,
    "ip": "203.0.113.7",
    "user_agent": "A browser <b>",
    "device": "A browser <b>",
    "from_email": "old@example.org",
    "to_email": "new@example.org",
    "registration": "open",
    "provider": "Strava",
}


def step(kind: str, seconds: int, low: float, high: float, cue: str = "") -> dict[str, Any]:
    target = {"unit": "pct_ftp", "low": low, "high": high}
    return {"kind": kind, "seconds": seconds, "target": target, "cadence": None, "cue": cue}


THRESHOLD: dict[str, Any] = {
    "action": "push",
    "intensity_recommendation": "high",
    "reason": (
        "You slept well, your HRV is a little above your usual and your form leaves room. "
        "Yesterday was easy, so today is for threshold: three blocks that you finish strong."
    ),
    "evidence": [
        {"metric": "metrics.readiness", "value": 82.0},
        {"metric": "metrics.tsb", "value": -4.2},
        {"metric": "week.hard_sessions_done", "value": 1.0},
    ],
    "workout_plan.type": "threshold intervals",
    "workout_plan.description": "Three blocks at threshold, with full recoveries between them.",
    "workout_plan.zones": {"Z1": 36, "Z2": 0, "Z3": 0, "Z4": 24, "Z5": 0, "Z6": 0, "Z7": 0},
    "workout_plan.steps": [
        step("warmup", 900, 45.0, 65.0, "Spin it up, 85 to 95 rpm."),
        {
            "kind": "repeat",
            "count": 3,
            "steps": [
                step("steady", 480, 95.0, 100.0, "Even power, seated."),
                step("recovery", 240, 45.0, 50.0),
            ],
        },
        step("cooldown", 540, 55.0, 40.0),
    ],
    "strategic_notes": "Keep tomorrow easy: the long ride on Sunday counts more.",
}
STAGE: dict[str, Any] = {
    **EVENT,
    "mission.event_start": "2026-07-03",
    "metrics.hrv": None,
    "progress": {
        "total_points": 13,
        "bonus_progress": {"consecutive_5": {"count": 1, "needed": 5, "points": 5}},
    },
}
UNKNOWN: dict[str, Any] = {
    "metrics.readiness": None,
    "metrics.readiness_reason": "no_sleep",
    "metrics.hrv": None,
    "metrics.rhr": None,
    "metrics.sleep_h": None,
    "athlete.ftp": None,
}


def tester(**fields: Any) -> User:
    return User(pk=1, email="tester@example.org", timezone="Europe/Paris", **fields)


def run(
    owner: User | None = None,
    *,
    known: Mapping[str, Any] | None = None,
    decided: Mapping[str, Any] | None = None,
    **fields: Any,
) -> MissionRun:
    """A run of today that was decided two minutes after its situation was drawn up."""
    mission = Mission(
        pk=KEY,
        owner=owner or tester(),
        name="Tour of the Valleys",
        state="TRAINING",
        timezone="Europe/Paris",
        event_start=TODAY + timedelta(days=30),
        event_end=TODAY + timedelta(days=34),
        next_run_at=NOW + timedelta(hours=22, minutes=30),
        brief_detail=fields.pop("brief_detail", Mission.BriefDetail.FULL),
    )
    values = {
        "pk": KEY,
        "mission": mission,
        "local_date": TODAY,
        "trigger": "schedule",
        "outcome": "decided",
        "situation": situation(known or {}).model_dump(mode="json"),
        "decision": reply(decided or {}),
        "finished_at": NOW + timedelta(minutes=2),
        **fields,
    }
    return MissionRun(**values)


def briefs(owner: User | None = None) -> dict[str, Mail]:
    none = {"workout_plan": None}
    made = {
        "brief": run(owner, decided=THRESHOLD),
        "brief-event": run(
            owner,
            known=STAGE,
            decided={**IN_THE_BUNCH, "bonus_opportunities": ["consecutive_5"]},
        ),
        "brief-unknown": run(owner, known=UNKNOWN, decided={**RECOVER, **none, "evidence": []}),
        "brief-short": run(owner, brief_detail=Mission.BriefDetail.SHORT),
    }
    return {name: brief_mail.of(one) for name, one in made.items()}


def no_brief(owner: User | None = None) -> Mail:
    return brief_mail.of_none(run(owner, decision=None, outcome="failed"))


def wrap_up(owner: User | None = None) -> Mail:
    stage = {"stage_type": "flat", "outcome": "ridden", "ride_mode": "gc", "points": 5}
    facts = {
        "mission_type": "road_stage_race",
        "event_style": "gc",
        "event_start": "2026-06-29",
        "event_end": "2026-07-03",
        "event_days": 5,
        "rest_days": 0,
        "points_total": 38,
        "points_of_stages": 33,
        "points_of_bonuses": 5,
        "points_all_gc": 35,
        "points_all_breakaway": 52,
        "stages_planned": 5,
        "stages_completed": 5,
        "stages_missed": 0,
        "stages_open": 0,
        "mode_counts": {"gc": 4, "breakaway": 1, "steady": 0},
        "stages": [
            {**stage, "number": n, "date": f"2026-07-{n:02}", "minutes": 95, "load": None}
            for n in range(1, 6)
        ],
        "bonuses": [],
        "briefs_written": 34,
        "briefs_failed": 1,
        "event_minutes": 475,
        "event_time": "7 h 55 min",
        "event_load": None,
        "unknown": ["the load of stage 3"],
    }
    told = {
        "headline": "Five days, five stages, one brave break",
        "points_total": 38,
        "stages_completed": 5,
        "stages_missed": 0,
        "story": (
            "You rode all five stages of the Tour of the Valleys and came home with 38 points. For "
            "three days you kept with the bunch and slept well.\nOn stage 4 you went with the "
            "break and stayed away, and the last day was yours to enjoy."
        ),
        "turning_points": [{"stage_number": 4, "what": "You went, and nobody came back to you."}],
        "learnt": ["One brave day is worth more than two careful ones."],
        "next_time": "Keep one more day of strength for the end.",
    }
    mission = run(owner).mission
    mission.event_start, mission.event_end = TODAY - timedelta(days=5), TODAY - timedelta(days=1)
    reflection = Reflection(mission=mission, facts=facts, reply=told)
    return mail.render("wrap_up", in_mail(reflection), timezone_name=mission.timezone)


def source(owner: User | None = None, **fields: Any) -> Mail:
    values = {
        "provider": "strava",
        "state": Connection.State.BROKEN,
        "last_error": "Strava no longer accepts our access. Connect Strava again.",
        "last_success_at": NOW - timedelta(hours=9),
        "failing_since": NOW - timedelta(hours=8),
        **fields,
    }
    return source_mails.written(Connection(pk=4, user=owner or tester(), **values))


def alert() -> Mail:
    about = run()
    incident = Incident(pk=7, run=about, kind=Incident.Kind.INVALID_REPLY, opened_at=NOW)
    attempt = {"model": "gpt-4.1-mini", "prompt": "a1" * 8, "reply": "b2" * 8}
    told = {
        "incident": incident,
        "about": about,
        "about_what": "run",
        "attempts": [{**attempt, "problem": "rules", "rules": "L1, L9"}],
    }
    return mail.render("alert", told)


@cache
def account_names() -> list[str]:
    """Of every account mail there is."""
    ends = ".subject.txt"
    found = (settings.BASE_DIR / "templates/email").glob(f"account_*{ends}")
    return sorted(path.name.removesuffix(ends).removeprefix("account_") for path in found)


def account(name: str, **context: Any) -> Mail:
    return mail.render(f"account_{name}", {**ACCOUNT, **context}, timezone_name="Europe/Paris")


def family(owner: User | None = None) -> dict[str, Mail]:
    """By name, each as it leaves for a tester, or an operator."""
    return {
        **briefs(owner),
        "no-brief": no_brief(owner),
        "wrap-up": wrap_up(owner),
        "source": source(owner),
        "alert": alert(),
        **{f"account-{name.replace('_', '-')}": account(name) for name in account_names()},
    }
