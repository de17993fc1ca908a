"""The directions of docs/architecture.md, read off the code itself."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
MAY_IMPORT = {
    "lanterne": {"accounts", "connections", "missions", "coach", "notifications", "sandbox"},
    "coach": {"missions", "connections", "notifications", "accounts"},
    "missions": {"accounts"},
    "connections": {"accounts"},
    "notifications": {"accounts"},
    "accounts": set(),
    "sandbox": set(),
}
NO_SUBJECT = {"services", "utils", "helpers", "constants", "misc", "common", "managers"}
NAMES_THE_SETTINGS = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")'


@cache
def trees() -> dict[Path, ast.Module]:
    """Every module of ours, by its path from the root."""
    return {
        path.relative_to(ROOT): ast.parse(path.read_text(), filename=str(path))
        for package in MAY_IMPORT
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def line_of(path: Path, node: ast.stmt | ast.expr) -> str:
    return (ROOT / path).read_text().splitlines()[node.lineno - 1].strip()


def imports() -> Iterator[tuple[Path, ast.Import | ast.ImportFrom, str]]:
    """Each import with the modules it names; "" is the package that it stands in."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((path, node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield path, node, "" if node.level else node.module or ""


def test_apps_import_only_in_the_direction_of_the_house() -> None:
    forbidden = [
        f"{path}:{node.lineno} imports {module}"
        for path, node, module in imports()
        if (target := module.split(".")[0]) in MAY_IMPORT
        and target not in {path.parts[0], *MAY_IMPORT[path.parts[0]]}
    ]

    assert forbidden == []


def test_direction_has_no_circle() -> None:
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        free = [app for app, below in MAY_IMPORT.items() if app not in order and below <= {*order}]
        assert free, f"a circle among {set(MAY_IMPORT) - set(order)}"
        order += free


def test_every_package_has_its_place_in_the_direction() -> None:
    found = {init.parent.name for init in ROOT.glob("*/__init__.py")}

    assert found - {"tests", "bench"} == set(MAY_IMPORT)


def test_imports_name_their_package() -> None:
    assert [f"{path}:{node.lineno}" for path, node, module in imports() if module == ""] == []


def test_imports_stand_on_top_or_give_their_reason() -> None:
    """An import inside a function carries `noqa: PLC0415` and, behind it, why."""
    unexplained = [
        f"{path}:{node.lineno}"
        for path, node, _ in imports()
        if node.col_offset > 0 and not line_of(path, node).partition("PLC0415")[2].strip()
    ]

    assert unexplained == []


def test_every_module_is_named_for_a_subject() -> None:
    assert [str(path) for path in trees() if path.stem in NO_SUBJECT] == []


def test_only_one_module_talks_to_the_model() -> None:
    talking = {str(path) for path, _, module in imports() if module.split(".")[0] == "openai"}

    assert talking == {"coach/llm.py"}


def test_only_the_settings_read_the_environment() -> None:
    """Entry points may say where the settings are; nothing else looks at the environment."""
    readers = [
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.Name) and node.id in {"environ", "environb", "getenv"})
        if line_of(path, node) != NAMES_THE_SETTINGS
    ]

    assert {reader.split(":")[0] for reader in readers} == {"lanterne/settings.py"}
