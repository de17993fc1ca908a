"""What the Connections card says: each source's state in words, and the one next step."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from django.utils import timezone

from accounts.models import User
from connections.models import AppleHealthUpload, Connection, Source

State = Literal["ok", "broken", "pending", "none"]
STATES = get_args(State)
TO_CONNECT = {
    Source.STRAVA: "Connect Strava on the Connections page.",
    Source.OURA: "Paste an access token of your Oura account.",
}
NEXT_UPLOAD = {
    "none": "Upload an export of the Health app.",
    "broken": "Export again in the Health app and upload the new file.",
}


@dataclass(frozen=True, slots=True)
class SourceState:
    source: str
    label: str
    state: State
    words: str
    last_success_at: datetime | None
    is_connected: bool = False
    needs_connecting: bool = False

    @property
    def next_step(self) -> str:
        """What the tester can do about it, in words; empty when there is nothing to do."""
        if self.source == Source.APPLE:
            return NEXT_UPLOAD.get(self.state, "")
        if self.needs_connecting:
            return TO_CONNECT[Source(self.source)]
        return ""


def context_for(user: User) -> dict[str, Any]:
    connections = {connection.provider: connection for connection in user.connections.all()}
    latest_upload = user.apple_uploads.first()
    last_import = (
        latest_upload
        if latest_upload is None or latest_upload.status == AppleHealthUpload.Status.DONE
        else user.apple_uploads.filter(status=AppleHealthUpload.Status.DONE).first()
    )
    now = timezone.now()
    strava, oura = connections.get(Source.STRAVA), connections.get(Source.OURA)
    sources = [
        _connected(Source.STRAVA, strava, now),
        _connected(Source.OURA, oura, now),
        _uploaded(latest_upload, last_import),
    ]
    return {
        "sources": sources,
        "strava": strava,
        "oura": oura,
        "latest_upload": latest_upload,
        "is_under_way": any(source.state == "pending" for source in sources),
    }


def _connected(source: Source, connection: Connection | None, now: datetime) -> SourceState:
    state: State
    if connection is None:
        state, words = "none", "not connected"
    elif connection.state == Connection.State.BROKEN:
        state, words = "broken", connection.last_error
    elif connection.last_success_at is not None and connection.is_being_read(now):
        state, words = "pending", "connected; reading what is new"
    elif connection.last_error:
        state, words = "broken", f"{connection.last_error} We try again with the next run."
    elif connection.last_success_at is None:
        state, words = "pending", "connected; reading your history now"
    else:
        state, words = "ok", "connected"
    last = connection.last_success_at if connection else None
    return SourceState(
        source=source.value,
        label=str(source.label),
        state=state,
        words=words,
        last_success_at=last,
        is_connected=connection is not None,
        needs_connecting=connection is None or connection.state == Connection.State.BROKEN,
    )


def _imported(upload: AppleHealthUpload) -> str:
    return f"{upload.days} day{'' if upload.days == 1 else 's'} imported"


def _uploaded(
    upload: AppleHealthUpload | None, last_import: AppleHealthUpload | None
) -> SourceState:
    state: State
    if upload is None:
        state, words = "none", "no export uploaded"
    elif not upload.is_finished:
        state, words = "pending", f"reading {upload.file_name}"
    elif upload.status == AppleHealthUpload.Status.DONE:
        state, words = "ok", _imported(upload)
    elif last_import is None:
        state, words = "broken", upload.error
    else:  # one bad file takes nothing away from what is there
        state, words = "ok", f"{_imported(last_import)}; {upload.file_name} was refused"
    last = last_import.finished_at if last_import else None
    return SourceState(Source.APPLE.value, str(Source.APPLE.label), state, words, last)
