"""Secrets kept encrypted in the database, so that a dump of it opens nothing.

What encrypts with this has to be among `lanterne.stored_secrets.places()`, or a rotation misses it.
"""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class WrongEncryptionKey(RuntimeError):
    """No configured key opens a stored value: an old key was removed before a rotation."""


def encrypt(text: str) -> str:
    """With the first of FIELD_ENCRYPTION_KEYS."""
    return fernet().encrypt(text.encode()).decode()


def decrypt(secret: str) -> str:
    """With any of FIELD_ENCRYPTION_KEYS; raises WrongEncryptionKey when none of them fits."""
    try:
        return fernet().decrypt(secret.encode()).decode()
    except InvalidToken as error:
        raise WrongEncryptionKey(
            "A stored token cannot be opened with FIELD_ENCRYPTION_KEYS. "
            "Put the key it was written with back, behind the newest one."
        ) from error


def is_newest(secret: str) -> bool:
    """Whether the first of FIELD_ENCRYPTION_KEYS alone opens it, so that no other is needed."""
    try:
        _fernet((settings.FIELD_ENCRYPTION_KEYS[0],)).decrypt(secret.encode())
    except InvalidToken:
        return False
    return True


def renew(secret: str) -> str:
    """The same secret under the first key; raises WrongEncryptionKey."""
    return encrypt(decrypt(secret))


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS))
