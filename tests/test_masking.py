"""`--mask`: no output in any format, and no line on stderr, holds a name of the estate."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from building import (
    NOT_READY,
    SERVICE_GROUP,
    SUBSCRIPTION,
    VAULT,
    arm_id,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    nic,
    nsg,
    nsg_id,
    points,
    rule,
    subnet,
    view,
    vm,
    vm_id,
)
from commands import azremedy, command, environment, keep

from azremedy import playbook, saved
from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.masking import Mask
from azremedy.report import OUTPUTS, REPORTS
from azremedy.resources import JobError, Read, Subscription, Unread
from azremedy.sandbox import Sandbox, embedded
from azremedy.scan import evaluate

PSEUDONYM = re.compile(r"\b[a-z-]+-[0-9a-f]{10}\b")
OURS = {
    "playbook",
    "playbooks",
    "title",
    "remedy",
    "severity",
    "class",
    "causes",
    "errorCode",
    "what",
    "fingerprint",
    "fixClass",
}
"""Members of outputs that hold words of azremedy."""

ERROR = JobError(
    code=0,
    title="UserErrorRpCollectionLimitReached",
    text="VM zq1 (ZQ1) in Contoso-RG: the disk 'gone-disk' of joe@contoso.example on https://stcontoso.blob.core.windows.net "
    "at 10.7.7.7/32, lock KEEP-IT, id 7d1c9a52-0000-4000-8000-00000000abcd, "
    "see /subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/Other-RG.",
)
SUBSCRIBED = Subscription(
    ArmId(SUBSCRIPTION), "Contoso Payments (eu)", "7e3f0000-0000-4000-8000-00000000beef"
)
NAMELESS = (
    "gone-disk",
    "joe@contoso.example",
    "stcontoso",
    "10.7.7.7",
    "7d1c9a52",
    "Other-RG",
    "ask the DBA",
    "beef",
)
"""What texts hold that no id of the estate names."""


def hostile() -> Estate:
    """An estate of short names, of names that are words of ours, and of texts full of names."""
    held = collection("zq1")
    return estate(
        vm("zq1", id=vm_id("zq1", "Contoso-RG")),
        vm("a", id=vm_id("a", "disk"), nics=(nic_id := arm_id("Microsoft.Network/networkInterfaces", "q7", "disk"),),
           primary_nic=nic_id),
        replace(failed_item("zq1"), vm=vm_id("zq1", "Contoso-RG")),
        replace(item("a"), vm=vm_id("a", "disk")),
        replace(failed_job("UserErrorRpCollectionLimitReached", "zq1"), errors=(ERROR,)),
        replace(held, source=vm_id("zq1", "Contoso-RG")),
        points(18, held, "guid-of-zq1"),
        lock(SERVICE_GROUP, name="Keep-it", notes="ask the DBA"),
        replace(nic("q7"), id=nic_id, vm=vm_id("a", "disk"), nsg=nsg_id("fw9")),
        nsg(rule("Deny", "Storage", name="no-way-out"), name="fw9"),
        subnet(),
        replace(view("a"), vm=vm_id("a", "disk"), agent=replace(NOT_READY, message="host zq1.corp.contoso.local")),
        subscription=SUBSCRIBED,
        unread=(Unread(Read.DISKS, vm_id("zq1", "Contoso-RG"), "refused to joe@contoso.example for zq1", 403, "x"),),
    )  # fmt: skip


def strings(value: Any) -> Iterator[str]:
    """Yield every text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings(member)


def originals(of: Estate) -> set[str]:
    """Every name in the ids of an estate, and the names and addresses that stand alone, lower-cased."""
    data = json.loads(saved.dump(of))["estate"]
    found = {data["subscription"]["name"], data["subscription"]["tenant"]} - {None}
    for text in strings(data):
        if text.startswith("/subscriptions/"):
            _, _, guid, *rest = text.split("/")
            found.add(guid)
            while rest:
                if rest[0] == "providers":
                    rest = rest[2:]
                    continue
                found.update(rest[1].split(";") if len(rest) > 1 else ())
                rest = rest[2:]
    for group in data["nsgs"]:
        found |= {one["name"] for one in group["rules"] if not one["default"]}
    for table in data["route_tables"]:
        found |= {one["name"] for one in table["routes"]}
    for one in data["nics"]:
        found |= {held["address"] for held in one["ip_configurations"]} - {None}
    azures = {"azure", "iaasvmcontainerv2", "iaasvmcontainer", "vm", "vmsnapshot", "vmsnapshotlinux"}
    return {name.lower() for name in found} - azures


def whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)


REPORTS_OF = Path(__file__).parents[1] / "azremedy" / "report"
VOCABULARY = " ".join(
    [
        *(f"{one.id} {one.title} {one.remedy} {one.about}" for one in playbook.load().values()),
        json.dumps(msgspec.json.decode(Path(__file__).parents[1].joinpath("azremedy/report/schemas/scan.json").read_bytes())),
        *(one.read_text(encoding="utf-8") for one in REPORTS_OF.rglob("*") if one.suffix in {".jinja", ".css", ".js", ".py"}),
        "Subscription VMs protected lists only calls ARM Severity Evidence backup failed ago requests id name",
    ]
)  # fmt: skip
"""What azremedy says of its own."""


REMEDIES = {one.remedy for one in playbook.load().values()}


def distinct(names: set[str]) -> set[str]:
    """Those names that are no word of ours, so that any sight of them is a leak."""
    return {name for name in names if not whole(name).search(VOCABULARY)}


def leaks(text: str, names: set[str]) -> list[str]:
    """The names that stand as words in a text."""
    return sorted(name for name in names if whole(name).search(text))


def words_about(document: Any, member: str = "") -> Iterator[str]:
    """Yield the texts of a document that are about the estate: without our words, and without the types in ids."""
    if isinstance(document, str):
        said = re.sub("Azure Backup|Azure Storage|backup extension", "", document)
        said = "" if said in REMEDIES else said
        segments = said.split("/")
        yield from (
            segment
            for at, segment in enumerate(segments)
            if not (document.startswith("/") and (at % 2 or segment.startswith("Microsoft.")))
        )
    elif isinstance(document, dict):
        for name, value in document.items():
            if name not in OURS:
                yield from words_about(value, name)
    elif isinstance(document, list):
        for value in document:
            yield from words_about(value, member)


EVERY_FORMAT: list[tuple[str, list[str]]] = [(form, []) for form in OUTPUTS] + [
    ("json", ["--query", "findings[].[vm, message, evidence, errorText]"]),
    ("table", ["--query", "findings[].{vm: vm, says: message}"]),
]


@pytest.mark.parametrize(("form", "more"), EVERY_FORMAT, ids=lambda value: " ".join(value) or "-")
def test_no_format_shows_a_name_of_a_saved_estate(form: str, more: list[str], tmp_path: Path) -> None:
    names = distinct(originals(hostile()))
    reports = [f"--report={one}={tmp_path / one}" for one in REPORTS]
    ended = azremedy(
        "scan", "--mask", "--estate", keep(hostile(), tmp_path), "-o", form, "--verbose", *more, *reports,
        COLUMNS="400",
    )  # fmt: skip
    shown = ended.out + ended.err + "".join((tmp_path / one).read_text(encoding="utf-8") for one in REPORTS)

    assert {"zq1", "contoso-rg", "keep-it", "fw9", "no-way-out", "contoso payments (eu)"} <= names
    assert ended.code == 3
    assert leaks(shown, names) == []
    assert [part for part in (*NAMELESS, "contoso") if part.lower() in shown.lower()] == []
    assert PSEUDONYM.search(shown)


def test_without_the_flag_the_same_search_finds_names(tmp_path: Path) -> None:
    ended = azremedy("scan", "--estate", keep(hostile(), tmp_path), "-o", "json")

    assert len(leaks(ended.out, distinct(originals(hostile())))) > 5


def test_names_that_are_words_of_ours_are_hidden_where_they_are_names(tmp_path: Path) -> None:
    ended = azremedy("scan", "--mask", "--estate", keep(hostile(), tmp_path), "-o", "json")
    document = json.loads(ended.out)
    about = "\n".join(words_about(document["findings"]))

    assert {"a", "disk"} <= originals(hostile())
    assert leaks(about, {"a", "disk", "prod", "default"}) == []
    assert all(one["title"] == playbook.load()[one["playbook"]].title for one in document["findings"])


def test_equal_names_have_equal_pseudonyms_in_every_run_and_without_case() -> None:
    mask, again = Mask.of(hostile()), Mask.of(hostile())
    lower, upper = vm_id("sql1"), ArmId(vm_id("sql1").text.upper())

    assert mask.masked(lower) == again.masked(upper)
    assert mask.masked(lower).name == mask.masked(upper).name
    assert mask.text("zq1") == mask.text("ZQ1") == mask.masked(vm_id("zq1")).name


def test_who_does_not_know_the_subscription_cannot_try_names() -> None:
    other = replace(SUBSCRIBED, id=ArmId("/subscriptions/00000000-0000-4000-8000-000000000002"))

    assert Mask.of(hostile()).text("zq1") != Mask.of(replace(hostile(), subscription=other)).name(
        "vm", "zq1", "2"
    )


def test_a_fingerprint_stays_so_that_a_baseline_fits() -> None:
    scan = evaluate(hostile(), list(playbook.load().values()))
    masked = Mask.of(hostile()).masked(scan)

    assert [one.fingerprint for one in masked.diagnoses] == [one.fingerprint for one in scan.diagnoses]
    assert [one.finding.severity for one in masked.diagnoses] == [
        one.finding.severity for one in scan.diagnoses
    ]
    assert masked.playbooks == scan.playbooks
    assert masked.calls == scan.calls


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.0.0.0/0 by way of 168.63.129.16", "0.0.0.0/0 by way of 168.63.129.16"),
        ("it is 07:00:00, version 2.7.41491.1172", "it is 07:00:00, version 2.7.41491.1172"),
        ("rule 'DenyAllOutBound' denies", "rule 'DenyAllOutBound' denies"),
        ("no right 'Microsoft.Compute/disks/read' over it", "no right 'Microsoft.Compute/disks/read' over it"),
        ("the VM's own agent and the VMs' disks", "the VM's own agent and the VMs' disks"),
        ("see https://learn.microsoft.com/azure", "see https://learn.microsoft.com/azure"),
    ],
)  # fmt: skip
def test_what_is_the_same_everywhere_stays(text: str, kept: str) -> None:
    assert Mask.of(estate(vm(), nsg(), view())).text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3", "10.1.0.0/16", "2001:db8::1", "fe80::/10", "20.60.0.1.", "joe.doe@contoso.example",
        "7d1c9a52-0000-4000-8000-00000000abcd", "db1.corp.local", "'unheard-of'", '"unheard-of"',
        "/subscriptions/x/resourceGroups/y", f"{VAULT.group}/providers/Microsoft.Web/sites/unheard-of",
    ],
)  # fmt: skip
def test_what_names_something_goes_wherever_it_stands(text: str) -> None:
    said = Mask.of(estate(vm())).text(f"a thing {text} there")
    left = {"10.1", "2001", "fe80", "20.60", "doe", "7d1c", "db1", "heard", "/x/", "/y", "backup"}

    assert PSEUDONYM.search(said)
    assert [one for one in left if one in said] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vm", "zq2"], "No VM 'vm-"),
        (["--resource-group", "Contoso-RH"], "resource group 'group-"),
    ],
)
def test_an_error_that_ends_the_command_is_masked(arguments: list[str], said: str, tmp_path: Path) -> None:
    whole_estate = replace(hostile(), unread=())
    ended = azremedy("scan", "--mask", "--estate", keep(whole_estate, tmp_path), *arguments)

    assert ended.code == 2
    assert said in ended.err
    assert leaks(ended.err, {*distinct(originals(hostile())), arguments[1].lower()}) == []


def test_a_name_that_looks_like_an_address_is_hidden_before_a_colon() -> None:
    said = Mask.of(estate(vm("dc1"), vm("fe80"))).text("reapply VM dc1: again, then dc2:dc1 and fe80:")

    assert leaks(said, {"dc1", "fe80"}) == []
    assert "dc2" in said


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_a_diagnosis_names_nothing_of_a_saved_estate(form: str, tmp_path: Path) -> None:
    ended = azremedy(
        "diagnose", "--mask", "--estate", keep(hostile(), tmp_path), "--vm", "zq1", "-g", "contoso-rg", "-o", form,
        COLUMNS="400",
    )  # fmt: skip

    assert ended.code == 3
    assert leaks(ended.out + ended.err, distinct(originals(hostile()))) == []
    assert [part for part in (*NAMELESS, "contoso") if part.lower() in ended.out.lower()] == []
    assert PSEUDONYM.search(ended.out)


def test_a_report_of_what_was_saved_names_nothing_and_shows_what_a_masked_scan_shows(tmp_path: Path) -> None:
    saved_scan = tmp_path / "scan.json"
    file = keep(hostile(), tmp_path)
    azremedy("scan", "--estate", file, "-o", "none", "--report", f"json={saved_scan}")
    reports = [f"--report={one}={tmp_path / one}" for one in REPORTS]
    ended = azremedy("report", "--mask", saved_scan, "-o", "json", *reports)
    shown = ended.out + ended.err + "".join((tmp_path / one).read_text(encoding="utf-8") for one in REPORTS)
    masked = json.loads(azremedy("scan", "--mask", "--estate", file, "-o", "json").out)

    assert ended.code == 0
    assert leaks(shown, distinct(originals(hostile()))) == []
    assert [part for part in (*NAMELESS, "contoso") if part.lower() in shown.lower()] == []
    assert [one["vm"] for one in json.loads(ended.out)["findings"]] == [
        one["vm"] for one in masked["findings"]
    ]
    assert [one["playbook"] for one in json.loads(ended.out)["findings"]] == [
        one["playbook"] for one in masked["findings"]
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["fix", "--apply"], ["fix", "--save", "plan.json"], ["fix", "--as", "az"], ["fix", "--debug"],
        ["diagnose", "--vm", "x", "--debug"], ["report", "x.json", "--debug"], ["doctor", "--debug"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_keeps_prints_or_logs_names_is_refused_beside_it(arguments: list[str]) -> None:
    ended = azremedy(*arguments, "--mask")

    assert (ended.code, ended.out) == (2, "")
    assert "which --mask is there to hide: give one of them." in ended.err.splitlines()[-1]


@pytest.mark.parametrize("flag", [["--debug"], ["--save-estate", "x.json"]])
def test_what_would_keep_names_is_refused_beside_it(flag: list[str]) -> None:
    ended = azremedy("scan", "--mask", *flag)

    assert (ended.code, ended.out) == (2, "")
    assert f"azremedy: {flag[0]} writes names as they are" in ended.err.splitlines()[-1]


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with embedded(tmp_path_factory.mktemp("sandbox"), estate="demo") as running:
        yield variables(running)


@pytest.fixture(scope="module")
def names(signed_in: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every name of the demo."""
    file = tmp_path_factory.mktemp("estate") / "estate.json"
    assert azremedy("scan", "-o", "none", "--save-estate", file, **signed_in).code == 0
    found = originals(saved.load(file))
    assert len(distinct(found)) > 100
    return found


class TestAgainstARM:
    @pytest.mark.parametrize("form", OUTPUTS)
    def test_no_format_shows_a_name(
        self, form: str, signed_in: dict[str, str], names: set[str], tmp_path: Path
    ) -> None:
        reports = [f"--report={one}={tmp_path / one}" for one in REPORTS]
        ended = azremedy(
            "scan", "--mask", "--deep", "--verbose", "-o", form, *reports, COLUMNS="400", **signed_in
        )
        shown = (
            ended.out + ended.err + "".join((tmp_path / one).read_text(encoding="utf-8") for one in REPORTS)
        )

        assert ended.code == 0
        assert leaks(shown, distinct(names)) == []

    def test_names_that_are_words_of_ours_are_hidden_where_they_are_names(
        self, signed_in: dict[str, str], names: set[str]
    ) -> None:
        document = json.loads(azremedy("scan", "--mask", "-o", "json", **signed_in).out)

        assert names - distinct(names)
        assert leaks("\n".join(words_about(document)), names) == []

    @pytest.mark.parametrize("form", ["table", "json", "yaml"])
    def test_no_dry_run_shows_a_name(
        self, form: str, signed_in: dict[str, str], names: set[str], tmp_path: Path
    ) -> None:
        reports = [f"--report={one}={tmp_path / one}" for one in REPORTS]
        ended = azremedy(
            "fix", "--mask", "--allow", "guarded", "--allow", "destructive", "--severity", "suspected",
            "--vm", "web1", "--vm", "dc1", "--vm", "sql1", "--vm", "web2", "--vm", "archive1", "--exclude-lun", "archive1:0=by order",
            "-o", form, *reports, COLUMNS="400", **signed_in,
        )  # fmt: skip
        shown = (
            ended.out + ended.err + "".join((tmp_path / one).read_text(encoding="utf-8") for one in REPORTS)
        )

        assert ended.code == 0, ended.err
        assert leaks(shown, distinct(names)) == []
        assert "restore-point-lock" in ended.out
        assert PSEUDONYM.search(ended.out)

    @pytest.mark.parametrize("name", ["sql1", "dc1", "app1", "app2", "archive1", "kiosk1"])
    def test_no_diagnosis_shows_a_name(self, name: str, signed_in: dict[str, str], names: set[str]) -> None:
        for form in ("table", "json"):
            ended = azremedy("diagnose", "--mask", "--vm", name, "-o", form, COLUMNS="400", **signed_in)

            assert ended.code == 0, ended.err
            assert leaks(ended.out + ended.err, distinct(names)) == []

    def test_no_report_of_what_was_saved_shows_a_name(
        self, signed_in: dict[str, str], names: set[str], tmp_path: Path
    ) -> None:
        kept = tmp_path / "fix.json"
        fixed = azremedy("fix", "--allow", "guarded", "--report", f"json={kept}", "-o", "none", **signed_in)
        reports = [f"--report={one}={tmp_path / one}" for one in REPORTS]
        ended = azremedy("report", "--mask", kept, "-o", "json", *reports)
        shown = (
            ended.out + ended.err + "".join((tmp_path / one).read_text(encoding="utf-8") for one in REPORTS)
        )

        assert (fixed.code, ended.code) == (0, 0)
        assert len(leaks(kept.read_text(), distinct(names))) > 5
        assert leaks(shown, distinct(names)) == []
        assert json.loads(ended.out)["plan"]["groups"]

    def test_no_check_up_shows_a_name(self, signed_in: dict[str, str]) -> None:
        hidden = {
            "demo", "5a6db0c5-0000-4000-8000-000000000001", signed_in["AZURE_TENANT_ID"], signed_in["AZURE_CLIENT_ID"],
            "localhost", Path(signed_in["REQUESTS_CA_BUNDLE"]).parent.name,
        }  # fmt: skip
        plain = azremedy("doctor", "-o", "json", **signed_in)
        shown = "".join(
            azremedy("doctor", "--mask", "-o", form, COLUMNS="400", **signed_in).out for form in OUTPUTS
        )

        assert leaks(plain.out, hidden) == sorted(hidden)
        assert leaks(shown, hidden) == []
        assert {"versions", "rights", "quota"} <= {one["check"] for one in json.loads(plain.out)["checks"]}

    def test_an_error_about_subscriptions_names_none(self, signed_in: dict[str, str]) -> None:
        ended = azremedy("scan", "--mask", **{**signed_in, "AZREMEDY_SUBSCRIPTION": "demi"})

        assert ended.code == 2
        assert "This identity sees no subscription named 'subscription-" in ended.err
        assert leaks(ended.err, {"demo", "demi"}) == []

    @pytest.mark.skipif(os.name == "nt", reason="a terminal is another matter on Windows")
    def test_progress_on_a_terminal_names_nothing(self, signed_in: dict[str, str], names: set[str]) -> None:
        outer, inner = os.openpty()
        ended = subprocess.run(
            command("scan", "--mask", "-o", "none"),
            stderr=inner,
            env=environment(TERM="xterm", COLUMNS="200", **signed_in),
            check=False,
            timeout=60,
        )
        os.close(inner)
        shown = drained(outer)

        assert ended.returncode == 0
        assert "reading subscription-" in shown
        assert leaks(shown, distinct(names) | {"demo"}) == []


def test_no_run_shows_a_name(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate="demo") as running:
        state = {**variables(running), "XDG_STATE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
        assert azremedy("scan", "-o", "none", "--save-estate", tmp_path / "estate.json", **state).code == 0
        found = distinct(originals(saved.load(tmp_path / "estate.json")))
        applied = azremedy(
            "fix", "-s", "demo", "--vm", "web1", "--vm", "app1", "--apply", "--yes", "--now", "--allow", "guarded", **state
        )  # fmt: skip
        [run] = json.loads(azremedy("runs", "-o", "json", **state).out)
        told = [
            azremedy(*words, "-o", form, COLUMNS="400", **state)
            for words in (["runs", "--mask"], ["runs", "show", run["run"], "--mask"])
            for form in OUTPUTS
        ]
    shown = "".join(one.out + one.err for one in told)

    assert {one.code for one in told} == {0}, applied
    assert run["who"] not in shown
    assert leaks(shown, found | {run["subscription"]}) == []
    assert run["run"] in shown
    assert PSEUDONYM.search(shown)


def drained(terminal: int) -> str:
    """Read what was written to a terminal whose other end is closed."""
    read = b""
    try:
        while part := os.read(terminal, 4096):
            read += part
    except OSError:
        pass
    os.close(terminal)
    return read.decode()


def variables(sandbox: Sandbox) -> dict[str, str]:
    return {
        "AZREMEDY_CLOUD": sandbox.url,
        "AZREMEDY_SUBSCRIPTION": "demo",
        "AZURE_TENANT_ID": sandbox.tenant,
        "AZURE_CLIENT_ID": sandbox.client_id,
        "AZURE_CLIENT_SECRET": sandbox.client_secret,
        "REQUESTS_CA_BUNDLE": str(sandbox.ca),
    }
