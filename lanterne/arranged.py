"""The console by what an operator is about to do, instead of by app."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Group:
    """`models`: by label, in the order they are looked at."""

    slug: str
    name: str
    says: str
    models: tuple[str, ...]


GROUPS = (
    Group(
        "testers",
        "Testers",
        "Who is coached, for which event, and how their last morning went.",
        (
            *("accounts.user", "missions.mission", "missions.eventprogress"),
            *("coach.missiondraft", "accounts.invitation"),
        ),
    ),
    Group(
        "mornings",
        "Mornings",
        "What failed and waits for you, the runs themselves, and what wakes them.",
        (
            *("coach.incident", "coach.missionrun", "coach.reflection"),
            *("django_celery_beat.periodictask", "django_celery_beat.crontabschedule"),
            *("django_celery_beat.intervalschedule", "django_celery_beat.clockedschedule"),
            "django_celery_beat.solarschedule",
        ),
    ),
    Group(
        "model",
        "The model",
        "What it was asked, what that cost, which rules it breaks, and how much it takes.",
        (
            *("coach.modelcall", "coach.tokenuse", "coach.ruletally"),
            *("coach.knownmodel", "coach.modelpace"),
        ),
    ),
    Group(
        "sources",
        "Sources",
        "Whether Strava, Oura and the uploads are read, and why not.",
        (
            *("connections.connection", "connections.syncattempt", "connections.providerevent"),
            *("connections.applehealthupload", "connections.ridefile", "connections.ratebudget"),
            *("connections.failuretally", "connections.pushsubscription", "connections.turn"),
        ),
    ),
    Group(
        "mails",
        "Mails",
        "What left the house, what did not, and whom nothing is sent to any more.",
        (
            *("notifications.notification", "notifications.stoppedaddress"),
            "account.emailaddress",
        ),
    ),
    Group(
        "access",
        "Access and audit",
        "Who did what, who is signed in, who may do what, and the files we keep.",
        (
            *("accounts.auditevent", "usersessions.usersession", "accounts.tokenfamily"),
            *("mfa.authenticator", "auth.group", "accounts.artifact", "accounts.dataexport"),
        ),
    ),
)
# What an operator calls them, where the model is called something else.
NAMES = {
    "accounts.user": "Testers and operators",
    "django_celery_beat.periodictask": "Schedules",
    "notifications.notification": "Outbox",
    "notifications.stoppedaddress": "Stopped addresses",
    "mfa.authenticator": "Second factors",
    "usersessions.usersession": "Browsers signed in",
    "accounts.tokenfamily": "Programs signed in",
}
REST = ("rest", "The rest", "What the libraries keep for themselves.")


def arranged(apps: Iterable[dict[str, Any]], index_url: str) -> list[dict[str, Any]]:
    """The admin's list of apps as groups, but for those that hold nothing for this operator."""
    found = {one["model"]._meta.label_lower: one for app in apps for one in app["models"]}
    models = {label: {**one, "name": NAMES.get(label, one["name"])} for label, one in found.items()}
    groups = [
        (group.slug, group.name, group.says, [models.pop(label, None) for label in group.models])
        for group in GROUPS
    ]
    groups.append((*REST, list(models.values())))
    return [
        {
            "app_label": slug,
            "name": name,
            "says": says,
            "app_url": f"{index_url}#{slug}",
            "has_module_perms": True,
            "models": present,
        }
        for slug, name, says, listed in groups
        if (present := [one for one in listed if one is not None])
    ]
