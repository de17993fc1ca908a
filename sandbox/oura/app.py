"""The one app that is registered at the stand-in, and whom a token belongs to."""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from sandbox.consent import is_same
from sandbox.grants import Grants
from sandbox.oura.scopes import SCOPES

CLIENT_ID, CLIENT_SECRET = "oura-sandbox", "sandbox-oura-secret"
USER_COOKIE = "sandbox_oura_user"
TOKEN_STARTS = "oura-sandbox-"  # noqa: S105  what every personal token of the sandbox begins with
DAY_S = 86_400

GRANTS = Grants("oura", access_lives_s=DAY_S, prefix="oura-")


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose data a token opens, and how much of it."""

    user_id: str
    scopes: frozenset[str]


def is_our_app(client_id: str, client_secret: str) -> bool:
    return is_same(client_id, CLIENT_ID) and is_same(client_secret, CLIENT_SECRET)


def holder(token: str) -> Holder | None:
    """A personal token opens everything; one by OAuth what was granted."""
    if token.startswith(TOKEN_STARTS):
        return Holder(str(uuid5(NAMESPACE_URL, token)), frozenset(SCOPES))
    grant = GRANTS.of(token)
    return Holder(grant.person, frozenset(grant.scopes)) if grant else None
