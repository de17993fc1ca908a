"""How many tokens the coach may use in a calendar month (UTC): of each tester, and of all together.

Counted in rows of their own, which outlive the questions: a draft that is discarded takes its
questions with it, and what they cost stays spent. Only what a server tells can be counted, and
questions on their way at once do not see each other: a budget can be passed by one a worker.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse

from accounts import formats
from accounts.models import User
from coach import alerts
from coach.models import TokenUse

# From here on nobody asks by hand any more: what is left is for the mornings.
SHARE_FOR_ALL_PCT = 80

OF_A_TESTER = (
    "You have used most of your share of the coach for this month, so nothing is asked of it by "
    "hand until {until}. Your morning briefs go on while some is left."
)
OF_ALL = (
    "All testers together have used most of the coach’s share for this month, so nothing is asked "
    "of it by hand until {until}. The morning briefs go on while some is left."
)


class UsedUp(Exception):
    """The month's tokens are used up, or kept for the mornings; the words are for the tester."""

    def __init__(self, words: str, *, wait_s: int) -> None:
        super().__init__(words)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit of this month, and what is used of it; `owner_id` is None for that of all."""

    owner_id: int | None
    limit: int
    used: int

    def is_reached(self, share_pct: int = 100) -> bool:
        return 100 * self.used >= share_pct * self.limit


def require(owner: User, now: datetime) -> None:
    """For every question; raises UsedUp at the limit."""
    for budget in _budgets(owner, now):
        if budget.is_reached():
            whose = "your share of" if budget.owner_id else "all of"
            raise UsedUp(f"The month’s tokens are used up: {whose} them.", wait_s=_wait_s(now))


def require_by_hand(owner: User, now: datetime) -> None:
    """For what a tester asks for themselves; raises UsedUp well before the mornings would stop."""
    for budget in _budgets(owner, now):
        if budget.is_reached(SHARE_FOR_ALL_PCT):
            words = OF_A_TESTER if budget.owner_id else OF_ALL
            until = _next_month(now)
            raise UsedUp(words.format(until=formats.day_month(until)), wait_s=_wait_s(now))


def count(owner: User, tokens: int, now: datetime) -> None:
    """Add what a question used, and tell the operators once a month where it becomes scarce.

    In the transaction that stores the answer.
    """
    for whose in (owner, None):
        row, _ = TokenUse.objects.get_or_create(owner=whose, month_date=_month(now))
        TokenUse.objects.filter(pk=row.pk).update(tokens=F("tokens") + tokens)
    for budget in _budgets(owner, now):
        if budget.is_reached(SHARE_FOR_ALL_PCT):
            _tell_operators(budget, now)


def _budgets(owner: User, now: datetime) -> Iterator[Budget]:
    """Those that are set, the tester's own first."""
    limits: dict[int | None, int] = {
        owner.pk: settings.COACH_MONTHLY_TOKENS_PER_TESTER,
        None: settings.COACH_MONTHLY_TOKENS,
    }
    limits = {whose: limit for whose, limit in limits.items() if limit}
    if not limits:
        return
    rows = TokenUse.objects.filter(Q(owner=owner) | Q(owner=None), month_date=_month(now))
    used: dict[int | None, int] = dict(rows.values_list("owner_id", "tokens"))
    for whose, limit in limits.items():
        yield Budget(whose, limit, used.get(whose, 0))


def _tell_operators(budget: Budget, now: datetime) -> None:
    whose, where = "all testers together", ""
    if budget.owner_id:
        whose = "one tester"
        page = reverse("admin:accounts_user_change", args=[budget.owner_id])
        where = f"{settings.SITE_URL}{page}\n"
    alerts.send(
        subject=f"the month’s tokens of {whose} run low",
        text=(
            f"Of {budget.limit:,} tokens for {now:%B %Y}, {whose} used {budget.used:,}.\n{where}\n"
            "From now on nothing is asked for by hand. At the limit the morning’s runs fail, in "
            "the open.\nTo go on, raise COACH_MONTHLY_TOKENS_PER_TESTER or COACH_MONTHLY_TOKENS.\n"
        ),
        dedupe_key=f"alert:budget:{budget.owner_id or 'all'}:{_month(now):%Y-%m}",
    )


def _month(now: datetime) -> date:
    return now.astimezone(UTC).date().replace(day=1)


def _next_month(now: datetime) -> datetime:
    month = _month(now)
    year, number = divmod(12 * month.year + month.month, 12)
    return datetime(year, number + 1, 1, tzinfo=UTC)


def _wait_s(now: datetime) -> int:
    return int((_next_month(now) - now).total_seconds()) + 1
