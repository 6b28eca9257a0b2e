"""The page that says what of the origin document is covered says what is so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from coverage_page import (
    ADVICE,
    ALONE,
    ASKED,
    CARDS,
    CURED,
    CURED_INSIDE,
    DEMO_TOLD,
    DIAGNOSED,
    EXPLAINED,
    FROM_INSIDE,
    NOTE,
    UNDER,
    UNSEEN,
    Advice,
    cured_inside,
    inside,
    named,
    on_windows,
    page,
    planted,
    shown,
    staged,
    told,
)
from scenes import SCENES, TOLD
from test_diagnose_guest import PLANTED
from test_guest_cures import CASES

from azremedy.catalogue import Symptom
from azremedy.catalogue.origin import ORIGIN
from azremedy.causes import causes, unfolded
from azremedy.plan import FixClass
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


PAIRS = [
    (symptom, cause)
    for symptom in ORIGIN
    for edition in symptom.editions
    if edition.name == "2018-01"
    for cause in unfolded(edition.causes)
]


def test_each_cause_under_a_message_names_who_shows_it_there_or_none() -> None:
    written = PAGE.read_text(encoding="utf-8").split("## Causes and solutions")[0]
    rows = [line for line in written.splitlines() if line.startswith("| [C")]
    said = [", ".join(shown(*pair)) or "`none`" for pair in PAIRS]

    assert [row.rsplit(" | ", 1)[1].removesuffix(" |") for row in rows] == said
    assert [one[1] for one, names in zip(PAIRS, said, strict=True) if names == "`none`"] == ["C1"]


@pytest.mark.parametrize("symptom", ORIGIN, ids=lambda one: one.code)
def test_every_message_is_failed_with_by_a_vm_whose_cause_is_named(symptom: Symptom) -> None:
    assert any(shown(symptom, cause) for about, cause in PAIRS if about is symptom)


def test_a_cure_by_a_script_for_windows_says_that_it_was_not_run_there() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count(" | ") == 5]
    said = {id_ for id_ in CARDS for row in rows if f"{CARDS[id_].remedy} ({UNSEEN})" in row}

    assert said == named() & on_windows()
    assert {"provider-service", "sql-vss", "agent-service", "vmsnapshot-extension", "disk-size"} <= said


def test_every_playbook_named_is_one() -> None:
    for one in (*ADVICE, NOTE):
        assert set(one.playbooks) <= set(load()), one.text


ROWS = [pytest.param(one, id=one.text[:40]) for one in (*ADVICE, NOTE)]
NAMED = [EXPLAINED, DIAGNOSED, DEMO_TOLD, UNDER, ALONE, CURED, FROM_INSIDE, CURED_INSIDE, ASKED]


@pytest.mark.parametrize("test", [*NAMED, *(test for one in ADVICE for test in one.tests)])
def test_every_test_named_is_there(test: str) -> None:
    file, *_, function = test.split("::")

    assert function in functions(file)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_tests_and_each_cure_in_it_one_that_ends_with_a_backup(row: Advice) -> None:
    assert bool(row.playbooks) is not bool(row.tests)
    for id_ in row.playbooks:
        assert planted(id_) or inside(id_) or told(id_), f"nobody diagnoses {id_}"
        if CARDS[id_].fix_class is not FixClass.MANUAL:
            assert staged(id_) or cured_inside(id_), f"nobody cures {id_} up to a backup"


def test_each_cause_that_the_document_lists_is_diagnosed_alone_somewhere() -> None:
    """A cause of the origin's messages is planted, and is the cause: from outside in a scene, or from inside."""
    listed = {one.cause for one in ADVICE if any(CARDS[id_].causes for id_ in one.playbooks)}
    alone = {cause for one in (*SCENES, *TOLD) for cause in one.causes}
    within = {one.values[1] for one in PLANTED} | {one.cause for one in CASES.values()}

    assert listed - alone - within == set()


def test_every_playbook_named_has_its_test_file_and_is_planted() -> None:
    for id_ in named() & set(CARDS):
        assert functions(f"test_{id_.replace('-', '_')}.py")
        assert planted(id_) or inside(id_), id_


def test_every_link_to_a_cause_leads_to_its_heading() -> None:
    headings = (PAGE.parent / "symptoms.md").read_text(encoding="utf-8").lower()
    for anchor in re.findall(r"symptoms\.md#(\w+)", PAGE.read_text(encoding="utf-8")):
        assert f"### {anchor}\n" in headings
