"""When a run is tried again for which the model gave no answer: bounded, later each time. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import backoff
from coach.models import Asked, Incident


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a fault of one kind is waited out, how long at first and at most."""

    most: int
    first: timedelta
    longest: timedelta


# What is not here is not tried again: asking twice for nothing is paid for, or answered the same.
POLICIES = {
    Incident.Kind.RATE_LIMITED: Policy(8, timedelta(seconds=20), timedelta(minutes=10)),
    Incident.Kind.MODEL_ERROR: Policy(3, timedelta(seconds=30), timedelta(minutes=4)),
}
# After an error that nobody foresaw; Asked.MOST_ATTEMPTS says how often.
BROKEN_OFF = Policy(Asked.MOST_ATTEMPTS, timedelta(seconds=10), timedelta(minutes=5))


def next_try(
    kind: str, setbacks: int, now: datetime, *, wait_s: float | None, seed: str
) -> datetime | None:
    """When to try again after `setbacks` earlier ones; None when not at all.

    wait_s: seconds the server asked for, which are kept; `seed` draws the same lot each time.
    """
    policy = POLICIES.get(Incident.Kind(kind))
    if policy is None or setbacks >= policy.most:
        return None
    if wait_s is None:
        wait_s = _backoff_s(policy, setbacks + 1)
    return later(now, max(wait_s, 1.0), seed=f"{seed} {setbacks}")


def after_breaking_off(attempts: int, now: datetime, *, seed: str) -> datetime:
    """When to go on with what broke off for the so-manieth time."""
    return later(now, _backoff_s(BROKEN_OFF, attempts), seed=f"{seed} {attempts}")


def later(now: datetime, wait_s: float, *, seed: str) -> datetime:
    """So many seconds on, or up to a quarter more, by a lot that `seed` draws."""
    return now + backoff.longer(timedelta(seconds=wait_s), seed)


def _backoff_s(policy: Policy, attempts: int) -> float:
    return backoff.doubled(attempts, policy.first, policy.longest).total_seconds()
