"""The models in use, held against their server's own list: one that goes away is told in time.

A list that cannot be read is no reason to stop: it is logged, asked for again in the next hour, and
the console says how old the last one is.
"""

import logging
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet

from accounts import formats
from coach import alerts, llm
from coach.models import KnownModel

logger = logging.getLogger(__name__)

LOOK_AT_MODELS = "coach.look_at_models"
WARN_DAYS_AHEAD = 60
EVERY = timedelta(days=1)
AN_HOUR_S = 3600
OLD_AFTER = timedelta(days=3)
TRIED = "coach.model_list.tried"


def in_use() -> list[str]:
    models = (
        settings.COACH_MODEL_TRAINING,
        settings.COACH_MODEL_EVENT,
        settings.COACH_MODEL_BUILDER,
    )
    return sorted(set(models))


def look_when_due(now: datetime) -> None:
    """Once a day, and after a look that failed in the next hour of the clock; one worker looks."""
    fresh = _rows().filter(checked_at__gt=now - EVERY).count()
    tried = f"{TRIED}:{now:%Y-%m-%dT%H}"
    if fresh < len(in_use()) and cache.add(tried, 1, timeout=AN_HOUR_S):
        look(now)


def look(now: datetime) -> None:
    """Ask the server for its list, keep what it says of the models in use, and warn."""
    try:
        listed = llm.listed()
    except llm.Unanswered as error:
        logger.warning("model list: could not be read, %s", error.kind)
        return
    with transaction.atomic():
        KnownModel.objects.exclude(name__in=in_use()).delete()
        for name in in_use():
            _warn(_keep(name, listed, now), now)


def notices(now: datetime) -> list[str]:
    """What the console says on top: models that go away, and a list that could not be read."""
    rows = list(_rows())
    told = [words for row in rows if (words := words_for(row, now.date()))]
    missing = sorted({*in_use()} - {row.name for row in rows})
    if missing:
        told.append(f"Not yet looked up in the model server’s list: {', '.join(missing)}.")
    elif rows and min(row.checked_at for row in rows) < now - OLD_AFTER:
        last = min(row.checked_at for row in rows)
        told.append(f"The model server’s list was last read on {formats.full_date(last)}.")
    return told


def words_for(row: KnownModel, today: date) -> str:
    """What an operator should know of a model in use; empty while there is nothing."""
    if not row.is_listed:
        return f"The server of the models does not list {row.name}, which is in use."
    last_day = row.shutdown_date
    if last_day is None or (last_day - today).days > WARN_DAYS_AHEAD:
        return ""
    day = formats.full_date(last_day)
    left = (last_day - today).days
    if left < 0:
        return f"{row.name} was to be switched off on {day}, and is still in use."
    return f"{row.name} is switched off on {day}, in {left} day{'' if left == 1 else 's'}."


def _rows() -> QuerySet[KnownModel]:
    return KnownModel.objects.filter(name__in=in_use())


def _keep(name: str, listed: dict[str, object], now: datetime) -> KnownModel:
    """The row of a model as the list tells it now; news is told anew."""
    row, _ = KnownModel.objects.get_or_create(name=name, defaults={"checked_at": now})
    row = KnownModel.objects.select_for_update().get(pk=row.pk)
    told = (name in listed, _day_of(listed.get(name)))
    if told != (row.is_listed, row.shutdown_date):
        row.is_listed, row.shutdown_date = told
        row.warned_at = None
    row.checked_at = now
    row.save()
    return row


def _warn(row: KnownModel, now: datetime) -> None:
    words = words_for(row, now.date())
    if not words or row.warned_at is not None:
        return
    alerts.send(
        subject=f"the model {row.name}",
        text=(
            f"{words}\n\nSet COACH_MODEL_TRAINING, COACH_MODEL_EVENT or COACH_MODEL_BUILDER to "
            "another one in time.\n`manage.py evaluate_coach` shows how it does first.\n"
        ),
        dedupe_key=f"alert:model:{row.name}:{now:%Y-%m-%d}",
    )
    row.warned_at = now
    row.save(update_fields=["warned_at"])


def _day_of(told: object) -> date | None:
    """The date a server told; one that cannot be read is said to be so, and unknown."""
    if told is None:
        return None
    try:
        return date.fromisoformat(str(told)[:10])
    except ValueError:
        logger.warning("model list: a last day could not be read, %s", type(told).__name__)
        return None
