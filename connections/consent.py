"""A tester's consent to read a provider: given with its tokens, and taken back with them."""

from contextlib import suppress
from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit, deletion, privacy
from accounts.models import AuditEvent, User
from connections import news, registry, retention, sources, sync
from connections.models import Connection
from connections.providers.base import ApiProvider, Tokens
from connections.providers.http import ProviderError, ProviderRefuses, ReconnectNeeded

# For so long a provider is asked to take the access of a deleted account back.
REVOKE_FOR = timedelta(hours=24)


ENDED = (
    "You ended our access at {label}, so what came from there is deleted here. "
    "Connect {label} again whenever you like."
)


class AccountTaken(Exception):
    """The account at the provider belongs to another tester here; the message is for this one."""

    def __init__(self, source: str) -> None:
        label = sources.label_of(source)
        super().__init__(
            f"That {label} account belongs to somebody else here. "
            f"Sign in to {label} as yourself and connect again."
        )


def keep(user: User, provider: str, account: str, tokens: Tokens) -> Connection:
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
                    "access_token": tokens.access_token,
                    "refresh_token": tokens.refresh_token,
                    "expires_at": tokens.expires_at,
                    "scopes": tokens.scopes[:200],
                    "external_id": account,
                    "state": Connection.State.OK,
                    "last_error": "",
                    "failing_since": None,
                    "told_at": None,
                    "reading_until": None,  # what is being read was for the consent before
                },
            )
            audit.record(AuditEvent.Kind.CONNECTED, user=user, provider=provider)
            sync.request(connection)
    except IntegrityError as error:
        raise AccountTaken(provider) from error
    return connection


def keep_pasted_token(user: User, provider: ApiProvider, token: str) -> Connection:
    """Keep a pasted token that the provider itself accepts.

    Raises privacy.NotAllowed, a ProviderError, or AccountTaken.
    """
    privacy.require_consent(user.pk)
    account = provider.account_of(token)
    # What was granted on a consent page before ends with it, as far as that is to be had.
    for granted in user.connections.filter(provider=provider.name).exclude(refresh_token=""):
        with suppress(ProviderError):
            provider.revoke(granted)
        user.social_auth.filter(provider=provider.backend or "").delete()
    return keep(user, provider.name, account, Tokens(access_token=token))


def withdraw(connection: Connection) -> None:
    """Revoke our access at the provider, then erase all that came from it; raises ProviderError.

    Nothing to do when the tester has been here already in another window.
    """
    if registry.api_of(connection.provider).revokes_live_tokens:
        # No access there is to give back, or none that anybody could use.
        with suppress(ReconnectNeeded, ProviderRefuses):
            sync.fresh_token(connection, timezone.now())
    with transaction.atomic(durable=True):
        # Not against events of it, which may come in while the provider is asked.
        rows = Connection.objects.select_for_update(no_key=True)
        locked = rows.filter(pk=connection.pk).first()
        if locked is None:
            return
        try:
            registry.api_of(locked.provider).revoke(locked)
        except ProviderRefuses:  # the application is shut out: waiting would not help the tester
            _tell_operators(locked)
        audit.record(AuditEvent.Kind.DISCONNECTED, user=locked.user, provider=locked.provider)
        _forget(locked)


def end(connection: Connection, now: datetime) -> None:
    """The tester has ended our access at the provider: erase all that came from it, and say so.

    Nothing to do when they have connected anew, or disconnected here, meanwhile.
    """
    with transaction.atomic(durable=True):
        same_consent = Connection.objects.filter(pk=connection.pk, epoch=connection.epoch)
        locked = same_consent.select_for_update().first()
        if locked is None:
            return
        audit.record(AuditEvent.Kind.DISCONNECTED, user=locked.user, provider=locked.provider)
        _erase(locked)
        same_consent.update(
            epoch=F("epoch") + 1,
            state=Connection.State.BROKEN,
            last_error=ENDED.format(label=locked.get_provider_display()),
            external_id="",
            access_token="",
            refresh_token="",
            expires_at=None,
            scopes="",
            last_success_at=None,
            history_read_at=None,
            next_read_at=None,
            failing_since=locked.failing_since or now,
            told_at=None,
        )
        news.tell_tester(locked.pk)


def forget_uploads(user: User, source: str) -> None:
    """Erase all that came from a source that is uploaded, what is still being read included."""
    with transaction.atomic():
        audit.record(AuditEvent.Kind.DISCONNECTED, user=user, provider=source)
        retention.erase(user, source)


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
    _tell_operators(locked)


def _tell_operators(connection: Connection) -> None:
    """By mail, that an access could not be given back: they can end it at the provider."""
    for address in settings.OPERATOR_EMAILS:
        get_adapter().send_mail(
            "account/email/revocation_failed",
            address,
            {"provider": connection.get_provider_display()},
        )


def _forget(connection: Connection) -> None:
    _erase(connection)
    connection.delete()


def _erase(connection: Connection) -> None:
    """All that came from it, and by which account it was known there."""
    backend = registry.api_of(connection.provider).backend
    if backend is not None:
        connection.user.social_auth.filter(provider=backend).delete()
    retention.erase(connection.user, connection.provider)
