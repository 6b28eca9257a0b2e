"""The page of a scan: what stands in it, what does not, and that nothing from Azure becomes more than text."""

from __future__ import annotations

import json
import re
import shlex
from base64 import b64encode
from copy import deepcopy
from datetime import timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from building import (
    NOW,
    SERVICE_GROUP,
    SUBSCRIPTION,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    nic,
    points,
    subnet,
    vm,
    vm_id,
)
from commands import azremedy, keep
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pages import cures, demo, full, multiplied, planned, renamed, scanned

from azremedy.arm import ArmId
from azremedy.report import html, of_document, render
from azremedy.report import plan as terminal
from azremedy.report.html import dryrun, figures
from azremedy.report.html.findings import rows
from azremedy.report.plain import plain, visible
from azremedy.report.schema import schema
from azremedy.resources import JobError, Read, Unread
from azremedy.sandbox import embedded, generate

EMPTY = {"area", "base", "br", "circle", "hr", "img", "input", "link", "meta", "path", "rect", "use"}


class Page(HTMLParser):
    """A page in parts: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]

    @property
    def said(self) -> str:
        """What a reader sees, each run of blanks as one."""
        return " ".join(" ".join(self.texts).split())


def page(whole: Any) -> Page:
    return Page(html.text(whole))


plain_vm = (subnet(), nic(), vm())
whole = planned(full("sql1"))
SHARED = planned(full("sql1", "sql2"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return demo(tmp_path_factory.mktemp("demo"))


def test_the_documents_of_these_tests_are_what_the_schemas_describe(real: dict[str, Any]) -> None:
    for one in (whole, SHARED, real, multiplied(real, 20), renamed(whole, "<b>x</b>")):
        Draft202012Validator(schema("scan")).validate(one)
        if one["plan"]:
            Draft202012Validator(schema("plan")).validate(one["plan"])


def test_the_same_document_makes_the_same_page_and_stays_as_it_is(real: dict[str, Any]) -> None:
    before = deepcopy(real)

    assert html.text(real) == html.text(real)
    assert real == before


def test_a_page_fetches_nothing_and_runs_nothing_but_its_own_two_blocks(real: dict[str, Any]) -> None:
    text = html.text(real)
    made = Page(text)
    policy = next(one["content"] for tag, one in made.elements if one.get("http-equiv"))
    [style], [script] = (re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("style", "script"))

    assert policy.startswith("default-src 'none'; ")
    for block, kind in ((style, "style-src"), (script, "script-src")):
        pin = b64encode(sha256(block.encode()).digest()).decode()
        assert f"{kind} 'sha256-{pin}'" in policy
    assert [tag for tag, _ in made.elements if tag in ("style", "script")] == ["style", "script"]
    for tag, attributes in made.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "audio", "video"}
        assert all(
            value.startswith("#") for name, value in attributes.items() if name in ("href", "src", "action")
        )
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert not re.findall(r"url\((?!#)|@import|fetch\(|XMLHttp|WebSocket|sendBeacon|import\(", style + script)


@given(st.text(min_size=1))
def test_no_text_from_azure_changes_the_shape_of_a_page_or_gets_lost(hostile: str) -> None:
    name = f"x{hostile}"
    made = page(renamed(whole, name))

    assert made.shape == page(renamed(whole, "x")).shape
    assert " ".join(plain(name).split()) in made.said


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("</script><script>alert(1)</script>", id="a script"),
        pytest.param("'\"><img src=x onerror=alert(1)>", id="an attribute"),
        pytest.param("</style>*{display:none}", id="a style"),
        pytest.param("<!--", id="a comment"),
        pytest.param("]]>&lt;b&gt;", id="entities"),
        pytest.param("{{ 7 * 7 }}{% raw %}", id="a template"),
        pytest.param("a\u202egnp.exe\u2066\u200b", id="marks of direction"),
        pytest.param("\x1b[31m\0\x9b\ud800\U000e0041\r\n", id="control characters"),
        pytest.param("n" * 10_240, id="ten kilobytes"),
    ],
)
def test_hostile_names_stand_there_as_visible_text(hostile: str) -> None:
    text = html.text(renamed(whole, hostile))

    assert Page(text).shape == page(renamed(whole, "x")).shape
    assert " ".join(plain(hostile).split()) in Page(text).said
    assert all(visible(char) for char in text if char != "\n")
    text.encode()


def test_a_finding_unfolds_to_its_evidence_its_failed_backup_and_its_cure() -> None:
    said = page(scanned(full("sql1"))).said

    for part in (
        "CanNotDelete lock 'keep' on group AzureBackupRG_westeurope_1",
        "days left 0",
        "notes do not touch",
        "A backup failed with UserErrorRpCollectionLimitReached",
        "Lift the lock, let the service prune, put the lock back",
        f"job {SUBSCRIPTION}",
    ):
        assert part in said


def test_a_finding_without_a_plan_tells_the_command_that_shows_one() -> None:
    [command] = {
        row.command for row in rows(scanned(full("sql1"))) if row.of["playbook"] == "restore-point-lock"
    }

    assert command == (
        "azremedy fix --dry-run --subscription 00000000-0000-4000-8000-000000000001 --resource-group prod "
        "--vm sql1 --playbook restore-point-lock --allow guarded"
    )
    assert command in page(scanned(full("sql1"))).said


def test_the_command_of_a_finding_shows_its_dry_run(real: dict[str, Any], tmp_path: Path) -> None:
    row = next(row for row in rows({**real, "plan": None}) if row.of["playbook"] == "storage-egress")
    assert row.command
    ran = azremedy(
        *shlex.split(row.command)[1:], "--cloud", "sandbox", XDG_STATE_HOME=str(tmp_path), HOME=str(tmp_path)
    )

    assert (ran.code, ran.err) == (0, "")
    assert "web1: storage-egress" in ran.out


def test_a_suspected_finding_asks_for_its_severity_and_what_is_only_worth_knowing_has_no_command() -> None:
    quiet = estate(*plain_vm, item(), collection("sql1"), lock(SERVICE_GROUP))
    [suspected] = rows(scanned(quiet))
    made = scanned(quiet)
    made["findings"][0]["severity"] = "info"

    assert suspected.command
    assert suspected.command.endswith("--allow guarded --severity suspected")
    assert [row.command for row in rows(made)] == [None]
    assert "Nothing is planned for what is only worth knowing" in page(made).said


def test_a_name_that_a_shell_would_obey_is_quoted_in_the_command() -> None:
    made = scanned(full("sql1"))
    for finding in made["findings"]:
        finding["vm"] = finding["vm"].replace("sql1", "x'; rm -rf ~ #\x1b")
    [command] = {row.command for row in rows(made) if row.of["playbook"] == "restore-point-lock"}

    assert command
    assert r"--vm $'x\'; rm -rf ~ #\x1b' --playbook" in command


def test_the_dry_run_on_a_page_says_what_the_terminal_says() -> None:
    read = full("sql1", "sql2")
    context = terminal.Context("test", NOW, timedelta(hours=4))
    shown = [line.strip() for line in terminal.text(cures(read), context, width=100_000).splitlines()]
    [group] = dryrun.planned(SHARED["plan"])
    lines = [f"{line.fix_class}  {line.text}" if line.fix_class else line.text for line in group.lines]
    again = next(line for line in lines if line.startswith("put back once"))

    assert len(lines) > 20
    assert [line for line in lines if line not in shown] == [again]
    assert again.partition(";")[0] in " ".join(shown)


def test_every_kind_of_line_of_the_demo_is_the_terminals(real: dict[str, Any], tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path), "COLUMNS": "100000"}
    at = ("--cloud", "sandbox", "--subscription", "demo", "--allow", "guarded", "--allow", "destructive")
    moments = re.compile(r"\d{8}_\d{6}|20\d\d-\d\d-\d\d|\d\d:\d\d UTC|[0-9a-f-]{15,36}")
    ended = azremedy("fix", *at, **state)
    shown = {moments.sub("", line.strip()) for line in ended.out.splitlines()}
    lines = {
        moments.sub("", f"{line.fix_class}  {line.text}" if line.fix_class else line.text)
        for group in dryrun.planned(real["plan"])
        for line in group.lines
        if not line.text.startswith("put back once")
    }

    assert len(lines) > 20
    assert lines <= shown


def test_a_plan_unfolds_under_its_finding_and_a_shared_one_stands_once() -> None:
    alone, shared = html.text(whole), html.text(SHARED)
    links = [one["data-plan"] for tag, one in Page(shared).elements if "data-plan" in one]
    [group] = SHARED["plan"]["groups"]

    assert alone.count("lift the CanNotDelete lock") == shared.count("lift the CanNotDelete lock") == 1
    assert "data-plan=" not in alone
    assert links == [f"plan-{group['id']}"] * 2
    assert f'id="plan-{group["id"]}"' in shared
    assert "azremedy fix" not in shared


def test_what_a_plan_leaves_to_a_person_stands_at_the_finding() -> None:
    [left] = [one for one in whole["plan"]["byHand"] if one["playbook"] == "restore-point-limit"]

    assert f"By hand: {left['reason']}" in page(whole).said


def test_suppressed_findings_stand_apart_and_are_not_counted() -> None:
    made = scanned(full("sql1"))
    made["findings"][0]["suppressed"] = {
        "reason": "it is rebuilt in May",
        "owner": "ops",
        "expires": "2027-05-01",
    }
    said = page(made).said

    assert "1 finding that somebody decided to live with" in said
    assert "reason it is rebuilt in May owner ops expires 2027-05-01" in said
    assert "1 corroborated" in said
    assert html.text(made).count('<table id="table"') == 1
    assert html.text(made).index('id="suppressed"') > html.text(made).index('<table id="table"')


gap = Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "AuthorizationFailed")
puzzling = estate(*plain_vm, failed_item(), failed_job(399999, errors=(JobError(399999, "?", "no idea"),)))


@pytest.mark.parametrize(
    ("made", "verdict", "known"),
    [
        pytest.param(scanned(full("a", "b")), "A cause that stops backups was found at 2 VMs .", True, id="sick"),
        pytest.param(
            scanned(estate(*plain_vm, item(), collection("sql1"), lock(SERVICE_GROUP))),
            "Nothing found here stops a backup today; 1 finding should be looked at.",
            True,
            id="suspicious",
        ),
        pytest.param(scanned(estate(*plain_vm, item(), collection("sql1"), unread=(gap,))), "Nothing was found in what could be read.", False, id="blind"),
        pytest.param(scanned(puzzling), "No known cause was found, and something is wrong all the same.", False, id="puzzling"),
        pytest.param(scanned(estate()), "Nothing was found, and no VM here is protected by Azure Backup.", True, id="empty"),
        pytest.param(scanned(estate(*plain_vm, item())), "No cause for a backup to fail was found among those looked for.", True, id="well"),
        pytest.param(scanned(), "Nothing was found, and no VM here is protected by Azure Backup.", True, id="nothing"),
    ],
)  # fmt: skip
def test_the_first_sentence_says_how_it_stands(made: dict[str, Any], verdict: str, known: bool) -> None:
    said = page(made).said

    assert verdict in said
    assert ("Everything that was asked for was read." in said) is known
    assert ("What is unknown is not healthy" in said) is not known


def test_gaps_of_one_answer_stand_together_with_their_scopes() -> None:
    made = scanned(estate(*plain_vm, item(), unread=(gap,)))
    made["unread"] *= 3
    made["notEvaluated"] *= 150
    said = page(made).said

    assert "Reads that failed: 3." in said
    assert "locks ARM refused (403 AuthorizationFailed) 3" in said
    assert "more; all of them stand in the JSON" in said


def test_an_unexplained_failure_is_told_with_its_error() -> None:
    said = page(scanned(puzzling)).said

    assert "Something is wrong, and no finding says what" in said
    assert "399999 no idea" in said


def test_findings_are_counted_by_cause_and_severity_the_worst_first() -> None:
    mild = estate(
        subnet(), vm("c"), nic("c-nic", vm=vm_id("c")), item("c"), collection("c"), lock(SERVICE_GROUP)
    )
    bars = figures.causes(list(rows(scanned(full("a", "b"), mild))))

    assert [(bar.name, bar.numbers, bar.total) for bar in bars] == [
        ("restore-point-lock", (0, 2, 1, 0), 3),
        ("restore-point-limit", (0, 2, 0, 0), 2),
    ]
    assert [[(part.name, part.start, part.length) for part in bar.parts] for bar in bars] == [
        [("corroborated", 0, 160), ("suspected", 160, 80)],
        [("corroborated", 0, 160)],
    ]


def filling(name: str, **evidence: Any) -> dict[str, Any]:
    [finding] = [one for one in scanned(full(name))["findings"] if one["playbook"] == "restore-point-limit"]
    return {**finding, "evidence": {**finding["evidence"], **evidence}}


def test_the_forecast_counts_each_vm_once_on_its_first_day() -> None:
    made = scanned(full("a"))
    made["findings"] += [
        filling("b", points=15, daysLeft=3, fullOn="2026-11-25"),
        filling("b", points=15, daysLeft=9),
        filling("c", points=2, limit=500, daysLeft=400, fullOn="2027-12-27"),
    ]
    seen = figures.forecast(rows(made), made["finishedAt"])

    assert seen
    assert [(one.vm.name, one.days, one.on) for one in seen.vms] == [
        ("a", 0, "2026-11-22"),
        ("b", 3, "2026-11-25"),
        ("c", 400, "2027-12-27"),
    ]
    assert [seen.within(days) for days in (0, 2, 3, 30, 400)] == [1, 1, 2, 2, 3]
    assert seen.horizon == 30
    assert [label for _, label in seen.days][:2] == ["today", "27 Nov"]


def test_a_lock_tells_the_day_too_and_points_that_were_not_counted_tell_none() -> None:
    held = collection("sql1")
    counted = scanned(estate(*plain_vm, item(), held, points(9, held), lock(SERVICE_GROUP)))
    uncounted = scanned(estate(*plain_vm, item(), held, lock(SERVICE_GROUP)))
    seen = figures.forecast(rows(counted), counted["finishedAt"])

    assert seen
    assert [(one.days, one.on, one.length) for one in seen.vms] == [(9, "2026-12-01", 120)]
    assert figures.forecast(rows(uncounted), uncounted["finishedAt"]) is None


def test_several_subscriptions_are_told_apart_and_can_be_chosen() -> None:
    one, two = (
        scanned(full("a")),
        json.loads(json.dumps(scanned(full("b"))).replace("-000000000001", "-000000000002")),
    )
    two["subscriptions"][0]["name"] = "second"
    made = page(
        {
            **one,
            "findings": one["findings"] + two["findings"],
            "subscriptions": one["subscriptions"] + two["subscriptions"],
        }
    )

    assert "Subscriptions test , second , as of" in made.said
    assert {
        attributes["data-subscription"]
        for _, attributes in made.elements
        if "data-subscription" in attributes
    } == {
        "test",
        "second",
    }
    assert ("select", {"id": "subscription"}) in made.elements
    assert ("select", {"id": "subscription"}) not in page(one).elements


def test_times_are_told_in_utc() -> None:
    assert "as of 2026-11-22 07:00 UTC" in page(scanned(full("sql1"))).said


def test_a_scan_writes_its_page(tmp_path: Path) -> None:
    ended = azremedy(
        "scan",
        "--estate",
        keep(full("sql1"), tmp_path),
        "-o",
        "none",
        "--report",
        f"html={tmp_path / 'scan.html'}",
    )
    written = (tmp_path / "scan.html").read_text(encoding="utf-8")

    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert written.startswith("<!DOCTYPE html>\n")
    assert written.endswith("</html>\n")
    assert render("html", of_document("html", scanned(full("sql1")))) == written


@pytest.mark.slow
def test_a_page_for_a_thousand_vms_is_smaller_than_a_megabyte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with embedded(tmp_path, estate=generate(1000, 7)) as sandbox:
        ended = azremedy(
            "scan", "--cloud", sandbox.url, "--subscription", sandbox.subscription, "--tenant", sandbox.tenant, "-o", "json",
            AZURE_CLIENT_ID=sandbox.client_id, AZURE_CLIENT_SECRET=sandbox.client_secret,
            AZURE_TENANT_ID=sandbox.tenant, REQUESTS_CA_BUNDLE=str(sandbox.ca),
        )  # fmt: skip
    made = json.loads(ended.out)
    size = len(html.text(made).encode())
    crowded = len(html.text(multiplied(made, 400)).encode())
    with capsys.disabled():
        print(  # noqa: T201 - what it is for
            f"\na page for {made['subscriptions'][0]['vms']:,} VMs: {size:,} bytes for "
            f"{len(made['findings'])} findings, {crowded:,} for 400"
        )

    assert made["subscriptions"][0]["vms"] == 1000
    assert len(made["findings"]) >= 80
    assert size < crowded < 1_000_000
