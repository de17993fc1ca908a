"""Lists of the admin over tables of millions: nothing is counted to the end, or sorted for it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from accounts.models import User

# As many as anybody leafs through; what lies behind is found by its filters.
MOST = 10_000
MOST_DIGITS = 18


class Newest(Paginator[Any]):
    """The first ten thousand rows; `is_cut` when there may be more."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[:MOST].count()
        return counted

    @property
    def is_cut(self) -> bool:
        return self.count == MOST


class Long(admin.ModelAdmin[Any]):
    """For a table that grows every day: newest first, by a column that has an index, and no other.

    No `date_hierarchy`: it asks for all days there are.
    """

    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    sortable_by: ClassVar[tuple[str, ...]] = ()
    paginator = Newest
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


class OfTester(admin.SimpleListFilter):
    """The rows of one tester, as the links of their page ask for them; shown only then.

    leads_to: the lookups from a row to its tester; a row has one of them.
    """

    title, parameter_name = "tester", "tester"
    leads_to: ClassVar[tuple[str, ...]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name, "")
        if not chosen:
            return []
        known = User.objects.filter(pk=chosen).first() if chosen.isdecimal() else None
        return [(chosen, known.email if known else "nobody we know")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen is None:
            return queryset
        theirs = Q()
        for way in self.leads_to:
            theirs |= Q(**{way: chosen})
        return queryset.filter(theirs) if _is_key(chosen) else queryset.none()


def _is_key(text: str) -> bool:
    """Whether a column of keys could hold it: some databases break off over a longer number."""
    return text.isdecimal() and len(text) <= MOST_DIGITS
