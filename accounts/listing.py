"""Lists of the admin over tables of millions: nothing is counted to the end, or sorted for it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.functional import cached_property

# As many as anybody leafs through; what lies behind is found by its filters.
MOST = 10_000


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
