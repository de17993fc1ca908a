"""Every page of the site in every state worth a look: looked at by axe, and by the screenshots.

`tests/browser/test_places.py` holds this list against tests/data/routes.txt: a page without a place
here, and without a reason below, fails.
"""

from dataclasses import dataclass

from tests.browser.world import Person


@dataclass(frozen=True)
class Place:
    """One page as somebody finds it; `as_who` empty is a visitor.

    `path` names things of theirs in braces; `route` is its line in the table.
    """

    name: str
    route: str
    path: str
    as_who: str = ""

    def address(self, people: dict[str, Person]) -> str:
        named = people[self.as_who].named if self.as_who else {}
        return self.path.format(**named)


MISSION = "missions/<uuid:pk>"
STAGE_APPEAL = f"{MISSION}/stages/<int:number>/appeal"
TREND = f"{MISSION}/trends/<slug:name>"
UNSUBSCRIBE = "mail/unsubscribe/<str:token>"


def _for_visitors() -> list[Place]:
    pages = {
        "landing": "",
        "sign-in": "auth/login",
        "register": "auth/register",
        "address-to-confirm": "auth/confirm",
        "account-inactive": "auth/inactive",
        "password-reset": "auth/password-reset",
        "password-reset-sent": "auth/password-reset/sent",
        "password-reset-done": "auth/password-reset/done",
        "account-deleted": "deleted",
        "sandbox": "sandbox/",
        "sandbox-mailbox": "sandbox/mailbox/",
    }
    return [
        *(Place(name, route, f"/{route}") for name, route in pages.items()),
        Place("address-link-old", "auth/confirm/<str:key>", "/auth/confirm/broken"),
        Place(
            "password-reset-link-old",
            "auth/password-reset/<uidb36>-<key>",
            "/auth/password-reset/1-broken",
        ),
        Place("check-in-link-old", "check-in/<str:token>", "/check-in/broken"),
        Place("unsubscribe-link-old", UNSUBSCRIBE, "/mail/unsubscribe/broken"),
        Place("offline", "offline", "/offline"),
    ]


def _of_one(who: str, pages: dict[str, str | tuple[str, str]]) -> list[Place]:
    """`name: route`, or `name: (route, path)` where the path is not the route."""
    pairs = {
        name: told if isinstance(told, tuple) else (told, f"/{told}")
        for name, told in pages.items()
    }
    return [Place(name, route, path, who) for name, (route, path) in pairs.items()]


PLACES: list[Place] = [
    *_for_visitors(),
    *_of_one(
        "seeded",
        {
            "home": "",
            "run": ("runs/<uuid:pk>", "/runs/{run}"),
            "mission": (MISSION, "/missions/{mission}"),
            "mission-delete": (f"{MISSION}/delete", "/missions/{mission}/delete"),
            "trend-readiness": (TREND, "/missions/{mission}/trends/readiness"),
            "trend-form": (TREND, "/missions/{mission}/trends/form"),
            "history": "history",
            "offline-brief": "offline/brief",
            "unsubscribe": (UNSUBSCRIBE, "/mail/unsubscribe/{unsubscribe}"),
            "check-in": "check-in",
            "connections": "connections",
            "ride-files": "connections/ride-files",
            "settings": "settings",
            "settings-calendar": "settings/calendar",
            "settings-sessions": "settings/sessions",
            "settings-activity": "settings/activity",
            "settings-privacy": "settings/privacy",
            "settings-delete": "settings/delete",
            "settings-password": "settings/password",
            "settings-email": "settings/email",
            "settings-second-factor": "settings/second-factor",
            "password-again": ("auth/password", "/auth/password?next=/settings"),
            "sign-out": "auth/logout",
            "wizard": "missions/new",
            "mission-by-hand": "missions/by-hand",
        },
    ),
    Place("home-new", "", "/", "new"),
    Place("trend-form-new", TREND, "/missions/{mission}/trends/form", "before-the-first-brief"),
    Place("history-new", "history", "/history", "new"),
    Place("home-mails-stopped", "", "/", "mails-stopped"),
    Place("settings-mails-stopped", "settings", "/settings", "mails-stopped"),
    Place("connections-new", "connections", "/connections", "new"),
    Place("home-without-consent", "", "/", "without-consent"),
    Place("home-in-preparation", "", "/", "in-preparation"),
    Place("mission-in-preparation", MISSION, "/missions/{mission}", "in-preparation"),
    Place("home-before-the-first-brief", "", "/", "before-the-first-brief"),
    Place("home-waiting", "", "/", "waiting"),
    Place("home-under-way", "", "/", "under-way"),
    Place("home-failed", "", "/", "failed"),
    Place("run-failed", "runs/<uuid:pk>", "/runs/{run}", "failed"),
    Place("home-missed", "", "/", "missed"),
    Place("run-missed", "runs/<uuid:pk>", "/runs/{run}", "missed"),
    Place("home-in-the-event", "", "/", "in-the-event"),
    Place("mission-in-the-event", MISSION, "/missions/{mission}", "in-the-event"),
    Place("trend-points", TREND, "/missions/{mission}/trends/points", "in-the-event"),
    Place("appeal", STAGE_APPEAL, "/missions/{mission}/stages/1/appeal", "in-the-event"),
    Place("home-complete", "", "/", "complete"),
    Place("wrap-up", f"{MISSION}/wrap-up", "/missions/{mission}/wrap-up", "complete"),
    *_of_one(
        "with-everything",
        {
            "wizard-question": (
                "missions/drafts/<uuid:pk>/<slug:slug>",
                "/missions/drafts/{draft}/days",
            ),
            "settings-calendar-address": ("settings/calendar", "/settings/calendar"),
            "draft-discard": (
                "missions/drafts/<uuid:pk>/discard",
                "/missions/drafts/{draft}/discard",
            ),
            "ride-delete": (
                "connections/rides/<int:pk>/delete",
                "/connections/rides/{ride}/delete",
            ),
        },
    ),
    *_of_one(
        "operator",
        {
            "console": "admin/",
            "console-testers": "admin/accounts/user/",
            "console-tester": (
                "admin/accounts/user/<path:object_id>/change/",
                "/admin/accounts/user/{tester}/change/",
            ),
            "console-invite": "admin/accounts/invitation/add/",
            "console-runs": "admin/coach/missionrun/",
            "console-run": (
                "admin/coach/missionrun/<path:object_id>/change/",
                "/admin/coach/missionrun/{run}/change/",
            ),
            "console-incidents": "admin/coach/incident/",
            "console-incident": (
                "admin/coach/incident/<path:object_id>/change/",
                "/admin/coach/incident/{incident}/change/",
            ),
            "console-schedules": "admin/django_celery_beat/periodictask/",
            "console-model-calls": "admin/coach/modelcall/",
            "console-connections": "admin/connections/connection/",
            "console-mail": "admin/notifications/notification/",
            "console-audit": "admin/accounts/auditevent/",
        },
    ),
]

# GET routes that answer somebody with 200 and are no page of ours to look at; the first word that a
# route begins with counts.
NOT_LOOKED_AT = {
    "api/": "JSON, and the schema's page, which is a library's",
    "healthz": "JSON",
    "metrics": "text for Prometheus",
    "webhooks/": "for programs",
    "sandbox/": "stand-ins of other services: their consent pages are clicked through in flows",
    "settings/exports/<uuid:pk>/state": "a part of a page",
    "settings/exports/<uuid:pk>": "a file, or the page that says it is gone",
    "settings/second-factor/": "needs a second factor; test_second_factor.py has its pages",
    "missions/drafts/<uuid:pk>/status": "a part of a page",
    "missions/<uuid:pk>/trends/<slug:name>/": "a part of a page",
    "manifest.webmanifest": "JSON",
    "sw.js": "JavaScript",
    "history/month": "a part of a page",
    "settings/example": "a part of a page",
    "calendar/<str:secret>.ics": "a file",
    "connections/apple-health/<uuid:pk>": "a part of a page",
    "connections/cards": "a part of a page",
    "connections/ride-files/state": "a part of a page",
    "runs/<uuid:pk>/status": "a part of a page",
    "runs/<uuid:pk>/workout": "a file",
    "runs/<uuid:pk>/receipt.json": "a file",
    "admin/": "Django's own lists and forms: the same templates as those that are looked at",
}
