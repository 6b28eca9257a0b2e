"""The page that says what of the origin document is covered says what is so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from coverage_page import (
    ADVICE,
    CARDS,
    CURED,
    CURED_INSIDE,
    DIAGNOSED,
    EXPLAINED,
    NOTE,
    inside,
    named,
    page,
    planted,
)

from azremedy.catalogue.origin import ORIGIN
from azremedy.causes import causes, unfolded
from azremedy.playbook import load

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "coverage.md"


def functions(file: str) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_page_is_what_code_and_tests_make_of_it() -> None:
    written = PAGE.read_text(encoding="utf-8")

    assert written == page(), "write it anew: python tests/coverage_page.py > docs/coverage.md"


def test_every_cause_of_the_origin_has_its_advice() -> None:
    listed = {
        cause
        for symptom in ORIGIN
        for edition in symptom.editions
        if edition.name == "2018-01"
        for cause in unfolded(edition.causes)
    }

    assert listed == {one for one in causes() if one in listed}
    assert listed <= {one.cause for one in ADVICE}
    assert {f"C{number}" for number in (1, 2, 3, 5, 6, 7)} <= listed


def test_every_message_of_the_origin_stands_in_the_page() -> None:
    written = PAGE.read_text(encoding="utf-8")

    assert [f"### {one.spanish[0]}" in written for one in ORIGIN] == [True] * 6


def test_every_playbook_named_is_one() -> None:
    for one in (*ADVICE, NOTE):
        assert set(one.playbooks) <= set(load()), one.text


@pytest.mark.parametrize("test", [EXPLAINED, DIAGNOSED, CURED, CURED_INSIDE])
def test_every_test_named_is_there(test: str) -> None:
    file, *_, function = test.split("::")

    assert function in functions(file)


def test_every_playbook_named_has_its_test_file_and_is_planted() -> None:
    for id_ in named() & set(CARDS):
        assert functions(f"test_{id_.replace('-', '_')}.py")
        assert planted(id_) or inside(id_), id_


def test_every_link_to_a_cause_leads_to_its_heading() -> None:
    headings = (PAGE.parent / "symptoms.md").read_text(encoding="utf-8").lower()
    for anchor in re.findall(r"symptoms\.md#(\w+)", PAGE.read_text(encoding="utf-8")):
        assert f"### {anchor}\n" in headings
