from typing import Any

from django import forms
from django.conf import settings
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.template.defaultfilters import filesizeformat

from connections.incoming import is_whole
from connections.providers.apple_health import NotAnExport
from connections.providers.apple_health.archive import HEAD_BYTES, refuse_other_files
from connections.sources import has_consent_page, label_of

TOKEN_LENGTH = 200
TOKEN_SPELLING = RegexValidator(
    r"^[!-~]+\Z",
    "A token holds no spaces, quotes or accents. Copy it again from the page that made it.",
)


def too_large() -> str:
    most = filesizeformat(settings.UPLOAD_MAX_BYTES)
    return f"This file is larger than {most}. Is it the Health export?"


class AppleHealthForm(forms.Form):
    file = forms.FileField(
        label="Apple Health export",
        help_text="The export.zip from the Health app, or the export.xml inside it.",
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,.xml"}),
    )

    def clean_file(self) -> File[bytes]:
        upload: File[bytes] = self.cleaned_data["file"]
        if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(too_large())
        if not is_whole(upload):  # our disk is full, which says nothing of the file
            return upload
        try:
            refuse_other_files(upload.read(HEAD_BYTES))
        except NotAnExport as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        upload.seek(0)
        return upload


class TokenForm(forms.Form):
    """For a token made at one source; its field is named for it, as there may be several forms."""

    token = forms.CharField(
        max_length=TOKEN_LENGTH,
        validators=[TOKEN_SPELLING],
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, source: str) -> None:
        super().__init__(data, auto_id=f"id_{source}_%s")
        self.source = source
        self.source_label = label_of(source)
        self.has_button = has_consent_page(source)
        self.fields["token"].label = f"{self.source_label} access token"


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class SeveralFilesField(forms.FileField):
    """All files of one input, in their order; one that is empty is told by whoever reads it."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(SeveralFilesField, self).clean(file, initial) for file in files or [None]]


class RideFilesForm(forms.Form):
    file = SeveralFilesField(
        label="Ride files",
        allow_empty_file=True,
        widget=SeveralFilesInput(attrs={"accept": ".fit,.tcx,.gpx,.gz"}),
        error_messages={"required": "Choose at least one FIT, TCX or GPX file."},
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        megabytes = settings.RIDE_FILE_MAX_BYTES // 1_000_000
        self.fields["file"].help_text = (
            f"FIT, TCX or GPX, up to {settings.RIDE_FILES_AT_ONCE} at once and "
            f"{megabytes} MB each. "
            "Files packed with gzip (.gz) are fine."
        )

    def clean_file(self) -> list[UploadedFile[bytes]]:
        files: list[UploadedFile[bytes]] = self.cleaned_data["file"]
        most = settings.RIDE_FILES_AT_ONCE
        if len(files) > most:
            raise forms.ValidationError(
                f"These are more than {most} files. Send {most} of them, then the others."
            )
        return files
