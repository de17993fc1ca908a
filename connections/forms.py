from django import forms
from django.conf import settings
from django.core.files.base import File
from django.core.validators import RegexValidator
from django.template.defaultfilters import filesizeformat

from connections.providers.apple_health import NotAnExport
from connections.providers.apple_health.archive import HEAD_BYTES, refuse_other_files

TOKEN_LENGTH = 200
TOKEN_SPELLING = RegexValidator(
    r"^[!-~]+\Z",
    "A token holds no spaces, quotes or accents. Copy it again from Oura's page.",
)


class AppleHealthForm(forms.Form):
    file = forms.FileField(
        label="Apple Health export",
        help_text="The export.zip from the Health app, or the export.xml inside it.",
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,.xml"}),
    )

    def clean_file(self) -> File[bytes]:
        upload: File[bytes] = self.cleaned_data["file"]
        if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
            most = filesizeformat(settings.UPLOAD_MAX_BYTES)
            raise forms.ValidationError(
                f"This file is larger than {most}. Is it the Health export?"
            )
        try:
            refuse_other_files(upload.read(HEAD_BYTES))
        except NotAnExport as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        upload.seek(0)
        return upload


class OuraTokenForm(forms.Form):
    token = forms.CharField(
        label="Oura access token",
        max_length=TOKEN_LENGTH,
        validators=[TOKEN_SPELLING],
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
