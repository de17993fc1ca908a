"""The shapes of the account calls; what is allowed is told by the models and by the forms."""

from typing import Any

from allauth.mfa.adapter import get_adapter as get_second_factor
from django.utils import timezone
from rest_framework import serializers

from accounts.models import Ftp, User
from accounts.problems import Problem, of_form
from accounts.sessions import Place
from accounts.settings_form import MAILS, READING, SettingsForm

Fields = serializers.Serializer[Any]
PASSWORD_MOST = 1000


class Text(serializers.CharField):
    """A string and nothing that could be taken for one: 0 is no password."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class Password(Text):
    def __init__(self, **options: Any) -> None:
        style = {"input_type": "password"}
        super().__init__(
            trim_whitespace=False, max_length=PASSWORD_MOST, write_only=True, style=style, **options
        )


class Registration(Fields):
    email = serializers.EmailField(max_length=254)
    password = Password()
    timezone = Text(max_length=64, help_text="Such as `Europe/Paris`.")
    invitation = Text(
        required=False, allow_blank=True, max_length=500, help_text="From the link of the mail."
    )
    health_consent = serializers.BooleanField(
        default=False, help_text="Whether health data may be read, and a model asked about it."
    )


class SignIn(Fields):
    email = Text(max_length=254)
    password = Password()
    code = Text(
        required=False,
        allow_blank=True,
        max_length=64,
        help_text="Of the app or a recovery code, where a second factor is set up.",
    )


class RefreshToken(Fields):
    refresh = Text()


class Address(Fields):
    email = serializers.EmailField(max_length=254)


class NewAddress(Address):
    password = Password()


class NewPassword(Fields):
    old_password = Password()
    new_password = Password()


class Tokens(Fields):
    access = serializers.CharField(help_text="For `Authorization: Bearer …`, for 15 minutes.")
    refresh = serializers.CharField(help_text="Good for one `POST /api/auth/refresh`.")


class Told(Fields):
    detail = serializers.CharField()


class CodeProblem(Problem):
    """`code_required` is true where the password was right and a code is missing or wrong."""

    code_required = serializers.BooleanField(required=False)


class Sex(serializers.ChoiceField):
    """Null where it is not known, as every number is."""

    def __init__(self, **options: Any) -> None:
        options["allow_null"] = True
        super().__init__(choices=User.Sex.choices, **options)

    def to_representation(self, value: str) -> Any:
        return value or None


class Profile(serializers.ModelSerializer[User]):
    sex = Sex()
    ftp_w = serializers.SerializerMethodField(
        help_text="The functional threshold power of today; null when it is not known."
    )
    is_admin = serializers.BooleanField(source="is_staff")
    has_second_factor = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            *("id", "email", "timezone", "send_time", *READING, *MAILS),
            *("sex", "birth_year", "hr_max_bpm", "lthr_bpm", "has_reds", "ftp_w"),
            *("is_admin", "has_second_factor", "health_consent_at"),
        )
        read_only_fields = fields

    def get_ftp_w(self, user: User) -> int | None:
        ftp = user.ftps.valid_on(user.local_date(timezone.now()))
        return ftp.power_w if ftp else None

    def get_has_second_factor(self, user: User) -> bool:
        return bool(get_second_factor().is_mfa_enabled(user))


class NewAccount(Tokens):
    user = Profile()


class ProfileChange(serializers.ModelSerializer[User]):
    sex = Sex(required=False)
    ftp_w = serializers.IntegerField(
        required=False,
        allow_null=True,
        validators=Ftp._meta.get_field("power_w").validators,
        help_text="From today; rides ridden before keep theirs. null changes nothing.",
    )
    health_consent = serializers.BooleanField(
        required=False, help_text="Gives the consent to read health data, or withdraws it."
    )

    class Meta:
        model = User
        fields = (*SettingsForm.Meta.fields, "ftp_w", "health_consent")

    def update(self, user: User, changes: dict[str, Any]) -> User:
        """Through the form of the page: one place for what may be kept, and how."""
        fields = SettingsForm(instance=user).fields.items()
        unsaved = SettingsForm(instance=user)
        kept = {name: unsaved.get_initial_for_field(field, name) for name, field in fields}
        told = {name: value for name, value in changes.items() if name != "ftp_w" or value}
        form = SettingsForm({**kept, **told}, instance=user)
        if not form.is_valid():
            raise of_form(form)
        return form.save()


class Session(Fields):
    id = serializers.CharField(source="key")
    kind = serializers.ChoiceField(["browser", "program"])
    device = serializers.CharField()
    address = serializers.IPAddressField(allow_null=True)
    created_at = serializers.DateTimeField(source="since_at")
    last_used_at = serializers.DateTimeField()
    is_current = serializers.SerializerMethodField()

    def get_is_current(self, place: Place) -> bool:
        return place.is_this or place.key == self.context["this_program"]
