"""The formats: they say the same, and nothing from Azure gets through them as more than text."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from azremedy.errors import AzremedyError
from azremedy.report import OUTPUTS, render
from azremedy.report.plain import plain, plain_json, visible
from azremedy.report.query import compiled

HOSTILE = [
    pytest.param("\x1b[31mred\x1b[0m", id="colours"),
    pytest.param("\x1b]8;;http://evil\x07link\x1b]8;;\x07", id="a link"),
    pytest.param("\x9b2J", id="an escape of one character"),
    pytest.param("one\r\ntwo\ttabbed", id="line breaks"),
    pytest.param("a\u202egnp.exe", id="text that runs backwards"),
    pytest.param("a\u2066b\u2069\u200b\ufeff", id="marks that do not show"),
    pytest.param("a\u2028b\u2029c\x85d", id="line breaks of Unicode"),
    pytest.param("\ud800", id="half a character"),
    pytest.param("\U000e0041", id="a tag character"),
    pytest.param("[red]markup[/red] :smile:", id="markup"),
    pytest.param("nul\0l", id="a zero"),
]
TEXTS = ("table", "json", "jsonl", "yaml", "tsv", "csv")


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("form", TEXTS)
def test_nothing_that_a_terminal_obeys_comes_through(form: str, hostile: str) -> None:
    written = render(form, [{"name": hostile, "other": "x"}])

    assert all(visible(char) for char in written if char not in "\n\t")
    assert written.count("\t") == (form == "tsv")
    assert "markup" not in hostile or "[red]markup[/red] :smile:" in written
    written.encode()


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
def test_a_hostile_name_stays_on_its_line(form: str, hostile: str) -> None:
    written = render(form, [{"name": hostile}, {"name": "second"}])

    assert written.count("\n") == (3 if form == "csv" else 2)


tree = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(tree)
def test_json_says_what_was_given_in_visible_characters(data: Any) -> None:
    written = render("json", data)

    assert json.loads(written) == data
    assert all(visible(char) for char in written if char != "\n")


@given(st.lists(tree))
def test_json_lines_say_what_was_given_one_a_line(data: list[Any]) -> None:
    written = render("jsonl", data)

    assert [json.loads(line) for line in written.split("\n")[:-1]] == data


@given(tree)
def test_yaml_says_what_was_given_in_visible_characters(data: Any) -> None:
    written = render("yaml", data)

    assert yaml.safe_load(written) == data
    assert all(visible(char) for char in written if char != "\n")


def test_yaml_has_no_anchors_and_keeps_the_order() -> None:
    same = ["x"]

    assert render("yaml", {"b": same, "a": same}) == "b:\n- x\na:\n- x\n"


@given(st.text())
def test_plain_text_is_visible_and_leaves_visible_text_alone(text: str) -> None:
    shown = plain(text)

    assert all(visible(char) for char in shown)
    assert shown == text or not all(visible(char) for char in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sql1", "sql1"),
        ("Größe 中文", "Größe 中文"),
        ("a\xa0b", "a\xa0b"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\u202e", r"\u202e"),
        ("\U000e0041", r"\U000e0041"),
        (None, "None"),
    ],
)
def test_plain_shows(text: object, shown: str) -> None:
    assert plain(text) == shown


def test_plain_json_escapes_with_surrogates_beyond_the_first_plane() -> None:
    assert plain_json('"\U000e0041"') == '"\\udb40\\udc41"'


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_csv_defuses_a_formula(start: str) -> None:
    written = render("csv", [{"name": f"{start}cmd()"}])

    assert list(csv.reader(io.StringIO(written))) == [["name"], [f"'{start}cmd()"]]


def test_csv_has_a_header_and_leaves_numbers_alone() -> None:
    written = render("csv", [{"a": -1, "b": "x, y"}, {"b": "z", "c": {"d": [1]}}])

    assert list(csv.reader(io.StringIO(written))) == [
        ["a", "b", "c"],
        ["-1", "x, y", ""],
        ["", "z", '{"d": [1]}'],
    ]


def test_csv_of_nothing_is_nothing() -> None:
    assert render("csv", []) == ""


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ([{"b": "x", "a": 1}, {"b": "y", "a": 2}], "x\t1\ny\t2\n"),
        ([["a", 1, None]], "a\t1\tNone\n"),
        ([{"a": [1, 2, 3], "b": {"c": 1}, "d": "e"}], "3\t\te\n"),
        (True, "true\n"),
        ([False], "false\n"),
        ("one", "one\n"),
        ([], ""),
    ],
)
def test_tsv_is_written_as_az_writes_it(data: Any, written: str) -> None:
    assert render("tsv", data) == written


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ([{"name": "sql1", "size": 3, "deep": {"x": 1}, "id": "/x"}], [["Name", "Size"], ["sql1", "3"]]),
        (["a", "b"], [["Result"], ["a"], ["b"]]),
        ([["a", 1]], [["Column1", "Column2"], ["a", "1"]]),
        (7, [["Result"], ["7"]]),
        (None, []),
        ([], []),
    ],
)
def test_a_table_of_plain_data_is_shown_as_az_shows_it(data: Any, shown: list[list[str]]) -> None:
    lines = [line.split() for line in render("table", data).splitlines() if not line.startswith("─")]

    assert lines == shown


def test_none_writes_nothing_and_every_output_is_written() -> None:
    assert {form: bool(render(form, [{"a": 1}])) for form in OUTPUTS} == {
        **dict.fromkeys(TEXTS, True),
        "none": False,
    }


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("", "--query: the expression is empty."),
        ("findings[.x", "--query: unexpected '.' at character 10 in 'findings[.x'."),
        ("findings[", "--query: the expression ends too early in 'findings['."),
        ("a ~ b", "--query: unexpected '~' at character 3 in 'a ~ b'."),
        ("a b", "--query: unexpected 'b' at character 3 in 'a b'."),
    ],
)
def test_a_wrong_query_is_refused_with_its_place(expression: str, sentence: str) -> None:
    with pytest.raises(AzremedyError) as refused:
        compiled(expression)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("expression", ["nothing(@)", "length(`1`)", "length()"])
def test_a_query_that_fails_on_the_data_is_refused_in_one_sentence(expression: str) -> None:
    with pytest.raises(AzremedyError, match=r"^--query: [^\n]+$"):
        compiled(expression)({})


def test_a_query_searches() -> None:
    assert compiled("findings[?severity=='info'].vm")({"findings": [{"severity": "info", "vm": "x"}]}) == [
        "x"
    ]
