"""A tester's consent to read a provider: given with its tokens, and taken back with them."""

from datetime import datetime, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit, deletion, privacy
from accounts.models import AuditEvent, User
from connections import retention, sync
from connections.models import Connection, Source
from connections.providers import oura, strava
from connections.providers.http import ProviderError

# For so long a provider is asked to take the access of a deleted account back.
REVOKE_FOR = timedelta(hours=24)

TAKEN = "That Oura account belongs to somebody else here."


class AccountTaken(Exception):
    """The account at the provider belongs to another tester here."""


def keep(user: User, provider: Source, account: str, **tokens: Any) -> Connection:
    """Put the tokens into the tester's one connection, and have it read; raises AccountTaken.

    Of another account than before nothing has been read yet, and what was read is somebody's
    other recordings: it goes, and the reading starts anew.
    """
    try:
        with transaction.atomic():
            before = user.connections.filter(provider=provider)
            is_another = before.exclude(external_id=account)
            if is_another.update(last_success_at=None, connected_at=timezone.now()):
                retention.erase(user, provider)
            before.update(epoch=F("epoch") + 1)
            connection, _ = Connection.objects.update_or_create(
                user=user,
                provider=provider,
                defaults={
                    **tokens,
                    "external_id": account,
                    "state": Connection.State.OK,
                    "last_error": "",
                },
            )
            audit.record(AuditEvent.Kind.CONNECTED, user=user, provider=provider.value)
            sync.request(connection)
    except IntegrityError as error:
        raise AccountTaken from error
    return connection


def keep_oura_token(user: User, token: str) -> Connection:
    """Keep a pasted token that Oura itself accepts.

    Raises sync.NotAllowed, another ProviderError, or AccountTaken.
    """
    if not privacy.may_be_read(user.pk):
        raise sync.NotAllowed(privacy.NOT_ALLOWED)
    return keep(user, Source.OURA, oura.account_id(token), access_token=token)


def withdraw(connection: Connection) -> None:
    """Revoke our access at the provider, then erase all that came from it; raises ProviderError.

    Nothing to do when the tester has been here already in another window.
    """
    with transaction.atomic(durable=True):
        locked = Connection.objects.select_for_update().filter(pk=connection.pk).first()
        if locked is None:
            return
        if locked.provider == Source.STRAVA:
            strava.revoke(locked.refresh_token)
        audit.record(AuditEvent.Kind.DISCONNECTED, user=locked.user, provider=locked.provider)
        _forget(locked)


def withdraw_everywhere(user: User, now: datetime) -> None:
    """Deletion step: give every access back; raises Postponed while a provider is not reachable.

    After a day of trying the tokens are erased all the same, and the operators are told.
    """
    is_last_try = now - (user.deletion_requested_at or now) >= REVOKE_FOR
    unreachable = []
    for connection in user.connections.all():
        try:
            withdraw(connection)
        except ProviderError as error:
            if is_last_try:
                _forget_unrevoked(connection)
            else:
                unreachable.append(str(error))
    if unreachable:
        raise deletion.Postponed(" ".join(unreachable))


@transaction.atomic
def _forget_unrevoked(connection: Connection) -> None:
    """The alert goes with the change it tells of, and names the provider, not the tester."""
    locked = Connection.objects.select_for_update().filter(pk=connection.pk).first()
    if locked is None:
        return
    _forget(locked)
    for address in settings.OPERATOR_EMAILS:
        get_adapter().send_mail(
            "account/email/revocation_failed",
            address,
            {"provider": locked.get_provider_display()},
        )


def _forget(connection: Connection) -> None:
    if connection.provider == Source.STRAVA:
        connection.user.social_auth.filter(provider=strava.StravaOAuth2.name).delete()
    retention.erase(connection.user, Source(connection.provider))
    connection.delete()
