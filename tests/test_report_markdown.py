"""Markdown: read by a parser of GitHub's dialect, so that what comes from Azure is seen to be text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from documents import (
    AGREED,
    HOSTILE,
    document,
    finding,
    hostile,
    not_evaluated,
    unexplained,
    unread,
    vm_of,
)
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from azremedy.report import markdown
from azremedy.report.plain import plain

GITHUB = MarkdownIt("gfm-like")
OURS = {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
FILTERED = re.compile(r"@\w|(?<!\w)#\d|:[\w+-]+:|\bGH-\d|\b[0-9a-f]{7,40}\b|https?:|www\.|[<>$]")
"""What GitHub's filters make something of, outside code."""


def inline(text: str) -> Iterator[Token]:
    for token in GITHUB.parse(text):
        yield from token.children or ()


def told(made: dict[str, Any]) -> str:
    """The report of a document, in which nothing but text, code and our own breaks and emphasis is seen."""
    written = markdown.text(made)
    for token in inline(written):
        if token.type == "html_inline":
            assert token.content == "<br>"
            continue
        assert token.type in OURS, token
        if token.type == "text":
            assert not FILTERED.search(token.content), token.content
    assert not [
        token for token in GITHUB.parse(written) if token.type in ("html_block", "fence", "code_block")
    ]
    return written


def cells(written: str) -> list[list[str]]:
    """The table of findings, as a reader sees it."""
    table = [token for token in GITHUB.parse(written.partition("### Findings")[2]) if token.type == "inline"]
    shown = [
        "".join(part.content for part in token.children or () if part.content != "<br>") for token in table
    ]
    return [
        shown[start : start + 5] for start in range(5, len(shown), 5) if len(shown[start : start + 5]) == 5
    ]


def test_the_worst_finding_comes_first_with_evidence_and_remedy() -> None:
    made = document(finding("mild", "info"), finding("bad", "blocking", errorCode="UserErrorX"))
    written = told(made)

    assert "**⛔ 1 blocking, 🔵 1 info** on 2 VMs." in written
    assert cells(written)[0] == [
        "⛔ blocking",
        "prod/bad",
        "restore-point-lock",
        "CanNotDelete lock 'keep' keeps Azure Backup from pruningbackup failed: UserErrorX",
        "Lift the lock.",
    ]
    assert cells(written)[1][1] == "prod/mild"


def test_what_is_for_a_person_says_why() -> None:
    by_hand = {"class": "manual", "available": False, "reason": "ask the owner"}

    assert cells(told(document(finding(fix=by_hand))))[0][4] == "by hand: ask the owner"


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (document(), "**Nothing was found.**"),
        (document(unread=[unread()]), "**Nothing was found in what could be read**"),
        (document(notEvaluated=[not_evaluated()]), "**Nothing was found in what could be read**"),
        (document(unexplained=[unexplained()]), "**No known cause was found**"),
    ],
)
def test_all_is_well_only_where_everything_is_known(made: dict[str, Any], verdict: str) -> None:
    assert verdict in told(made)


def test_what_is_not_known_stands_above_the_findings() -> None:
    made = document(
        finding(),
        unread=[unread()],
        unexplained=[unexplained()],
        notEvaluated=[not_evaluated("a"), not_evaluated("b")],
    )
    written = told(made)

    assert (
        written.index("### Not read")
        < written.index("### Something is wrong")
        < written.index("### Findings")
    )
    assert "`disk-size` on 2 VMs: disks not read" in written
    assert "`prod/sql1`: its last backup failed 399999 no idea" in written


def test_suppressed_findings_are_counted_and_not_shown() -> None:
    written = told(document(finding("hidden", suppressed=AGREED), finding("seen")))

    assert "hidden" not in written
    assert "1 suppressed finding is not shown." in written
    assert "1 corroborated" in written


def test_a_report_of_very_many_findings_ends_below_a_mebibyte_with_the_worst_first() -> None:
    mild = [finding(f"v{number}", "suspected", message="so " * 100) for number in range(10_000)]
    written = markdown.text(document(*mild, finding("worst", "blocking")))
    shown = cells(written)
    left = re.search(r"\*\*([0-9]+) more\*\* findings", written)

    assert 900_000 < len(written.encode()) <= 1_000_000
    assert shown[0][1] == "prod/worst"
    assert left is not None
    assert int(left[1]) == 10_001 - len(shown)


def test_very_many_gaps_are_counted() -> None:
    written = told(document(unread=[unread(vm_of(f"v{number}")) for number in range(60)]))

    assert written.count("not read: ARM refused") == 50
    assert "- 10 more stand in the JSON of the scan" in written


def test_a_summary_fits_into_what_room_there_is() -> None:
    made = document(*(finding(f"v{number}") for number in range(90)))

    assert len(markdown.text(made, 4_000).encode()) <= 4_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("18 of 18 restore points (C6): 50% free.", "18 of 18 restore points (C6): 50% free."),
        ("  two   blanks ", "two blanks"),
        ("1. a list", "`1.` a list"),
        ("the VM's clean-up took 2.2.53.1", "the VM's clean-up took 2.2.53.1"),
        ("lock 'keep_all' on a*b c", "lock `'keep_all'` on `a*b` c"),
        ("see http://e.x and @you", "see `http://e.x` and `@you`"),
        ("one `tick", "one `` `tick ``"),
        ("a | b", r"a `\x7c` b"),
        ("commit deadbeef1", "commit `deadbeef1`"),
    ],
)
def test_words_stay_words_and_all_else_is_code(text: str, shown: str) -> None:
    assert markdown.prose(text) == shown


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_text_from_azure_stays_text(text: str) -> None:
    written = told(hostile(text))

    assert len(cells(written)) == 1
    assert len([line for line in written.splitlines() if line.startswith("#")]) == 5


@given(st.text(max_size=80) | st.text(alphabet=st.sampled_from("`|\\*_[]()<>!&#@:~- a1\n"), max_size=40))
def test_any_text_from_azure_stays_text(text: str) -> None:
    assert len(cells(told(hostile(text)))) == 1


@given(st.text(max_size=80) | st.text(alphabet=st.sampled_from("`\\ a\n"), max_size=20))
def test_a_code_span_shows_the_very_text(text: str) -> None:
    shown = "".join(token.content for token in inline(f"x {markdown.code(text)} x"))
    wanted = plain(text).replace("|", r"\x7c")

    assert shown == f"x {wanted if wanted.strip() else '(blank)'} x"
