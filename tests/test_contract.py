"""What every playbook owes, and who may import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from building import estate, item, nic, subnet, vm

from azremedy import playbook
from azremedy.plan import FixClass
from azremedy.playbook import Playbook
from azremedy.resources import Read, rights

ROOT = Path(__file__).parents[1]
PLAYBOOKS = playbook.load()

LAYERS = (
    {"addressing", "arm", "ci", "derived", "errors", "paging"},
    {
        "resources",
        "estate",
        "network",
        "egress",
        "limits",
        "parts",
        "points",
        "schedule",
        "selection",
        "suppression",
        "symptoms",
        "catalogue",
        "causes",
        "facts",
        "wording",
        "addresses",
        "agent",
        "guest",
    },
    {"playbook", "plan", "lifting", "baseline", "waves"},
    {"playbooks"},
    {
        "collect",
        "scan",
        "saved",
        "masking",
        "planning",
        "planfile",
        "apply",
        "journal",
        "verify",
        "explanation",
        "verdicts",
    },
    {"azure", "change", "report", "sandbox"},
    {
        "session",
        "fleet",
        "effort",
        "checkpoint",
        "question",
        "cluster",
        "asking",
        "checking",
        "logs",
        "roles",
        "doctor",
        "watch",
        "cli",
        "__main__",
        "__init__",
    },
)
"""From low to high; a module imports from layers below its own, and in its own as `MAY_MEET` says."""

MAY_MEET = (0, 1, 2, 6)
"""Layers whose modules may import one another: words, model, contract, top. Work and edges never do."""

STANDARD_FOR_PLAYBOOKS = {
    "__future__",
    "collections.abc",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "itertools",
    "math",
    "re",
    "typing",
}
AZURE = re.compile(r"^(azure|msal|requests|urllib3?|http|socket|ssl|aiohttp|msgspec)(\.|$)")


def modules() -> Iterator[tuple[str, str, Path]]:
    """Every module of the package: its place below `azremedy`, the word that has a layer, and its file."""
    for path in sorted((ROOT / "azremedy").rglob("*.py")):
        parts = path.relative_to(ROOT / "azremedy").with_suffix("").parts
        yield ".".join(parts), parts[0], path
    for path in sorted((ROOT / "playbooks").glob("*.py")):
        yield f"playbooks.{path.stem}", "playbooks", path


MODULES = list(modules())


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "azremedy":
                yield from (f"azremedy.{alias.name}" for alias in node.names)
            else:
                yield node.module


def layer(word: str) -> int:
    return next(number for number, words in enumerate(LAYERS) if word in words)


@pytest.mark.parametrize(("name", "word", "path"), MODULES, ids=[name for name, _, _ in MODULES])
def test_imports_only_what_is_below(name: str, word: str, path: Path) -> None:
    own = layer(word)
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top != "azremedy" or not rest:
            continue
        other = rest.partition(".")[0]
        if other in {"__version__", word}:
            continue
        below = layer(other) < own
        assert below or (layer(other) == own and own in MAY_MEET), f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "word", "path"), MODULES, ids=[name for name, _, _ in MODULES])
def test_only_the_edges_know_the_network(name: str, word: str, path: Path) -> None:
    if word in {"azure", "sandbox", "cli", "session", "report", "saved", "checkpoint", "watch"}:
        return
    assert [found for found in imports(path) if AZURE.match(found)] == [], name


@pytest.mark.parametrize(
    "path",
    sorted(set((ROOT / "playbooks").glob("*.py")) - {ROOT / "playbooks" / "__init__.py"}),
    ids=lambda path: path.stem,
)
def test_a_playbook_cannot_reach_anything_but_the_model(path: Path) -> None:
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top == "azremedy":
            assert layer(rest.partition(".")[0]) <= layer("playbook"), imported
            assert "Reader" not in path.read_text(encoding="utf-8")
        else:
            assert imported in STANDARD_FOR_PLAYBOOKS, imported


def test_every_module_of_the_folder_is_listed_and_every_listed_one_is_there() -> None:
    in_folder = {path.stem.replace("_", "-") for path in (ROOT / "playbooks").glob("[!_]*.py")}

    assert set(PLAYBOOKS) == in_folder


@pytest.mark.parametrize("one", PLAYBOOKS.values(), ids=list(PLAYBOOKS))
class TestEveryPlaybook:
    def test_has_a_card_that_can_be_read(self, one: Playbook[Any]) -> None:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.id)
        assert one.title[0].isupper()
        assert not one.title.endswith(".")
        assert one.remedy[0].isupper()
        assert one.remedy.endswith(".")
        assert one.fix_class in FixClass
        assert one.causes or one.id == "unprotected-vm"
        assert all(re.fullmatch(r"C\d+[a-z]?", cause) for cause in one.causes)

    def test_says_why_and_from_where(self, one: Playbook[Any]) -> None:
        assert len(one.about.split()) > 40
        assert "Sources:" in one.about

    def test_declares_what_it_reads_and_the_rights_for_it(self, one: Playbook[Any]) -> None:
        assert one.needs <= frozenset(Read)
        assert one.needs & {Read.ITEMS, Read.VMS}
        reads = one.permissions - (rights(frozenset({Read.GUEST})) if one.inside else frozenset())
        assert all(re.fullmatch(r"Microsoft\.\w+/[\w/]+/read", right) for right in reads)
        assert one.permissions <= one.plan_permissions
        assert all(
            re.fullmatch(r"Microsoft\.\w+/[\w/]+/(write|delete|action)", right) for right in one.writes
        )

    def test_has_a_test_file_that_names_healthy_cases(self, one: Playbook[Any]) -> None:
        tests = ROOT / "tests" / f"test_{one.id.replace('-', '_')}.py"
        assert "stays_silent" in tests.read_text(encoding="utf-8")

    def test_finds_nothing_in_an_empty_and_in_a_healthy_estate(self, one: Playbook[Any]) -> None:
        assert list(one.detect(estate())) == []
        assert list(one.detect(estate(vm(), item(), nic(), subnet()))) == []


def test_modules_keep_their_length() -> None:
    long = {
        name: lines
        for name, _, path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > (200 if path.parent.name == "playbooks" else 400)
    }

    assert long == {}
