"""Signing in with the one address that is an account's."""

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import User


class ByAddress(AuthenticationBackend):  # type: ignore[misc]
    """The library also takes an address that waits to be confirmed, which may be a stranger's."""

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        user = User.objects.filter(email=User.objects.normalize_email(email)).first()
        found: User | None = self._check_password(user, password)
        return found
