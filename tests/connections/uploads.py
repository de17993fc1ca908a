"""Uploads, as files that a browser sends and as their rows."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from connections.models import AppleHealthUpload
from tests.connections.recorded import fit_ride


def export(content: bytes = b"<HealthData/>", name: str = "export.xml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def upload(user: User, **fields: Any) -> AppleHealthUpload:
    values = {"file_name": "export.zip", "stored_name": "x.upload", "size_bytes": 10, **fields}
    return AppleHealthUpload.objects.create(user=user, **values)


def ride(name: str = "ride.fit", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, fit_ride((200,) * 60) if content is None else content)
