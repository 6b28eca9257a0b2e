"""The catalogue of causes: whole, well formed, and told where it comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from azremedy.catalogue import EXTENSION_RESULTS, SYMPTOMS
from azremedy.causes import Cause, causes, covers, parts, unfolded

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
ALL = causes()


def test_every_cause_of_the_documents_is_there_in_the_order_of_its_number() -> None:
    numbers = ["C1", "C1w", "C2", "C3", "C4", "C4a", "C4b", "C4c", *(f"C{one}" for one in range(5, 21))]
    parts_of_20 = [f"C20{letter}" for letter in "abcdefg"]

    assert list(ALL) == [*numbers, *parts_of_20, *(f"C{one}" for one in range(21, 27))]


@pytest.mark.parametrize("one", ALL.values(), ids=list(ALL))
class TestEveryCause:
    def test_says_what_it_is_and_where_that_stands(self, one: Cause) -> None:
        assert one.title
        assert not one.title.endswith(".")
        assert one.means.endswith(".")
        assert one.now.endswith(".")
        assert one.os in {"", "windows", "linux"}
        assert one.sources

    def test_says_what_would_tell_and_what_a_person_does_unless_its_parts_do(self, one: Cause) -> None:
        whole = parts(one.id) == (one.id,)

        assert bool(one.tells) is whole
        assert bool(one.by_hand) is whole
        assert all(line.endswith((".", ")")) for line in one.by_hand)

    def test_names_sources_that_are_explained(self, one: Cause) -> None:
        for tag in one.sources:
            assert re.search(rf"\b{tag}\b", SOURCES), tag

    def test_is_one_line_a_text(self, one: Cause) -> None:
        texts = (one.title, one.means, one.now, one.in_2018, one.tells, *one.by_hand)

        assert not any("\n" in text or "  " in text for text in texts)


@pytest.mark.parametrize("id_", ["C1", "C2", "C3", "C4a", "C4b", "C4c", "C5", "C6", "C7"])
def test_a_cause_of_the_origin_says_what_it_advised(id_: str) -> None:
    assert ALL[id_].in_2018
    assert "SEED" in ALL[id_].sources


def test_every_cause_that_a_code_lists_is_known() -> None:
    assert {cause for symptom in SYMPTOMS for cause in symptom.causes} <= set(ALL)


def test_a_cause_with_parts_stands_for_them_in_their_order() -> None:
    assert parts("C4") == ("C4a", "C4b", "C4c")
    assert parts("C1") == ("C1",)
    assert list(unfolded(("C2", "C4", "C1w"))) == ["C2", "C4a", "C4b", "C4c", "C1w"]


def test_a_card_that_names_the_whole_covers_the_part_and_not_the_other_way_round() -> None:
    assert covers(("C4",), "C4a")
    assert covers(("C4b",), "C4b")
    assert not covers(("C4b",), "C4")
    assert not covers(("C1",), "C1w")


def test_every_code_and_number_says_what_it_means_and_whose_word_that_is() -> None:
    for symptom in SYMPTOMS:
        assert symptom.means.endswith("."), symptom.code
        assert symptom.causes or symptom.by_hand, symptom.code
        for tag in symptom.sources:
            assert re.search(rf"\b{tag}\b", SOURCES), f"{symptom.code} names {tag}"
    for result in EXTENSION_RESULTS:
        assert result.means.endswith("."), result.number
        assert bool(result.symptom) is not bool(result.by_hand), result.number
