"""Every place in the database that keeps secrets encrypted, and how one is found and replaced.

What is read and written here is the text as it is stored: no field opens or encrypts it in between.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db.models import JSONField, Model, QuerySet, TextField, Value
from django.db.models.functions import Cast

from connections.fields import EncryptedTextField

ALL_OF_IT = re.compile(r".+", re.DOTALL)
# Whatever Fernet writes until the year 2242 begins like this.
WITHIN_JSON = re.compile(r"gAAAAA[A-Za-z0-9_-]+=*")


@dataclass(frozen=True, slots=True)
class Place:
    """A column that keeps secrets, one or more a row; `pattern` finds them in its text."""

    model: type[Model]
    field: str
    pattern: re.Pattern[str]

    def __str__(self) -> str:
        return f"{self.model._meta.label_lower}.{self.field}"

    def rows(self) -> QuerySet[Any, tuple[Any, str]]:
        """The primary key and the stored text of each row that has one, by primary key."""
        return self._stored().exclude(stored="").order_by("pk").values_list("pk", "stored")

    def batches(self, size: int) -> Iterator[list[tuple[Any, str]]]:
        """All rows, `size` at a time; each batch is read when it is asked for."""
        batch = list(self.rows()[:size])
        while batch:
            yield batch
            batch = list(self.rows().filter(pk__gt=batch[-1][0])[:size])

    def ends(self) -> list[tuple[Any, str]]:
        """The first and the last row: after a rotation that broke off they differ in their key."""
        return [*self.rows()[:1], *self.rows().reverse()[:1]]

    def secrets_in(self, stored: str) -> list[str]:
        return self.pattern.findall(stored)

    def replaced(self, stored: str, renew: Callable[[str], str]) -> str:
        return self.pattern.sub(lambda found: renew(found[0]), stored)

    def put(self, pk: object, stored: str, new: str) -> bool:
        """Write the new text where the old one still stands; False when it does not any more."""
        rows = self._stored().filter(pk=pk, stored=stored)
        is_json = isinstance(self.model._meta.get_field(self.field), JSONField)
        value = json.loads(new) if is_json else Value(new, TextField())
        return bool(rows.update(**{self.field: value}))

    def _stored(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = QuerySet(self.model).annotate(stored=Cast(self.field, TextField()))
        return rows


def places() -> list[Place]:
    """Every encrypted field of every installed app, and the second factors."""
    fields = chain.from_iterable(model._meta.local_concrete_fields for model in apps.get_models())
    return [
        *(
            Place(field.model, field.name, ALL_OF_IT)
            for field in fields
            if isinstance(field, EncryptedTextField)
        ),
        Place(Authenticator, "data", WITHIN_JSON),
    ]
