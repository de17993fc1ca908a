"""The console by what an operator does, and no list of it that grows dear."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model, UniqueConstraint
from django.test import Client

from accounts.listing import Newest
from lanterne.arranged import GROUPS

# What stays small whatever happens: rows for a model, a rule, a source or a zone, not for a tester.
SMALL = {
    *("coach.ruletally", "coach.knownmodel", "coach.modelpace"),
    *("connections.failuretally", "connections.ratebudget", "connections.turn"),
    *("connections.pushsubscription", "auth.group", "django_celery_beat.periodictask"),
}


def registered() -> dict[str, Any]:
    return {model._meta.label_lower: one for model, one in admin.site._registry.items()}


def leads_an_index(model: type[Model], name: str) -> bool:
    """Whether rows can be read in its order."""
    if name == "pk":
        return True
    field = model._meta.get_field(name)
    first = [index.fields[0].lstrip("-") for index in model._meta.indexes if not index.condition]
    unique = [one.fields[0] for one in model._meta.constraints if isinstance(one, UniqueConstraint)]
    return field.primary_key or field.unique or field.db_index or name in {*first, *unique}  # type: ignore[union-attr]


def test_every_group_lists_what_there_is_once() -> None:
    listed = [label for group in GROUPS for label in group.models]

    assert len(listed) == len(set(listed))
    assert set(listed) <= registered().keys()


def test_no_list_counts_to_the_end_or_sorts_by_what_has_no_index() -> None:
    counting = {
        name
        for name, one in registered().items()
        if one.paginator is not Newest or one.show_full_result_count or one.sortable_by is None
    }
    sorting = {
        (name, ordering[0])
        for name, one in registered().items()
        if (ordering := one.ordering or one.model._meta.ordering) and name not in SMALL
        if not leads_an_index(one.model, str(ordering[0]).lstrip("-"))
    }

    assert (counting, sorting) == (set(), set())


@pytest.mark.django_db
def test_front_page_has_the_groups_in_their_order(as_operator: Client) -> None:
    apps = as_operator.get("/admin/").context["app_list"]

    assert [app["name"] for app in apps] == [*(group.name for group in GROUPS), "The rest"]
    assert [model["object_name"] for model in apps[1]["models"]][:3] == [
        *("Incident", "MissionRun", "Reflection")
    ]
    assert [model["object_name"] for model in apps[-1]["models"]] == [
        *("Association", "Nonce", "UserSocialAuth")
    ]


@pytest.mark.django_db
def test_page_of_an_app_is_as_it_was(as_operator: Client) -> None:
    (app,) = as_operator.get("/admin/missions/").context["app_list"]

    assert (app["name"], len(app["models"])) == ("Missions", 2)
