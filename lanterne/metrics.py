"""/metrics: what an operator watches, counted from rows, so that every process tells the same."""

import hmac
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coach.models import Incident, MissionRun, ModelCall, RuleTally
from connections import registry, tallies
from connections.models import Connection, FailureTally
from notifications.models import Notification


class Rows(Collector):
    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        runs = CounterMetricFamily("mission_runs", "Runs by outcome.", labels=["status"])
        yield _counted(runs, MissionRun.objects.values_list("outcome"))
        yield self._tokens()
        yield self._broken_rules()
        mails = GaugeMetricFamily("notifications", "Mails by state.", labels=["state"])
        yield _counted(mails, Notification.objects.values_list("state"))
        connections = GaugeMetricFamily("connections", "Connections by state.", labels=["state"])
        yield _counted(connections, Connection.objects.values_list("state"))
        yield self._refresh_failures()
        incidents = GaugeMetricFamily("incidents_open", "Incidents nobody has resolved.")
        incidents.add_metric([], Incident.objects.filter(resolved_at=None).count())
        yield incidents

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
        totals = ModelCall.objects.values("model").annotate(
            input=Sum("tokens_in"), output=Sum("tokens_out")
        )
        for row in totals:
            family.add_metric([row["model"], "in"], row["input"] or 0)
            family.add_metric([row["model"], "out"], row["output"] or 0)
        return family


def _counted(
    family: CounterMetricFamily | GaugeMetricFamily, values: QuerySet[Any, tuple[str]]
) -> Metric:
    for value, count in values.annotate(Count("pk")):
        family.add_metric([value], count)
    return family


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """For the holder of METRICS_TOKEN; open only while DEBUG is on and no token is set."""
    if not _may_read(request):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Rows())
    body = generate_latest(registry) + generate_latest(REGISTRY)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if not settings.METRICS_TOKEN:
        return bool(settings.DEBUG)
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(offered.encode(), settings.METRICS_TOKEN.encode())
