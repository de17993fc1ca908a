"""Oura as a source: what its documents are as nights and samples here."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from connections.models import Connection, DailySample, Night
from connections.providers.base import ApiProvider, Tokens, Told, Visit
from connections.providers.oura import client, days, tokens
from connections.sources import Source

NEEDED = {client.WHO_SCOPE: "“Personal”", client.DAYS_SCOPE: "“Daily”"}
# Local hours: before the first a night may not be over, after the last nobody is waited for.
NIGHT_OVER_H, MORNING_OVER_H = 4, 12
WAITING_AGAIN_IN = timedelta(minutes=15)


class Oura(ApiProvider):
    name = Source.OURA
    tells = frozenset({"sleep", "hrv", "resting_hr", "readiness"})
    backend = "oura"
    revokes_live_tokens = True

    @property
    def takes_pasted_token(self) -> bool:
        return bool(settings.OURA_TAKES_PASTED_TOKENS)

    def read(self, visit: Visit) -> Told:
        """The nights and their readiness, and what else was permitted and can be had."""
        span = visit.access_token, visit.first_date, visit.last_date
        nights = client.nights_between(*span)
        scores = client.readiness_between(*span)
        rest = days.read(_permitted(visit.scopes), *span)
        known = {night.local_date for night in nights} | {score.local_date for score in scores}
        waits_for = _awaited(visit, known)
        return Told(
            nights=[_night_row(visit, night) for night in nights],
            samples=[
                *(sample for score in scores for sample in _readiness_rows(visit, score)),
                *(sample for night in nights for sample in _breath_rows(visit, night)),
                *(_sample(visit, value) for value in rest.values),
            ],
            waits_for=waits_for,
            again_in=WAITING_AGAIN_IN if waits_for and _is_morning(visit) else None,
            left_out=rest.left_out,
            whole_kinds=(days.Kind.REST_MODE,) if days.REST_MODE in rest.parts else (),
        )

    def refresh(self, refresh_token: str) -> Tokens:
        return tokens.refresh(refresh_token)

    def revoke(self, connection: Connection) -> None:
        """A pasted token belongs to the tester, who made it and can end it at Oura."""
        if connection.refresh_token:
            tokens.revoke(connection.access_token)

    def tokens_from(self, response: dict[str, Any], granted: str) -> Tokens:
        return tokens.tokens_from(response, timezone.now())

    def account_of(self, token: str) -> str:
        return client.account_id(token)

    def missing_scope(self, granted: frozenset[str]) -> str:
        missing = [words for scope, words in NEEDED.items() if scope not in granted]
        if not missing:
            return ""
        was, it = ("was", "it") if len(missing) == 1 else ("were", "them")
        return (
            f"{' and '.join(missing)} {was} not ticked. Connect again and leave {it} ticked; the "
            f"coach reads your nights through {it}."
        )

    def not_shared(self, granted: frozenset[str]) -> str:
        """Of a pasted token nobody knows what it opens."""
        permitted = _permitted(granted)
        return ", ".join(part.words for part in days.PARTS if part not in permitted)


def _permitted(granted: frozenset[str]) -> Sequence[days.Part]:
    """A pasted token tells no scopes, and is tried on everything."""
    return [part for part in days.PARTS if not granted or part.scope in granted]


def _awaited(visit: Visit, known: set[date]) -> date | None:
    """Today, where the night must be over and Oura has neither it nor its readiness."""
    is_over = visit.now.astimezone(visit.user.zone).hour >= NIGHT_OVER_H
    return visit.last_date if is_over and visit.last_date not in known else None


def _is_morning(visit: Visit) -> bool:
    return visit.now.astimezone(visit.user.zone).hour < MORNING_OVER_H


def _night_row(visit: Visit, night: client.OuraNight) -> Night:
    return Night(
        user=visit.user,
        source=Source.OURA,
        local_date=night.local_date,
        started_at=night.started_at,
        ended_at=night.ended_at,
        asleep_s=night.asleep_s,
        deep_s=night.deep_s,
        rem_s=night.rem_s,
        awake_s=night.awake_s,
        hrv_ms=night.hrv_ms,
        hrv_kind=Night.HrvKind.RMSSD if night.hrv_ms is not None else "",
        resting_hr_bpm=night.lowest_hr_bpm,
        read_at=visit.now,
    )


def _readiness_rows(visit: Visit, score: client.OuraReadiness) -> Iterator[DailySample]:
    kind, day, at = DailySample.Kind, score.local_date, score.measured_at
    if score.score is not None:
        value = days.OuraValue(day, kind.READINESS, score.score, "score", at)
        yield _sample(visit, value, score.contributors)
    if score.temperature_deviation_c is not None:
        deviation = score.temperature_deviation_c
        yield _sample(visit, days.OuraValue(day, kind.TEMPERATURE_DEVIATION, deviation, "°C", at))


def _breath_rows(visit: Visit, night: client.OuraNight) -> Iterator[DailySample]:
    if night.breaths_per_min is not None:
        rate, at = night.breaths_per_min, night.ended_at
        kind = DailySample.Kind.RESPIRATORY_RATE
        yield _sample(visit, days.OuraValue(night.local_date, kind, rate, "1/min", at))


def _sample(
    visit: Visit, value: days.OuraValue, details: dict[str, int | None] | None = None
) -> DailySample:
    return DailySample(
        user=visit.user,
        source=Source.OURA,
        local_date=value.local_date,
        kind=value.kind,
        value=value.value,
        unit=value.unit,
        details=details or {},
        measured_at=value.measured_at,
        read_at=visit.now,
    )
