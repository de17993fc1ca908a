"""What testers set of themselves, in sections: rider, mornings, how they read, mails."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone

from accounts.formats import Reader
from accounts.forms import TimezoneField
from accounts.models import Ftp, User

READING = ("units", "clock", "date_order", "first_weekday")
MAILS = ("wants_briefs", "wants_wrap_ups", "wants_connection_mails")
LEAST_FTP_W, MOST_FTP_W = 40, 600


@dataclass(frozen=True, slots=True)
class Section:
    slug: str
    title: str
    fields: tuple[str, ...]
    hint: str = ""


SECTIONS = (
    Section(
        "rider",
        "You as a rider",
        ("ftp_w", "hr_max_bpm", "lthr_bpm", "birth_year", "sex", "has_reds"),
    ),
    Section("mornings", "Your mornings", ("timezone", "send_time")),
    Section("reading", "How you read", READING, "On every page and in every mail."),
    Section(
        "mails",
        "Mails you want",
        MAILS,
        "Mails about your account itself always come.",
    ),
)


def _within(least: int, most: int, unit: str) -> dict[str, str]:
    words = f"Give a whole number from {least} to {most} {unit}, or leave it empty."
    return dict.fromkeys(("min_value", "max_value", "invalid"), words)


class SettingsForm(forms.ModelForm[User]):
    timezone = TimezoneField(
        help_text="Your days and dates follow it; a mission's mornings follow the mission's own."
    )
    ftp_w = forms.IntegerField(
        label="FTP (W), from today",
        required=False,
        min_value=LEAST_FTP_W,
        max_value=MOST_FTP_W,
        help_text="Leave it empty if you do not know it: the coach then prescribes by feel.",
        error_messages=_within(LEAST_FTP_W, MOST_FTP_W, "W"),
    )

    class Meta:
        model = User
        fields = (
            *("timezone", "send_time", *READING, *MAILS),
            *("sex", "birth_year", "hr_max_bpm", "lthr_bpm", "has_reds"),
        )
        labels = {
            "send_time": "Your brief comes at",
            "units": "Distances in",
            "clock": "Times as",
            "date_order": "Dates as",
            "sex": "Sex (for heart-rate load)",
        }
        help_texts = {"send_time": "New missions begin with it; each mission can have its own."}
        widgets = {"send_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M")}
        error_messages = {
            "send_time": {
                "required": "Give the time at which your brief is to come.",
                "invalid": "Write the time as hours and minutes, such as 06:00.",
            },
            "hr_max_bpm": _within(120, 230, "bpm"),
            "lthr_bpm": _within(90, 220, "bpm"),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["sex"].choices = [("", "unknown"), *User.Sex.choices]  # type: ignore[attr-defined]
        ftp = Ftp.objects.filter(user=self.instance).valid_on(self._today())
        self.fields["ftp_w"].initial = ftp.power_w if ftp else None

    def sections(self) -> Iterator[tuple[Section, list[forms.BoundField]]]:
        """Every field once, below the heading it is looked for under."""
        for section in SECTIONS:
            yield section, [self[name] for name in section.fields]

    def clean_ftp_w(self) -> int | None:
        power_w: int | None = self.cleaned_data["ftp_w"]
        known = self.fields["ftp_w"].initial
        if power_w is None and known:
            raise forms.ValidationError(
                f"Your FTP stays {known} W until you tell another. Type that, or put {known} back."
            )
        return power_w

    def save(self, commit: bool = True) -> User:
        user = super().save(commit=False)
        if commit:
            # The row may be older than a consent that was withdrawn meanwhile.
            user.save(update_fields=self.Meta.fields)
        power_w = self.cleaned_data["ftp_w"]
        if power_w and "ftp_w" in self.changed_data:
            Ftp.objects.update_or_create(
                user=user,
                effective_date=self._today(),
                defaults={"power_w": power_w, "source": Ftp.Source.TESTER},
            )
        return user

    def _today(self) -> date:
        return self.instance.local_date(timezone.now())


class ReadingForm(forms.ModelForm[User]):
    """How the example is to be written, before any of it is saved."""

    class Meta:
        model = User
        fields = READING


def reader_in(chosen: Mapping[str, Any], user: User) -> Reader:
    """Of what is chosen on the page; where that cannot be read, as it is saved."""
    form = ReadingForm(chosen)
    return Reader(**form.cleaned_data) if form.is_valid() else Reader.of(user)
