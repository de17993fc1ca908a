"""What the Connections card says: each source's state in words, and the one next step."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from django.db.models import Count, Value
from django.utils import timezone

from accounts import formats
from accounts.models import User
from connections import policy, registry
from connections.models import AppleHealthUpload, Connection, RideFile, SyncAttempt
from connections.providers.base import ApiProvider
from connections.providers.http import ProviderBusy
from connections.sources import Source, has_consent_page, label_of
from connections.working import Working, look_at

State = Literal["ok", "broken", "pending", "none"]
STATES = get_args(State)
KEEP_TRYING = "We keep trying by ourselves."
NEXT_UPLOAD = {
    "none": "Upload an export of the Health app.",
    "broken": "Export again in the Health app and upload the new file.",
}
NEXT_FILE = {
    "none": "Send a FIT, TCX or GPX file of a ride.",
    "broken": "See what was wrong with your files on the Ride files page.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """backend: what it is connected through on a consent page; empty when it is not."""

    source: str
    label: str
    state: State
    words: str
    last_success_at: datetime | None = None
    failing_since: datetime | None = None
    rides: int = 0
    nights: int = 0
    next_step: str = ""
    is_connected: bool = False
    needs_connecting: bool = False
    backend: str = ""
    takes_pasted_token: bool = False
    is_waiting: bool = False
    can_be_widened: bool = False

    @property
    def kept(self) -> str:
        """What of it is here, in words; empty for nothing."""
        counts = ((self.rides, "ride"), (self.nights, "night"))
        return " and ".join(_counted(count, what) for count, what in counts if count)

    @property
    def button(self) -> list[str]:
        """Its own button where the provider prescribes one, else the one of the house."""
        return [f"connections/buttons/{self.source}.html", "connections/buttons/default.html"]


def context_for(user: User) -> dict[str, Any]:
    kept, now = _kept(user), timezone.now()
    connections = {
        connection.provider: (connection, _waits(user, connection, now))
        for connection in user.connections.with_last_reason()
    }
    latest_upload = user.apple_uploads.not_cancelled().first()
    uploaded: Mapping[str, Callable[[], SourceState]] = {
        Source.APPLE: lambda: _export(user, latest_upload),
        Source.FILE: lambda: _files(user, kept),
    }
    states = [
        _connected(provider, *connections.get(provider.name, (None, "")), kept, now)
        if isinstance(provider, ApiProvider)
        else uploaded[provider.name]()
        for provider in registry.all_providers()
    ]
    unused = {one.source for one in policy.withheld_of(user)}
    states = [
        replace(one, words=f"{one.words}; not used by the coach") if one.source in unused else one
        for one in states
    ]
    if not user.has_consented:
        states = [_not_allowed(one) if one.source in connections else one for one in states]
    return {
        "sources": states,
        "latest_upload": latest_upload,
        "is_anything_connected": any(state.state != "none" for state in states),
        "is_under_way": any(state.state == "pending" for state in states),
    }


def _not_allowed(state: SourceState) -> SourceState:
    words = "connected, but not read: you have not allowed it"
    step = "Allow it in Settings, under Privacy."
    return replace(state, state="broken", words=words, next_step=step, failing_since=None)


def _kept(user: User) -> Counter[tuple[str, str]]:
    """How many rows of each source there are, by source and kind."""
    rides, nights = (
        rows.order_by().values_list("source", Value(kind)).annotate(Count("pk"))
        for kind, rows in (("ride", user.rides), ("night", user.nights))
    )
    return Counter({(source, kind): count for source, kind, count in rides.union(nights)})


def state_of(user: User, source: str) -> SourceState:
    states: list[SourceState] = context_for(user)["sources"]
    return next(state for state in states if state.source == source)


def _connected(
    provider: ApiProvider,
    connection: Connection | None,
    waits: str,
    kept: Counter[tuple[str, str]],
    now: datetime,
) -> SourceState:
    state, words = _words(connection, waits, now)
    is_well = connection is not None and state == "ok" and not waits
    working = look_at(provider, connection, now) if connection and is_well else Working()
    needs_connecting = connection is None or connection.state == Connection.State.BROKEN
    label = label_of(provider.name)
    return SourceState(
        source=provider.name,
        label=label,
        state=state,
        words=working.words + _left_out(connection) if is_well else words,
        last_success_at=connection.last_success_at if connection else None,
        failing_since=connection.failing_since if connection else None,
        rides=kept[provider.name, "ride"],
        nights=kept[provider.name, "night"],
        next_step=f"Connect {label} on the Connections page."
        if needs_connecting
        else working.next_step,
        is_connected=connection is not None,
        needs_connecting=needs_connecting,
        backend=(provider.backend or "") if has_consent_page(provider.name) else "",
        takes_pasted_token=provider.takes_pasted_token,
        is_waiting=working.is_waiting,
        can_be_widened=working.can_be_widened,
    )


def _left_out(connection: Any) -> str:
    is_whole = connection.last_reason != SyncAttempt.INCOMPLETE
    return "" if is_whole else "; a part could not be read last time and is tried again"


def _waits(user: User, connection: Any, now: datetime) -> str:
    """Until when, on the tester's clock, where the provider had us wait at the last attempt."""
    again_at = connection.next_read_at
    if connection.last_reason != ProviderBusy.reason or again_at is None or again_at <= now:
        return ""
    label = connection.get_provider_display()
    return f"{label} asks us to wait; we read it again at about {_when(again_at, user, now)}"


def _when(again_at: datetime, user: User, now: datetime) -> str:
    at = again_at.astimezone(user.zone)
    days = (at.date() - user.local_date(now)).days
    # A provider's day ends at midnight in UTC: nobody waits past tomorrow.
    return f"{formats.clock(at.time())} tomorrow" if days else formats.clock(at.time())


def _words(connection: Connection | None, waits: str, now: datetime) -> tuple[State, str]:
    if connection is None:
        return "none", "not connected"
    if connection.state == Connection.State.BROKEN:
        return "broken", connection.last_error
    if connection.last_success_at is not None and connection.is_being_read(now):
        return "pending", "connected; reading what is new"
    if connection.last_error:
        return "broken", f"{connection.last_error} {KEEP_TRYING}"
    if connection.last_success_at is None:
        return "pending", f"connected; {waits or 'reading your history now'}"
    return "ok", f"connected; {waits}" if waits else ""


def _export(user: User, upload: AppleHealthUpload | None) -> SourceState:
    done = AppleHealthUpload.Status.DONE
    last_import = (
        upload
        if upload is None or upload.status == done
        else user.apple_uploads.filter(status=done).first()
    )
    state: State
    if upload is None:
        state, words = "none", "no export uploaded"
    elif not upload.is_finished:
        state, words = "pending", _reading(upload)
    elif last_import is upload:
        state, words = "ok", _imported(upload)
    elif last_import is None:
        state, words = "broken", upload.error
    else:  # one bad file takes nothing away from what is there
        state, words = "ok", f"{_imported(last_import)}; {upload.file_name} was refused"
    return SourceState(
        source=Source.APPLE,
        label=label_of(Source.APPLE),
        state=state,
        words=words,
        last_success_at=last_import.finished_at if last_import else None,
        next_step=NEXT_UPLOAD.get(state, ""),
        is_connected=last_import is not None,
    )


def _reading(upload: AppleHealthUpload) -> str:
    if upload.status == AppleHealthUpload.Status.WAITING:
        return f"{upload.file_name} waits to be read"
    if upload.is_read:
        return f"keeping what is new in {upload.file_name}"
    far = "" if upload.percent is None else f", {upload.percent} %"
    return f"reading {upload.file_name}{far}"


def _imported(upload: AppleHealthUpload) -> str:
    return f"{_counted(upload.days, 'day')} imported"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _files(user: User, kept: Counter[tuple[str, str]]) -> SourceState:
    rides = kept[Source.FILE, "ride"]
    newest = user.ride_files.first()
    state: State
    if newest is not None and newest.status == RideFile.Status.WAITING:
        state, words = "pending", f"reading {newest.file_name}"
    elif rides:
        state, words = "ok", f"{_counted(rides, 'ride')} from your files"
    elif newest is not None and newest.status == RideFile.Status.FAILED:
        state, words = "broken", f"{newest.file_name} could not be read"
    else:
        state, words = "none", "no file sent"
    return SourceState(
        source=Source.FILE,
        label=label_of(Source.FILE),
        state=state,
        words=words,
        last_success_at=newest.finished_at if newest else None,
        next_step=NEXT_FILE.get(state, ""),
        is_connected=bool(rides),
    )
