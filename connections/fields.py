"""Text kept encrypted in the database, so that a dump of it holds no token."""

from typing import Any

from django.db import models

from accounts.encryption import decrypt, encrypt


class EncryptedTextField(models.TextField[str, str]):
    """Encrypts with the first of FIELD_ENCRYPTION_KEYS, decrypts with any; "" stays ""."""

    def get_prep_value(self, value: str | None) -> str | None:
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return decrypt(value) if value else value
