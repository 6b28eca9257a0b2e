"""What build servers get: commands that they read as their own parsers do, and none that comes from Azure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from documents import AGREED, HOSTILE, document, finding, hostile, unexplained, unread
from hypothesis import given
from hypothesis import strategies as st

from azremedy.report import TEXTS, azure_devops, github, of_document, render
from azremedy.report.plain import plain, plain_json


@dataclass(frozen=True)
class Command:
    """A command as a build server understands it."""

    name: str
    properties: dict[str, str]
    message: str


def as_github_reads(line: str) -> Command | None:
    """What the runner of GitHub Actions makes of a line: `::name key=value,…::message` at its start."""
    match = re.match(r"\s*::([^:\s]+)(?:\s([^:]*))?::(.*)$", line, re.DOTALL)
    if not match:
        return None
    pairs = (pair.partition("=") for pair in (match[2] or "").split(",") if pair)
    return Command(match[1], {key: unescaped(value) for key, _, value in pairs}, unescaped(match[3]))


def unescaped(value: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        value = value.replace(code, char)
    return value


def as_azure_reads(line: str) -> Command | None:
    """What the agent of Azure Pipelines makes of a line: `##vso[name key=value;…]message` anywhere in it."""
    match = re.search(r"##vso\[([^\]\s]+)(?:\s([^\]]*))?\](.*)$", line, re.IGNORECASE | re.DOTALL)
    if not match:
        return None
    pairs = (pair.partition("=") for pair in (match[2] or "").split(";") if pair)
    message = match[3].replace("%0D", "\r").replace("%0A", "\n").replace("%AZP25", "%")
    return Command(match[1], {key: value for key, _, value in pairs}, message)


def on_github(made: dict[str, Any]) -> list[Command]:
    found = [as_github_reads(line) for line in github.text(made).split("\n")[:-1]]
    assert all(found)
    return [command for command in found if command]


def on_azure(made: dict[str, Any]) -> list[Command]:
    found = [as_azure_reads(line) for line in azure_devops.text(made).split("\n")[:-1]]
    assert all(found)
    return [command for command in found if command]


def test_a_finding_is_an_annotation_with_its_severity_vm_and_cause_as_title() -> None:
    made = document(finding(message="50% of a,b: full", errorCode="UserErrorX"))
    words = "50% of a,b: full (backup failed: UserErrorX)"

    assert on_github(made) == [
        Command("error", {"title": "corroborated: prod/sql1: restore-point-lock"}, words)
    ]
    assert on_azure(made) == [
        Command("task.logissue", {"type": "error"}, f"corroborated: prod/sql1: restore-point-lock: {words}")
    ]


def test_what_looks_escaped_is_shown_as_it_is() -> None:
    words = "%0A%25%3A%AZP25 100%"
    made = document(finding(words, message=words))

    assert on_github(made)[0].message == words
    assert words in on_github(made)[0].properties["title"]
    assert on_azure(made)[0].message.endswith(words)


def test_the_kind_follows_the_severity_and_azure_has_no_notices() -> None:
    made = document(*(finding(name, name) for name in ("blocking", "corroborated", "suspected", "info")))

    assert [one.name for one in on_github(made)] == ["error", "error", "warning", "notice"]
    assert [one.properties["type"] for one in on_azure(made)] == ["error", "error", "warning"]


@pytest.mark.parametrize(
    ("severity", "kind"), [("blocking", "error"), ("suspected", "warning"), ("info", "notice")]
)
def test_of_each_kind_ten_are_shown_or_nine_and_how_many_more(severity: str, kind: str) -> None:
    few = on_github(document(*(finding(f"v{number}", severity) for number in range(10))))
    many = on_github(document(*(finding(f"v{number}", severity) for number in range(30))))

    assert [one.name for one in few] == [kind] * 10
    assert [one.name for one in many] == [kind] * 10
    assert few[9].message == few[8].message
    assert many[9].message == "21 more findings: the report of the scan has them all"


def test_the_worst_are_shown() -> None:
    mild = [finding(f"v{number}") for number in range(30)]

    assert "prod/worst" in on_github(document(*mild, finding("worst", "blocking")))[0].properties["title"]


def test_what_is_not_known_is_told_first_and_counts_among_the_ten() -> None:
    made = document(
        *(finding(f"v{number}") for number in range(30)),
        unread=[unread(), unread()],
        unexplained=[unexplained()],
    )
    first, second, *others = on_github(made)

    assert first.properties["title"] == "azremedy: not everything was read"
    assert "403 AuthorizationFailed), and 1 more. Nothing there is known to be healthy." in first.message
    assert second == Command(
        "warning",
        {"title": "azremedy: a failure that no finding explains"},
        "prod/sql1: its last backup failed 399999 no idea",
    )
    assert [one.name for one in others] == ["error"] * 9
    assert others[-1].message.startswith("22 more")


def test_suppressed_findings_are_not_annotated() -> None:
    assert on_github(document(finding(suppressed=AGREED))) == []


@pytest.mark.parametrize(
    ("made", "written"),
    [
        (document(), "findings=0\nhighest=none\nplan=\nexit-code=0\n"),
        (
            document(finding("a", "info"), finding("b", "blocking", suppressed=AGREED), finding("c", "suspected")),
            "findings=2\nhighest=suspected\nplan=\nexit-code=0\n",
        ),
    ],
)  # fmt: skip
def test_later_steps_get_the_number_of_findings_the_highest_severity_and_the_exit_code(
    made: dict[str, Any], written: str
) -> None:
    assert github.outputs(made, 0) == written


@given(st.text(alphabet=st.sampled_from("a=<\n\r"), min_size=1))
def test_an_output_is_one_output_whatever_its_value(value: str) -> None:
    lines = github.output("plan", value).split("\n")

    if value.isprintable():
        assert lines == [f"plan={value}", ""]
    else:
        edge = lines[0].removeprefix("plan<<")
        assert "\n".join(lines[1:-2]) == value
        assert lines[-2] == edge
        assert edge not in value


def test_a_summary_is_named_by_its_path() -> None:
    assert azure_devops.summary("/tmp/100%/a\nb.md") == "##vso[task.uploadsummary]/tmp/100%AZP25/a%0Ab.md\n"


def obeyed(line: str) -> bool:
    """
    Whether any build server would take a line, or any end of it that a table could break off, for a command.

    None of GitHub's commands has a name of hexadecimal digits alone, as what stands between two `::` of addresses has.
    """
    ends = (as_github_reads(line[start:]) for start in range(len(line)) if line.startswith("::", start))
    commands = [one for one in ends if one and not re.fullmatch(r"[0-9a-f/]+", one.name, re.IGNORECASE)]
    return bool(commands) or re.search(r"##(vso)?\[", line, re.IGNORECASE) is not None


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_only_our_own_commands_are_in_what_a_build_server_reads(text: str) -> None:
    made = hostile(text)

    assert {one.name for one in on_github(made)} == {"error", "warning"}
    assert {one.name for one in on_azure(made)} == {"task.logissue"}
    for command in (*on_github(made), *on_azure(made)):
        assert not obeyed(command.message)


@given(st.text(max_size=60) | st.text(alphabet=st.sampled_from("#[]:vso error%0A;,=\n"), max_size=40))
def test_no_text_from_azure_becomes_a_command(text: str) -> None:
    test_only_our_own_commands_are_in_what_a_build_server_reads(text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("form", [form for form in TEXTS if form not in ("github", "azure-devops")])
def test_a_log_that_any_format_is_printed_to_obeys_none_of_it(form: str, text: str) -> None:
    written = render(form, of_document(form, hostile(text)))

    assert not [line for line in written.splitlines() if as_github_reads(line) or as_azure_reads(line)]
    assert not re.search(r"##\[", written)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("##vso[task.complete]x", r"#\x23vso[task.complete]x"),
        ("a ##[error]b", r"a #\x23[error]b"),
        ("::error::1", r":\x3aerror::1"),
        ("a ::add-mask::b", r"a :\x3aadd-mask::b"),
        ("fe80::1 ::/0 2001:db8::a1", "fe80::1 ::/0 2001:db8::a1"),
        ("## a [b] C#[1]", "## a [b] C#[1]"),
    ],
)
def test_the_marks_of_commands_are_shown_and_an_address_is_none(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_yaml_says_the_same_without_the_marks() -> None:
    data = {"##vso[x]": ["::error::1", "##[error]", "a\n##vso[b]", "::/0"]}
    written = render("yaml", data)

    assert yaml.safe_load(written) == data
    assert not any(map(obeyed, written.splitlines()))


def test_json_says_the_same_without_the_marks() -> None:
    assert plain_json('{"a": "##vso[x] ::error::1"}') == '{"a": "#\\u0023vso[x] :\\u003aerror::1"}'
