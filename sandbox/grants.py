"""What a person has granted to the app: codes that work once, and a chain of tokens behind each."""

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from sandbox.memory import alone, forget, recall, remember

CODE_LIVES_S = 600


@dataclass(frozen=True, slots=True)
class Grant:
    """epoch: grants of an earlier one ended when the person withdrew them all."""

    id: str
    person: str
    scopes: list[str]
    access_token: str
    refresh_token: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Pair:
    """What a token request is answered with; expires_at in epoch seconds."""

    grant: Grant
    expires_at: int
    expires_in: int


@dataclass(frozen=True, slots=True)
class Code:
    person: str
    scopes: list[str]
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Grants:
    """One server's. A pair that lives longer than keeps_pair_s is handed out again when it is
    refreshed, its refresh token included; None: each refresh token works once.
    """

    server: str
    access_lives_s: int
    keeps_pair_s: int | None = None
    prefix: str = ""

    def give_code(self, person: str, scopes: list[str], redirect_uri: str) -> str:
        code = self._secret("code")
        granted = asdict(Code(person, scopes, redirect_uri))
        remember(self._key("code", code), granted, seconds=CODE_LIVES_S)
        return code

    def code(self, code: str) -> Code | None:
        """What the code stands for, as long as nobody has used it."""
        stored = recall(self._key("code", code))
        return Code(**stored) if stored else None

    def redeem(self, code: str) -> Pair | None:
        """The first pair of tokens, or None when the code is unknown or used."""
        with alone():
            granted = self.code(code)
            if granted is None:
                return None
            forget(self._key("code", code))
            self._came(granted.person)
            return self._new_pair(secrets.token_hex(8), granted.person, granted.scopes)

    def refresh(self, refresh_token: str) -> Pair | None:
        with alone():
            grant = self._live(recall(self._key("refresh", refresh_token)))
            if grant is None or grant.refresh_token != refresh_token:
                return None
            return self._same_pair(grant) or self._new_pair(grant.id, grant.person, grant.scopes)

    def of(self, access_token: str) -> Grant | None:
        record = self._record(access_token)
        return self._live(record["grant"]) if record else None

    def behind(self, token: str) -> Grant | None:
        """The grant of an access or of a refresh token."""
        return self.of(token) or self._live(recall(self._key("refresh", token)))

    def end(self, grant: Grant) -> None:
        """This chain alone; others of the person go on."""
        with alone():
            forget(self._key("grant", grant.id))

    def withdraw_all(self, person: str) -> None:
        """Every token of the person for this app dies at once."""
        with alone():
            self._count_up("epoch", person)

    def expire_all(self, person: str) -> None:
        """Every access token of the person is at its end; the refresh tokens still work."""
        with alone():
            self._count_up("round", person)

    def latest_person(self) -> str | None:
        """Who connected last."""
        people = recall(f"{self.server}:people")
        return people[-1] if people else None

    def _came(self, person: str) -> None:
        before = recall(f"{self.server}:people") or []
        known = [one for one in before if one != person]
        remember(f"{self.server}:people", [*known, person])

    def _live(self, grant_id: str | None) -> Grant | None:
        stored = recall(self._key("grant", grant_id)) if grant_id else None
        grant = Grant(**stored) if stored else None
        return grant if grant and grant.epoch == self._count("epoch", grant.person) else None

    def _record(self, access_token: str) -> dict[str, Any] | None:
        """What is known of an access token that has not expired."""
        record: dict[str, Any] | None = recall(self._key("access", access_token))
        if record is None or record["expires_at"] <= timezone.now().timestamp():
            return None
        return record if record["round"] == self._count("round", record["person"]) else None

    def _same_pair(self, grant: Grant) -> Pair | None:
        record = self._record(grant.access_token)
        if record is None or self.keeps_pair_s is None:
            return None
        left_s = record["expires_at"] - int(timezone.now().timestamp())
        return Pair(grant, record["expires_at"], left_s) if left_s > self.keeps_pair_s else None

    def _new_pair(self, grant_id: str, person: str, scopes: list[str]) -> Pair:
        access_token, refresh_token = self._secret("access"), self._secret("refresh")
        expires_at = int(timezone.now().timestamp()) + self.access_lives_s
        epoch = self._count("epoch", person)
        grant = Grant(grant_id, person, scopes, access_token, refresh_token, epoch)
        remember(self._key("grant", grant_id), asdict(grant))
        remember(self._key("refresh", refresh_token), grant_id)
        record = {
            "grant": grant_id,
            "person": person,
            "expires_at": expires_at,
            "round": self._count("round", person),
        }
        remember(self._key("access", access_token), record)
        return Pair(grant, expires_at, self.access_lives_s)

    def _secret(self, kind: str) -> str:
        start = f"{self.prefix}{kind}-" if self.prefix else ""
        return start + secrets.token_hex(20)

    def _count(self, what: str, person: str) -> int:
        return recall(self._key(what, person)) or 0

    def _count_up(self, what: str, person: str) -> None:
        remember(self._key(what, person), self._count(what, person) + 1)

    def _key(self, kind: str, name: str) -> str:
        return f"{self.server}:{kind}:{name}"
