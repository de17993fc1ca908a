import pytest

from accounts import belongings
from accounts.models import User
from notifications.models import Notification

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("kept", [PNG, memoryview(PNG)], ids=["SQLite", "PostgreSQL"])
def test_picture_is_told_in_letters(kept: bytes) -> None:
    row = Notification(user=User(pk=1), kind="brief", text="Ease off.", picture=kept)

    told = belongings.as_told(row)

    assert (told["picture"], told["text"]) == ("iVBORw0KGgo=", "Ease off.")
    assert belongings.as_told(Notification(kind="brief"))["picture"] is None
