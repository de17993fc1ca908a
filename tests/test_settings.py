import ast
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

pytestmark = pytest.mark.embedded

ROOT = Path(settings.BASE_DIR)


def variables_read() -> set[str]:
    """The names settings.py asks the environment for."""
    tree = ast.parse((ROOT / "lanterne" / "settings.py").read_text())
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[0] == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def variables_of_sources() -> set[str]:
    """What settings.py asks for each of the sources, by the beginning of their names."""
    source = (ROOT / "lanterne" / "settings.py").read_text()
    prefixes = re.findall(r'_source\(\s*"([A-Z]+)"', source)
    parts = re.findall(r'f"\{prefix\}(_[A-Z_]+)"', source)
    return {prefix + part for prefix in prefixes for part in parts}


def test_env_example_explains_every_variable() -> None:
    example = (ROOT / ".env.example").read_text()
    explained = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))

    assert variables_read() | variables_of_sources() == explained


def settings_with(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in variables_read()}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_start_without_a_secret_key_is_refused() -> None:
    result = settings_with(DEBUG="0")

    assert result.returncode == 1
    assert "Set the SECRET_KEY environment variable" in result.stderr


def test_sandbox_without_debug_is_refused() -> None:
    result = settings_with(
        DEBUG="0",
        SANDBOX="1",
        SECRET_KEY="x" * 60,
        FIELD_ENCRYPTION_KEYS=settings.FIELD_ENCRYPTION_KEYS[0],
    )

    assert result.returncode == 1
    assert "lanterne.E001" in result.stderr


@pytest.mark.parametrize("keys", ["", "too-short"])
def test_an_encryption_key_that_is_none_is_refused(keys: str) -> None:
    result = settings_with(DEBUG="0", SECRET_KEY="x" * 60, FIELD_ENCRYPTION_KEYS=keys)

    assert result.returncode == 1
    assert "lanterne.E002" in result.stderr


def test_zone_rules_come_from_the_pinned_package() -> None:
    """British Columbia keeps summer time from 2026 on; older zone files say otherwise."""
    winter = datetime(2026, 12, 15, 12, tzinfo=ZoneInfo("America/Vancouver"))

    assert winter.utcoffset() == timedelta(hours=-7)


def test_env_file_of_the_developer_is_out_of_the_tests_reach() -> None:
    """It can name real services; the tests start servers and send questions."""
    assert os.environ["ENV_FILE"] == os.devnull


def test_env_file_can_be_another(tmp_path: Path) -> None:
    (tmp_path / "other.env").write_text("DEBUG=1\nSANDBOX=0\nPORT=8999\n")
    environment = {
        name: value for name, value in os.environ.items() if name not in variables_read()
    }

    told = subprocess.run(
        [sys.executable, "-c", "from lanterne import settings; print(settings.SITE_URL)"],
        cwd=ROOT,
        env={**environment, "ENV_FILE": str(tmp_path / "other.env")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout == "http://127.0.0.1:8999\n"
