"""What belongs to an account: every row that falls with it, found through the models themselves."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import CASCADE, ForeignKey, Model, Q, QuerySet

from accounts import deletion
from accounts.models import User

# A field is a secret when one of the words of its name is among these, ...
SECRET_WORDS = {"password", "token", "secret", "hash"}
# ... or when it is one of these.
SECRETS = {
    "account.emailconfirmation.key",
    "accounts.tokenfamily.refresh_id",
    "coach.calendarfeed.digest",
    "mfa.authenticator.data",
    "social_django.usersocialauth.extra_data",
    "usersessions.usersession.session_key",
}

# Rows that no key ties to an account: they are of the address in that column.
BY_ADDRESS = {"notifications.stoppedaddress": "address"}

# Mails that carry a link which signs somebody in, until they are sent.
OPENS_DOORS = {"account"}


def rows_of(user: User) -> Iterator[QuerySet[Model]]:
    """Of each model that can belong to an account, the rows that belong to this one."""
    for model in models():
        owned = Q()
        for way in _ways(model):
            owned |= Q(**{way: user.pk})
        if column := BY_ADDRESS.get(model._meta.label_lower):
            owned |= Q(**{f"{column}__in": deletion.addresses_of(user)})
        yield model._default_manager.filter(owned).order_by("pk")


def models() -> list[type[Model]]:
    """Every model whose rows can fall with an account, the account's own among them."""
    stored = (one for one in apps.get_models(include_auto_created=True) if not one._meta.proxy)
    return sorted(
        (model for model in stored if any(_ways(model)) or model._meta.label_lower in BY_ADDRESS),
        key=lambda one: one._meta.label_lower,
    )


def is_secret(model: type[Model], name: str) -> bool:
    is_named = f"{model._meta.label_lower}.{name}" in SECRETS
    return is_named or not SECRET_WORDS.isdisjoint(name.split("_"))


def secrets_of(model: type[Model]) -> list[str]:
    return [f.name for f in model._meta.concrete_fields if is_secret(model, f.name)]


def as_told(row: Model) -> dict[str, Any]:
    """A row as its owner may see it."""
    told = {
        field.attname: _in_letters(row.serializable_value(field.attname))
        for field in row._meta.concrete_fields
        if not is_secret(type(row), field.name)
    }
    if told.get("kind") in OPENS_DOORS:
        told |= {name: None for name in ("text", "html") if name in told}
    return told


def _in_letters(value: Any) -> Any:
    """A picture as base64: a file of JSON holds no bytes."""
    return b64encode(value).decode() if isinstance(value, bytes | memoryview) else value


def _ways(model: type[Model], *behind: type[Model]) -> Iterator[str]:
    """The lookups that lead from a model to the account its rows fall with."""
    if model is User:
        yield "pk"
        return
    for field in model._meta.concrete_fields:
        if not isinstance(field, ForeignKey) or field.remote_field.on_delete is not CASCADE:
            continue
        owner: type[Model] = field.related_model
        if owner in (model, *behind):
            continue
        for way in _ways(owner, model, *behind):
            yield field.name if way == "pk" else f"{field.name}__{way}"
