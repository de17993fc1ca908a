"""Broken rules, counted by model for as long as the service lives."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F

from coach.models import RuleTally
from coach.rules import RULES, Violation


@transaction.atomic
def count(model: str, broken: Iterable[Violation]) -> None:
    rules = dict.fromkeys(one.rule for one in broken)
    if not rules:
        return
    rows = [RuleTally(model=model, rule=rule, is_flag=RULES[rule].is_flag) for rule in rules]
    RuleTally.objects.bulk_create(rows, ignore_conflicts=True)
    RuleTally.objects.filter(model=model, rule__in=rules).update(count=F("count") + 1)
