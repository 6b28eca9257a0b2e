"""`azremedy gate` as a process: open, closed, or not to be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from building import (
    SERVICE_GROUP,
    VAULT,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    points,
    policy,
    policy_id,
    vm,
)
from changing import LOCK, foreseen, plan, planned, what_if, world
from commands import Ended, azremedy, keep
from jsonschema import Draft202012Validator

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.report.schema import schema
from azremedy.resources import Read, Schedule, Unread
from azremedy.sandbox import Sandbox, embedded

BLIND = Path(__file__).parents[1] / "examples" / "estates" / "no-rights-on-a-vault.yaml"
held = collection("sql1")
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
)
well = estate(vm(), item())
OTHER_VAULT = ArmId(f"{VAULT.text.removesuffix('1')}2")
LOCKS = ("--playbook", "restore-point-lock")
CLOSED = "azremedy: the gate is closed: 1 finding at or above corroborated on 1 VM\n"
OPEN = "azremedy: the gate is open: nothing at or above corroborated was found\n"


def gate(read: Estate, folder: Path, *arguments: str | Path, hours: float = 0) -> Ended:
    """Judge an estate that was read so many hours ago."""
    return azremedy("gate", "--estate", keep(fresh(read, hours), folder), *LOCKS, *arguments)


def fresh(read: Estate, hours: float = 0) -> Estate:
    """Return an estate as if it had been read so many hours ago."""
    read_at = datetime.now(UTC) - timedelta(hours=hours)
    shift = read_at - read.read_at
    jobs = tuple(replace(one, started=one.started and one.started + shift) for one in read.jobs)
    return replace(read, read_at=read_at, jobs=jobs)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with embedded(tmp_path_factory.mktemp("sandbox"), estate="demo") as running:
        yield running


def on_sandbox(
    sandbox: Sandbox, *arguments: str, client: str | None = None, secret: str | None = None
) -> Ended:
    return azremedy(
        *arguments,
        AZREMEDY_CLOUD=sandbox.url,
        AZREMEDY_SUBSCRIPTION="demo",
        AZURE_TENANT_ID=sandbox.tenant,
        AZURE_CLIENT_ID=client or sandbox.client_id,
        AZURE_CLIENT_SECRET=secret or sandbox.client_secret,
        REQUESTS_CA_BUNDLE=str(sandbox.ca),
    )


@pytest.mark.parametrize(
    ("read", "arguments", "code", "said"),
    [
        (sick, (), 1, CLOSED),
        (well, (), 0, OPEN),
        (sick, ("--fail-on", "blocking"), 0, "azremedy: the gate is open: nothing at or above blocking was found\n"),
        (sick, ("--vm", "sql1", "--vault", "vault1"), 1, CLOSED),
        (sick, ("--quiet",), 1, ""),
    ],
)  # fmt: skip
def test_is_closed_by_what_will_fail(
    read: Estate, arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    ended = gate(read, tmp_path, *arguments)

    assert (ended.code, ended.err) == (code, said)


def test_is_not_open_where_something_was_not_read_and_names_the_missing_right(tmp_path: Path) -> None:
    with embedded(tmp_path, estate=BLIND) as sandbox:
        auditor = {"client": "5a6db0c5-0000-4000-8000-c11e47000003", "secret": "sandbox-auditor"}
        ended = on_sandbox(sandbox, "gate", "-s", "*", **auditor)
        accepted = on_sandbox(sandbox, "gate", "-s", "*", "--allow-partial", **auditor)

    assert ended.code == 3
    assert "the gate is closed: not everything could be read" in ended.err
    assert "a right is missing: Microsoft.RecoveryServices/vaults/" in ended.err
    assert "Reader and Backup Reader" in ended.err
    assert accepted.code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--vault", "vaultt1"), "No VM is backed up in a vault 'vaultt1'. Did you mean 'vault1'?"),
        (("--policy", "dayly"), "No VM is backed up by a policy 'dayly'. Did you mean 'daily'?"),
        (
            ("--vault", "vault2", "--vm", "sql1"),
            "None of the VMs selected is backed up in the vaults and by the policies named.",
        ),
    ],
)
def test_is_not_open_for_a_vault_or_policy_that_is_mistyped(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    here = replace(item(), policy=policy_id("daily"))
    read = estate(vm(), vm("web1"), here, item("web1", vault=OTHER_VAULT), policy())
    ended = gate(read, tmp_path, *arguments)

    assert (ended.code, ended.out, ended.err) == (2, "", f"azremedy: {said}\n")


@pytest.mark.parametrize("flag", ["--vault", "--policy"])
def test_is_not_open_for_a_vault_or_policy_that_azure_does_not_have(sandbox: Sandbox, flag: str) -> None:
    ended = on_sandbox(sandbox, "gate", flag, "nope")

    assert (ended.code, ended.out) == (2, "")
    assert "No VM is backed up" in ended.err


def test_what_was_not_read_may_be_the_vault_that_is_named(tmp_path: Path) -> None:
    read = estate(vm(), item(), unread=(Unread(Read.ITEMS, OTHER_VAULT, "refused", 403, "x"),))

    assert gate(read, tmp_path, "--vault", "vault2").code == 3
    assert gate(read, tmp_path, "--policy", "unheard-of").code == 3
    assert gate(read, tmp_path, "--vault", "vault3", "--allow-partial").code == 2


def test_an_estate_that_is_too_old_tells_nothing(tmp_path: Path) -> None:
    old, allowed = gate(well, tmp_path, hours=3), gate(well, tmp_path, "--max-age", "4h", hours=3)

    assert (old.code, allowed.code) == (3, 0)
    assert "was read 3 h ago, and --max-age is 1 h: read the subscription again" in old.err


def test_before_a_backup_only_what_is_due_counts(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    soon = (now + timedelta(hours=1)).time().replace(microsecond=0)
    due = policy(schedule=Schedule((time(soon.hour, soon.minute),)))
    read = replace(sick, policies=(due,), items=(replace(sick.items[0], policy=policy_id("daily")),))

    assert gate(read, tmp_path, "--before-backup", "2h").code == 1
    assert gate(read, tmp_path, "--before-backup", "10m").code == 0


def test_beside_a_baseline_only_what_is_new_closes_it(tmp_path: Path) -> None:
    kept = tmp_path / "baseline.json"
    scan = azremedy("scan", "--estate", keep(sick, tmp_path), *LOCKS, "--write-baseline", kept, "-o", "none")

    ended = gate(sick, tmp_path, "--baseline", kept)
    new = gate(sick, tmp_path, "--baseline", empty(tmp_path))

    assert scan.code == 0
    assert (ended.code, ended.err) == (0, OPEN)
    assert "Since the baseline: 0 new, 0 worse, 1 unchanged, 0 gone" in ended.out
    assert (new.code, new.err) == (1, CLOSED)
    assert "corroborated (new)" in new.out


def empty(folder: Path) -> Path:
    file = folder / "empty.json"
    file.write_text('{"schemaVersion": 1, "findings": {}}')
    return file


def test_what_is_suppressed_does_not_close_it_and_is_there_on_request(tmp_path: Path) -> None:
    accepted = tmp_path / "ignore.yaml"
    accepted.write_text(
        "suppressions:\n"
        "  - playbook: restore-point-lock\n"
        f"    scope: {vm().id}\n"
        '    reason: "kept by order \\u001b[31m"\n'
        f"    expires: {datetime.now(UTC).date() + timedelta(days=30)}\n"
    )

    ended = gate(sick, tmp_path, "--suppressions", accepted, "--show-suppressed")
    whole = json.loads(gate(sick, tmp_path, "--suppressions", accepted, "-o", "json").out)
    flat = gate(sick, tmp_path, "--suppressions", accepted, "-o", "csv")

    assert (ended.code, ended.err) == (0, OPEN)
    assert "Nothing was found beside what is suppressed." in ended.out
    assert r"kept by order \x1b[31m" in ended.out
    assert whole["findings"][0]["suppressed"]["reason"].startswith("kept by order")
    assert whole["summary"]["corroborated"] == 0
    assert flat.out == ""
    Draft202012Validator(schema("scan")).validate(whole)


def test_reads_no_more_than_a_scan(sandbox: Sandbox) -> None:
    calls = [
        json.loads(on_sandbox(sandbox, name, "-o", "json").out)["subscriptions"][0]["calls"]
        for name in ("scan", "gate")
    ]

    assert calls[0] == calls[1]


def test_sends_nothing_but_reads(sandbox: Sandbox) -> None:
    sandbox.clear()
    on_sandbox(sandbox, "gate", "--deep", "--before-backup", "24h")

    assert {one.method for one in sandbox.requests if "/oauth2/" not in one.path} == {"GET"}


def test_has_no_flag_that_writes() -> None:
    shown = azremedy("gate", "--help").out

    for flag in ("--apply", "--yes", "--allow ", "--guest", "--exit-zero"):
        assert flag not in shown


@pytest.mark.parametrize(
    ("file", "code", "said"),
    [
        ("terraform-lock.json", 1, "restore-point-lock"),
        (
            "what-if-harmless.json",
            0,
            "The change breaks no backup, as far as is known; what is there already was not judged.",
        ),
    ],
)
def test_of_a_change_only_what_it_breaks_itself_counts(
    sandbox: Sandbox, file: str, code: int, said: str
) -> None:
    change = Path(__file__).parents[1] / "examples" / "changes" / file
    ended = on_sandbox(sandbox, "gate", "--change", str(change))

    assert (ended.code, said in " ".join(ended.out.split())) == (code, True), ended.err
    assert "agent-unresponsive" not in ended.out


@pytest.mark.parametrize(
    "told",
    [
        plan(planned("azurerm_management_lock", None, {"lock_level": "ReadOnly"}, unknown={"scope": True})),
        what_if(foreseen(LOCK, None, {"level": "ReadOnly"}, "Nonsense")),
        {**plan(), "resource_changes": [None]},
    ],
    ids=["a scope known after apply", "a change type nobody knows", "no resource"],
)
def test_the_verdict_on_a_change_says_how_much_of_it_was_not_evaluated(told: object, tmp_path: Path) -> None:
    file = tmp_path / "change.json"
    file.write_text(json.dumps(told))
    ended = azremedy("gate", "--estate", keep(fresh(world()), tmp_path), "--allow-partial", "--change", file)

    assert ended.code == 0
    assert "nothing at or above corroborated was found; not evaluated: 1" in ended.err
    assert "Not evaluated:" in ended.out


def test_the_verdict_names_backups_that_failed_unexplained_and_reads_that_were_accepted(
    tmp_path: Path,
) -> None:
    odd = fresh(
        estate(
            vm(),
            failed_item(),
            failed_job("NobodyKnows"),
            unread=(Unread(Read.DISKS, OTHER_VAULT, "refused"),),
        )
    )
    ended = azremedy("gate", "--estate", keep(odd, tmp_path), "--allow-partial")

    assert ended.code == 0
    assert (
        "; failed, and no finding says why: 1 VM; reads that failed, accepted by --allow-partial: "
        in ended.err
    )


def test_a_threshold_of_never_is_said_to_let_all_pass(tmp_path: Path) -> None:
    ended = gate(sick, tmp_path, "--fail-on", "never")

    assert (ended.code, ended.err) == (
        0, "azremedy: the gate is open: --fail-on never lets all findings pass\n"
    )  # fmt: skip


def test_what_is_no_change_is_refused_in_a_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "change.json"
    file.write_text("{}")
    ended = on_sandbox(sandbox, "gate", "--change", str(file))

    assert ended.code == 2
    assert ended.err.startswith("azremedy: ")
    assert len(ended.err.splitlines()) == 1
