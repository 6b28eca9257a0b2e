"""A document read back: exactly what the schema describes is taken, and all else refused in one sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from documents import HOSTILE, VALIDATOR, document, finding, hostile, not_evaluated, unexplained, unread
from pages import full, planned

from azremedy.errors import AzremedyError
from azremedy.report import html
from azremedy.report.read import read

whole: dict[str, Any] = document(
    finding(job="/j"), unread=[unread()], notEvaluated=[not_evaluated()], unexplained=[unexplained()]
)
dry_run = planned(full("sql1"))


def steps(value: Any) -> Iterator[tuple[Any, ...]]:
    """The path of every member of a document, but of the evidence, which is the playbook's own."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield (name,)
        yield from ((name, *path) for path in steps(member))


def changed(path: tuple[Any, ...], *value: object, of: dict[str, Any] = whole) -> dict[str, Any]:
    """The document with another value at this path, or without what is there."""
    made = copy.deepcopy(of)
    held: Any = made
    for name in path[:-1]:
        held = held[name]
    if value:
        held[path[-1]] = value[0]
    else:
        del held[path[-1]]
    return made


def taken(made: Any) -> bool:
    try:
        return bool(read(json.dumps(made).encode(), "x.json") == made)
    except AzremedyError:
        return False


@pytest.mark.parametrize("path", list(steps(whole)), ids=lambda path: ".".join(map(str, path)))
def test_takes_what_the_schema_takes_and_nothing_else(path: tuple[Any, ...]) -> None:
    values: list[object] = [None, "x", "/x", -1, True, [], {}, [7]]
    variants = [changed(path), *(changed(path, value) for value in values)]

    assert [taken(one) for one in variants] == [VALIDATOR.is_valid(one) for one in variants]


def test_members_of_a_later_version_are_taken_and_kept() -> None:
    made = {**whole, "more": 1, "findings": [{**finding(), "more": {"x": 1}}]}

    assert read(json.dumps(made).encode(), "x.json") == made


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_comes_back(text: str) -> None:
    assert taken(hostile(text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_takes_what_a_shell_of_windows_redirected(encoding: str) -> None:
    assert read(json.dumps(whole).encode(encoding), "x.json") == whole


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "x.json is no JSON (line 1): make one with"),
        (b'{\n"a"', "x.json is no JSON (line 2): make one with"),
        (b"\xff\xfe\xff", "x.json is no JSON: make one with"),
        (b"[" * 200_000, "x.json is no JSON: make one with"),
        (b"[]", "x.json is not the JSON of a scan: make one with"),
        (b"{}", "x.json is not the JSON of a scan: make one with"),
        (b'{"schemaVersion": 2}', "x.json is of schema version 2; this azremedy reads version 1."),
        (b'{"schemaVersion": 1}', "x.json is not the JSON of a scan: Object missing required field `tool`; make one"),
        (
            json.dumps(changed(("findings", 0, "severity"), "grave")).encode(),
            "x.json is not the JSON of a scan: Invalid enum value 'grave' - at `$.findings[0].severity`; make one",
        ),
    ],
)  # fmt: skip
def test_what_is_no_scan_is_refused_in_one_sentence(content: bytes, said: str) -> None:
    with pytest.raises(AzremedyError) as refused:
        read(content, "x.json")
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_plan_that_no_page_could_show_is_refused_in_one_sentence() -> None:
    """Each member of a plan, a step and a condition is left out or is something else once."""

    def said(made: dict[str, Any]) -> str:
        try:
            return html.text(read(json.dumps(made).encode(), "x.json"))
        except AzremedyError as refused:
            return str(refused)

    places = [("plan", *place) for place in steps(dry_run["plan"])]
    values: list[tuple[object, ...]] = [(), (None,), ("x",), (7,), ([7],), ({},)]
    told = [said(changed(place, *value, of=dry_run)) for place in places for value in values]

    known = ("<!DOCTYPE html>", "The plan in x.json is none that", "x.json is not the JSON of a scan: ")
    assert [one for one in told if not one.startswith(known)] == []
    assert {one[:8] for one in told} == {one[:8] for one in known}
