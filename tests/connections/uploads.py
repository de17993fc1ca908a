"""Uploads of Apple Health, as their rows and as files that a browser sends."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from connections.models import AppleHealthUpload


def export(content: bytes = b"<HealthData/>", name: str = "export.xml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def upload(user: User, **fields: Any) -> AppleHealthUpload:
    values = {"file_name": "export.zip", "stored_name": "x.upload", "size_bytes": 10, **fields}
    return AppleHealthUpload.objects.create(user=user, **values)
