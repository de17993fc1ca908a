"""How fast a model is asked, all workers together: counted before a question, learnt afterwards.

Its window is a minute in UTC. What a server tells of its limits counts, else the settings do. Each
model of a server has limits of its own.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Greatest

from coach.models import ModelPace

MINUTE = timedelta(minutes=1)
# What is not asked for by hand leaves the rest to those who wait in front of a page.
MORNINGS_SHARE = 0.9
# A server that asks to be left alone and does not say for how long.
CLOSED_FOR = timedelta(seconds=20)
# A quota that is used up stays so for longer; asking once a minute finds out when it is not.
CLOSED_WITHOUT_QUOTA = MINUTE
CHARACTERS_A_TOKEN = 4
# Of a reply, until it tells itself.
REPLY_TOKENS = 1_000
NO_LIMIT = 2**31 - 1
FIELDS = {field.name: field for field in ModelPace._meta.concrete_fields}


class NotYet(Exception):
    """Nobody may ask before so many seconds have passed; this question was not counted."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"in {wait_s:.0f} s")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests and tokens in a minute, as an answer tells them; None where it tells none."""

    requests: int | None = None
    tokens: int | None = None


def estimate(characters: int) -> int:
    """The tokens of a question of so many characters and its reply; corrected afterwards."""
    return characters // CHARACTERS_A_TOKEN + REPLY_TOKENS


def take(model: str, tokens: int, now: datetime, *, share: float = 1.0) -> None:
    """Count one request before it is sent; raises NotYet, and counts none, without room."""
    if _is_counted(model, tokens, now, share):
        return
    _begin(model, now)  # harmless where it has begun already
    if not _is_counted(model, tokens, now, share):
        raise NotYet(_wait_s(model, now))


def learn(
    model: str, limits: Limits, *, counted: int, used: int | None, asked_at: datetime
) -> None:
    """Adopt the limits an answer tells, and put the tokens it used in place of those counted.

    Of a minute that is over nothing is corrected.
    """
    row = ModelPace.objects.filter(server=_server(model))
    if used is not None and used != counted:
        more = Greatest(F("tokens") + Value(used - counted), Value(0))
        row.filter(minute_started_at=_minute(asked_at)).update(tokens=more)
    told = {"requests_limit": limits.requests, "tokens_limit": limits.tokens}
    told = {name: limit for name, limit in told.items() if limit is not None}
    if told:
        row.exclude(**told).update(**told)


def close(model: str, until: datetime) -> None:
    """Nobody asks this model before; a later end that was told stays."""
    _close(ModelPace.objects.filter(server=_server(model)), until)


def close_all(until: datetime) -> None:
    """The same for all models of the server: they share a quota."""
    _close(ModelPace.objects.filter(server__startswith=_server("")), until)


def _close(rows: QuerySet[ModelPace], until: datetime) -> None:
    rows.filter(Q(closed_until__isnull=True) | Q(closed_until__lt=until)).update(closed_until=until)


def _is_counted(model: str, tokens: int, now: datetime, share: float) -> bool:
    """One statement, so that of two workers one gets the last request.

    A question that is larger than a whole minute's tokens has a minute to itself.
    """
    minute = _minute(now)
    is_open = Q(closed_until__isnull=True) | Q(closed_until__lte=now)
    is_new = Q(minute_started_at__lt=minute)
    requests = _limit("requests_limit", settings.COACH_REQUESTS_PER_MINUTE)
    tokens_limit = _limit("tokens_limit", settings.COACH_TOKENS_PER_MINUTE)
    has_room = Q(requests__lt=requests * share) & (
        Q(requests=0) | Q(tokens__lte=tokens_limit * share - tokens)
    )
    return bool(
        ModelPace.objects.filter(is_open, is_new | has_room, server=_server(model)).update(
            minute_started_at=_when(is_new, minute, "minute_started_at"),
            requests=_when(is_new, 1, "requests", more=1),
            tokens=_when(is_new, tokens, "tokens", more=tokens),
        )
    )


def _limit(field: str, usual: int) -> Coalesce:
    """What the server tells, else what the settings say, where 0 is no limit."""
    return Coalesce(F(field), Value(usual or NO_LIMIT))


def _begin(model: str, now: datetime) -> None:
    row = ModelPace(server=_server(model), minute_started_at=_minute(now))
    ModelPace.objects.bulk_create([row], ignore_conflicts=True)


def _wait_s(model: str, now: datetime) -> float:
    """Until it is open again, else until the minute turns."""
    row = ModelPace.objects.get(server=_server(model))
    if row.closed_until is not None and row.closed_until > now:
        until = row.closed_until
    else:
        until = max(row.minute_started_at, _minute(now)) + MINUTE
    return max((until - now).total_seconds(), 1.0)


def _when(condition: Q, then: object, field: str, *, more: int = 0) -> Case:
    """Else what the field holds, or that and `more`."""
    otherwise = F(field) + more if more else F(field)
    return Case(When(condition, then=Value(then)), default=otherwise, output_field=FIELDS[field])


def _server(model: str) -> str:
    """The name of a row: a server's address and its model."""
    return f"{settings.OPENAI_BASE_URL} {model}"[:200]


def _minute(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(second=0, microsecond=0)
