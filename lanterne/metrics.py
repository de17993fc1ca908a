"""/metrics: what an operator watches, counted from rows, so that every process tells the same."""

import hmac
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounts import totals
from coach.models import Incident, MissionRun, ModelCall, RuleTally
from connections import registry, tallies
from connections.models import Connection, FailureTally
from lanterne import backlog
from notifications.models import Notification, StoppedAddress

# Of runs: what was finished before changes no more, unless somebody asks again.
SETTLED_AFTER = timedelta(days=2)
# What is done with for good; a tester whose address is stopped adds one a morning.
DONE_MAILS = [Notification.State.SENT, Notification.State.STOPPED]
OPEN_MAILS = [state for state in Notification.State if state not in DONE_MAILS]


class Rows(Collector):
    """Sums of tables that grow are kept for an hour as far as they are old; see totals.py."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield self._runs()
        yield self._tokens()
        yield self._broken_rules()
        yield self._mails()
        yield self._stopped_addresses()
        connections = GaugeMetricFamily("connections", "Connections by state.", labels=["state"])
        yield _labelled(connections, Connection.objects.values_list("state").annotate(Count("pk")))
        yield self._refresh_failures()
        open_now = Incident.objects.filter(resolved_at=None).count()
        yield _gauge("incidents_open", "Incidents nobody has resolved.", open_now)
        yield from self._queues()
        yield from self._portions()

    def _runs(self) -> Metric:
        family = CounterMetricFamily("mission_runs", "Runs by outcome.", labels=["status"])
        sums = totals.added_up(
            "mission_runs",
            MissionRun.objects.all(),
            "local_date",
            _by("outcome"),
            self.now,
            settled_after=SETTLED_AFTER,
        )
        return _labelled(family, ((status, count) for (status,), (count,) in sums.items()))

    def _mails(self) -> Metric:
        """Those that are not done with are few, and counted to the last one."""
        family = GaugeMetricFamily("notifications", "Mails by state.", labels=["state"])
        others = Notification.objects.filter(state__in=OPEN_MAILS).order_by()
        _labelled(family, others.values_list("state").annotate(Count("pk")))
        done = Notification.objects.filter(state__in=DONE_MAILS)
        sums = totals.added_up("mails_done", done, "pk", _by("state"), self.now)
        return _labelled(family, ((state, count) for (state,), (count,) in sums.items()))

    def _stopped_addresses(self) -> Metric:
        """Both reasons from the start: see `_refresh_failures`."""
        family = GaugeMetricFamily(
            "mail_addresses_stopped", "Addresses without mail, by reason.", labels=["reason"]
        )
        told = StoppedAddress.objects.order_by().values_list("reason").annotate(Count("pk"))
        counts = {**dict.fromkeys(StoppedAddress.Reason.values, 0), **dict(told)}
        return _labelled(family, counts.items())

    def _queues(self) -> Iterator[Metric]:
        now, queues = self.now, backlog.queues(self.now)
        yield _gauge(
            "runs_waiting", "Runs whose time has come, without a worker.", queues.runs.count
        )
        yield _gauge("runs_in_flight", "Runs a worker has or was told of.", queues.in_flight.count)
        yield _gauge(
            "runs_oldest_wait_seconds",
            "How long the longest waiting run waits.",
            queues.runs.waited_s(now),
        )
        yield _gauge(
            "runs_put_off", "Runs that wait until the model can be asked.", queues.put_off.count
        )
        yield _gauge(
            "runs_put_off_oldest_seconds",
            "How long ago the longest of them was due.",
            queues.put_off.waited_s(now),
        )
        yield _gauge("files_waiting", "Files not stored yet.", queues.files.count)
        yield _gauge("mails_waiting", "Mails not sent yet.", queues.mails.count)
        yield _gauge(
            "mails_oldest_wait_seconds",
            "How long the longest waiting mail waits.",
            queues.mails.waited_s(now),
        )
        yield _gauge("events_waiting", "Events not looked into yet.", queues.events.count)

    def _portions(self) -> Iterator[Metric]:
        taken = GaugeMetricFamily("turns_taken", "Places taken at once.", labels=["of"])
        yield _labelled(taken, backlog.turns(self.now))
        yield from _used("rate_budget", "source", "window", backlog.rate_budgets(self.now))
        paces = backlog.paces(self.now)
        used = [one for pace in paces for one in pace.used]
        yield from _used("model_pace", "server", "kind", used)
        closed = GaugeMetricFamily(
            "model_closed_seconds", "How long a model wants to be left alone.", labels=["server"]
        )
        yield _labelled(closed, ((pace.server, pace.closed_s) for pace in paces))
        fired = backlog.last_fired()
        if fired is not None:
            yield _gauge(
                "scheduler_last_fired_seconds",
                "How long ago the scheduler sent a task out.",
                max((self.now - fired).total_seconds(), 0.0),
            )

    def _refresh_failures(self) -> Metric:
        """Each source and reason from the start: a counter that appears with 1 raises no alarm."""
        family = CounterMetricFamily(
            "connection_refresh_failures",
            "Readings of a source that failed.",
            labels=["source", "reason"],
        )
        counts = dict.fromkeys(
            ((api.name, reason) for api in registry.all_apis() for reason in tallies.REASONS), 0
        )
        for source, reason, count in FailureTally.objects.values_list("source", "reason", "count"):
            counts[source, reason] = count
        for (source, reason), count in counts.items():
            family.add_metric([source, reason], count)
        return family

    def _broken_rules(self) -> Metric:
        """By the rules of coaching: those that send a reply back, and those that mark it."""
        family = CounterMetricFamily(
            "coach_rule_violations",
            "Decisions that broke a rule, by model.",
            labels=["model", "rule", "kind"],
        )
        for model, rule, is_flag, count in RuleTally.objects.values_list(
            "model", "rule", "is_flag", "count"
        ):
            family.add_metric([model, rule, "flag" if is_flag else "reprompt"], count)
        return family

    def _tokens(self) -> Metric:
        family = CounterMetricFamily("llm_tokens", "Tokens by model.", labels=["model", "kind"])
        calls = ModelCall.objects.all()
        sums = totals.added_up("llm_tokens", calls, "pk", _tokens_by_model, self.now)
        for (model,), (given, said) in sums.items():
            family.add_metric([model, "in"], float(given or 0))
            family.add_metric([model, "out"], float(said or 0))
        return family


Family = CounterMetricFamily | GaugeMetricFamily


def _by(column: str) -> Callable[[QuerySet[Any]], totals.Sums]:
    def summed(rows: QuerySet[Any]) -> totals.Sums:
        counted = rows.order_by().values_list(column).annotate(Count("pk"))
        return {(value,): (count,) for value, count in counted}

    return summed


def _tokens_by_model(calls: QuerySet[Any]) -> totals.Sums:
    rows = calls.order_by().values_list("model").annotate(Sum("tokens_in"), Sum("tokens_out"))
    return {(model,): (given, said) for model, given, said in rows}


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _labelled(family: Family, values: Iterable[tuple[str, float | totals.Amount]]) -> Metric:
    for label, amount in values:
        family.add_metric([label], float(amount or 0))
    return family


def _used(
    name: str, first: str, second: str, portions: Iterable[backlog.Used]
) -> tuple[Metric, Metric]:
    """What is used, and beside it the limit, where there is one."""
    used = GaugeMetricFamily(f"{name}_used", "Used up of a limit.", labels=[first, second])
    limit = GaugeMetricFamily(f"{name}_limit", "The limit itself.", labels=[first, second])
    for portion in portions:
        used.add_metric(portion.labels, portion.used)
        if portion.limit is not None:
            limit.add_metric(portion.labels, portion.limit)
    return used, limit


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """For the holder of METRICS_TOKEN; open only while DEBUG is on and no token is set."""
    if not _may_read(request):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Rows(timezone.now()))
    body = generate_latest(registry) + generate_latest(REGISTRY)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if not settings.METRICS_TOKEN:
        return bool(settings.DEBUG)
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(offered.encode(), settings.METRICS_TOKEN.encode())
