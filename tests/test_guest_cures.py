"""What is cured inside VMs: planted, found from inside, cured by a script, looked at again, backed up, taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from building import GUARDED, cured, estate, failed_item, failed_job, item, left, linux, vm, windows
from commands import Desk, document, written
from sandboxed import Lab
from sandboxed import estate as described
from sandboxed import vm as machine

from azremedy.arm import Request
from azremedy.guest import (
    ASIDE,
    ASIDE_BACK,
    PROBES,
    answers,
    starting,
    vss_copy,
)
from azremedy.plan import FixClass, Irreversible, Step, View
from azremedy.resources import Service, Setting
from azremedy.roles import roles
from azremedy.sandbox import embedded
from azremedy.sandbox.description import Fault

SPEED = 300.0
S1 = "UserErrorGuestAgentStatusUnavailable"
BROKEN = "ExtensionOperationFailedForManagedDisks"
STALE = {
    f"/var/lib/waagent/{name}": "<xml/>\n"
    for name in ("GoalState.7.xml", "ExtensionsConfig.7.xml", "Prod.3.manifest.xml")
}


@dataclass(frozen=True)
class Sick:
    """A VM with a cause inside, what finds it, what it is cured with, and how its backup fails until then."""

    playbook: str
    cause: str
    vm: Mapping[str, Any]
    flags: tuple[str, ...] = ("--allow", "guarded")
    code: str | None = None
    severity: str = "corroborated"
    found_after: bool = False
    back: bool = True
    steps: int = 1
    scripts: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)


def failing(code: str) -> dict[str, Any]:
    return {"completed": 32, "failed": {"code": code}}


PROVIDER = Sick(
    "provider-service",
    "C5",
    machine(
        "sql1",
        guest={"services": {"IaasVmProvider": {"state": "stopped", "start": "disabled"}}},
        backup=failing(BROKEN),
    ),
    code=BROKEN,
)
LEFTOVER = Sick(
    "stale-goal-state",
    "C3",
    machine(
        "web1",
        os="Linux",
        guest={"files": STALE, "packages": {"walinuxagent": "2.2.14-1"}},
        backup=failing(S1),
    ),
    code=S1,
)
SQL = Sick(
    "sql-vss",
    "C4a",
    machine(
        "sql1", guest={"services": {"MSSQLSERVER": {}}}, backup=failing("ExtensionSnapshotFailedNoNetwork")
    ),
    flags=("--allow", "guarded", "--vss-copy", "sql1"),
    found_after=True,
)
UNIT = Sick(
    "agent-service",
    "C3",
    machine(
        "web1",
        os="Linux",
        guest={"services": {"walinuxagent": {"start": "disabled", "restart": "no"}}},
        backup=failing(S1),
    ),
    code=S1,
    steps=2,
    scripts=2,
)
STOPPED = Sick(
    "agent-service",
    "C2",
    machine(
        "sql1",
        guest={"services": {"RdAgent": {"state": "stopped", "start": "disabled"}}},
        backup=failing(S1),
    ),
    code=S1,
    steps=2,
    scripts=2,
)
OUTDATED = Sick(
    "agent-outdated",
    "C3",
    machine(
        "web1", os="Linux", agent={"version": "2.2.40"}, backup=failing("GuestAgentSnapshotTaskStatusError")
    ),
    code="GuestAgentSnapshotTaskStatusError",
    back=False,
)
HIDDEN = Sick(
    "vmsnapshot-extension",
    "C5",
    machine("web1", os="Linux", snapshot="failed", backup=failing(BROKEN)),
    code=BROKEN,
    steps=2,
    back=False,
)
HIDDEN_ON_WINDOWS = Sick(
    "vmsnapshot-extension",
    "C5",
    machine("sql1", snapshot="failed", backup=failing(BROKEN)),
    code=BROKEN,
    steps=2,
    back=False,
)
COM = "ExtensionSnapshotFailedCOM"
COORDINATOR = "ExtensionInstallationFailedMDTC"
VSS = "ExtensionFailedVssServiceInBadState"
WRITER = "ExtensionFailedVssWriterInBadState"
CRYPTO = "ExtensionSnapshotFailedNoSecureNetwork"
RUNTIME = "ExtensionVCRedistInstallationFailure"
NETWORK_SERVICE = r"NT AUTHORITY\NetworkService"
KEY = r"HKLM:\SOFTWARE\Microsoft\.NETFramework"
INSTALLER = r"HKLM:\SYSTEM\CurrentControlSet\Services\Msiserver"


def part(playbook: str, cause: str, code: str, *, back: bool = True, **guest: Any) -> Sick:
    """Return a Windows VM in which a part that the snapshot needs does not work."""
    return Sick(playbook, cause, machine("sql1", guest=guest, backup=failing(code)), code=code, back=back)


PARTS = {
    "COM+ disabled": part(
        "com-system-application", "C20a", COM, services={"COMSysApp": {"state": "stopped", "start": "disabled"}}
    ),
    "COM+ stopped": part(
        "com-system-application", "C20a", COM, services={"COMSysApp": {"state": "stopped", "start": "manual"}}
    ),
    "MSDTC disabled": part(
        "transaction-coordinator", "C20b", COORDINATOR,
        services={"MSDTC": {"state": "stopped", "start": "disabled", "account": NETWORK_SERVICE}},
    ),
    "VSS disabled": part("vss-writers", "C20c", VSS, services={"VSS": {"state": "stopped", "start": "disabled"}}),
    "writers that failed": part(
        "vss-writers", "C20c", WRITER, back=False,
        services={"SQLWriter": {}, "CryptSvc": {}}, writers={"SqlServerWriter": 8, "System Writer": 5},
    ),
    "strong cryptography not set": part(
        "strong-crypto", "C20f", CRYPTO,
        registry={rf"{KEY}\v4.0.30319": {"SchUseStrongCrypto": None}, rf"{KEY}\v2.0.50727": {"SchUseStrongCrypto": 0}},
    ),
    "the installer disabled": part("windows-installer", "C20g", RUNTIME, registry={INSTALLER: {"Start": 4}}),
}  # fmt: skip
CASES: Mapping[str, Sick] = {
    **{
        f"{one.playbook}, {one.vm.get('os', 'Windows')}": one
        for one in (PROVIDER, LEFTOVER, SQL, UNIT, STOPPED, OUTDATED, HIDDEN, HIDDEN_ON_WINDOWS)
    },
    **PARTS,
}
CURABLE = [pytest.param(one, id=name) for name, one in CASES.items()]


@contextmanager
def at(folder: Path, sick: Sick, **sections: Any) -> Iterator[Desk]:
    with embedded(folder / "sandbox", estate=described(sick.vm, **sections), speed=SPEED) as sandbox:
        yield Desk(sandbox, folder)


def fix(desk: Desk, sick: Sick, *more: str) -> Any:
    return desk(
        "fix", "-s", "demo", "--guest", "--now", "--playbook", sick.playbook, *sick.flags, "-o", "json", *more
    )


def scripts(desk: Desk) -> list[str]:
    """What was run inside VMs, by its first line."""
    return [
        one.body["script"][0][:60] for one in desk.sandbox.requests
        if one.method == "POST" and "/runcommand" in one.path.lower()
    ]  # fmt: skip


def cures(desk: Desk) -> list[Any]:
    return [
        one for one in scripts(desk) if not one.startswith(("$ErrorActionPreference", "# azremedy's probe"))
    ]


def found(desk: Desk, sick: Sick) -> list[str]:
    ended = desk("scan", "-s", "demo", "--guest", "--now", "-o", "json")
    return [one["playbook"] for one in document(ended)["findings"] if one["playbook"] == sick.playbook]


def caused(desk: Desk, sick: Sick) -> list[str]:
    """What `diagnose` says is the cause, or are the causes."""
    made = document(desk("diagnose", "-s", "demo", "--vm", name_of(sick), "--guest", "--now", "-o", "json"))
    return [one["cause"] for one in made["causes"] if one["verdict"] == "cause"]


def name_of(sick: Sick) -> str:
    return str(sick.vm["name"])


def inside(lab: Lab, sick: Sick) -> Any:
    """Return what the probe says of the VM now, asked by the SDK."""
    script = PROBES[str(sick.vm.get("os", "Windows")).lower()]
    name = name_of(sick)
    result = lab.compute.virtual_machines.begin_run_command("shop", name, script.body).result()
    return answers.answer(answers.written(result.as_dict()), script.os)


def lasting(told: Any) -> Any:
    """Return what a probe says but for which services run: one that was started is not stopped again."""
    return {**told, "services": {name: start for name, (_, start) in told.get("services", {}).items()}}


@pytest.mark.slow
@pytest.mark.parametrize("sick", CURABLE)
class TestFromEndToEnd:
    def test_found_diagnosed_shown_cured_proved_and_taken_back(self, tmp_path: Path, sick: Sick) -> None:
        with at(tmp_path, sick) as desk:
            lab = Lab(desk.sandbox, speed=SPEED)
            if sick.code:
                assert lab.job(name=name_of(sick)).status == "Failed"
            assert found(desk, sick) == [sick.playbook]
            assert caused(desk, sick) == [sick.cause]
            before = inside(lab, sick)
            desk.sandbox.clear()
            shown = fix(desk, sick)
            assert (shown.code, len(document(shown)["groups"])) == (0, 1)
            assert cures(desk) == []

            done = fix(desk, sick, "--apply", "--yes")
            assert [one["outcome"] for one in document(done)["steps"]] == ["applied"] * sick.steps, done.err
            assert len(cures(desk)) == sick.scripts
            assert sick.steps > 1 or inside(lab, sick) != before
            assert bool(found(desk, sick)) is sick.found_after
            # It is also what keeps the way back from waiting for a backup that is due.
            assert lab.job(name=name_of(sick)).status == "Completed"

            if not sick.back:
                return
            run = next(
                one["run"]
                for one in json.loads(desk("runs", "-o", "json").out)
                if one["writes"] and cure_of(desk, one["run"])
            )
            dry = desk("rollback", run, "--dry-run", AZREMEDY_SUBSCRIPTION="demo")
            assert dry.code == 0, dry.err
            assert "take back: " in dry.out
            back = desk("rollback", run, "--yes", "--allow", "guarded", AZREMEDY_SUBSCRIPTION="demo")
            assert back.code == 0, back.err + back.out
            assert lasting(inside(lab, sick)) == lasting(before)
            lab.close()

    def test_a_script_whose_answer_is_lost_is_looked_for_inside_and_never_sent_twice(
        self, tmp_path: Path, sick: Sick
    ) -> None:
        with at(tmp_path, sick) as desk:
            # The third is the cure's: the scan's probe and the last look before it come first.
            desk.sandbox.faults = [Fault(match="POST .*/runCommand", kind="drop-after", nth=3)]
            done = fix(desk, sick, "--apply", "--yes")

            assert len(cures(desk)) == sick.scripts
            assert [one["outcome"] for one in document(done)["steps"]] == ["applied"] * sick.steps, done.err


@pytest.mark.slow
def test_two_causes_in_one_vm_are_cured_one_after_the_other(tmp_path: Path) -> None:
    inside_ = {
        "files": STALE,
        "packages": {"walinuxagent": "2.2.14-1"},
        "services": {"walinuxagent": {"start": "disabled"}},
    }
    both = Sick("", "", machine("web1", os="Linux", guest=inside_, backup=failing(S1)))
    with at(tmp_path, both) as desk:
        lab = Lab(desk.sandbox, speed=SPEED)
        assert lab.job(name="web1").status == "Failed"
        done = desk(
            "fix", "-s", "demo", "--guest", "--now", "--allow", "guarded", "--apply", "--yes", "-o", "json"
        )
        left_ = inside(lab, both)
        assert lab.job(name="web1").status == "Completed"
        lab.close()

    assert [one["outcome"] for one in document(done)["steps"]] == ["applied"] * 3, done.err
    assert [one["summary"].partition(" of ")[0] for one in document(done)["steps"]] == [
        "have systemd start the agent", "restart the agent", "move the leftover goal-state files",
    ]  # fmt: skip
    assert (left_["stale"], left_["agent"]) == (0, ["walinuxagent", "active", "enabled"])
    assert done.code == 0


@pytest.mark.parametrize(
    "less",
    [
        None,
        "Microsoft.Compute/virtualMachines/runCommand/action",
        "Microsoft.Compute/virtualMachines/instanceView/read",
    ],
)
def test_the_role_of_the_playbook_is_enough_and_no_less_is(tmp_path: Path, less: str | None) -> None:
    held = [one for one in roles()["provider-service"].actions if one != less]
    who = {"name": "one", "client_id": "5a6db0c5-0000-4000-8000-000000000077", "secret": "s", "actions": held}
    with at(tmp_path, PROVIDER, identities=[who]) as desk:
        line = ("fix", "-s", desk.sandbox.subscription, "--guest", "--now", "--playbook", PROVIDER.playbook)
        signed = {"AZURE_CLIENT_ID": str(who["client_id"]), "AZURE_CLIENT_SECRET": "s"}
        ended = desk(*line, *PROVIDER.flags, "--apply", "--yes", "-o", "json", **signed)

        assert (ended.code == 0) is (less is None), ended.err
        assert len(cures(desk)) == (1 if less is None else 0)


def cure_of(desk: Desk, run: str) -> bool:
    steps = document(desk("runs", "show", run, "-o", "json"))["steps"]
    return any("ask inside" not in one["what"] for one in steps)


class TestRefused:
    def test_nothing_is_sent_when_somebody_cured_it_meanwhile(self, tmp_path: Path) -> None:
        with at(tmp_path, PROVIDER) as desk:
            file = tmp_path / "plan.json"
            fix(desk, PROVIDER, "--save", str(file))
            lab = Lab(desk.sandbox, speed=SPEED)
            body = starting("IaasVmProvider", "Automatic").body
            lab.compute.virtual_machines.begin_run_command("shop", "sql1", body).result()
            lab.close()
            desk.sandbox.clear()
            ended = desk("fix", "--apply", "--plan", file, "--yes", "--now", "-o", "json")

            assert cures(desk) == []
        assert ended.code == 6

    def test_a_saved_plan_asks_again_and_does_what_it_shows(self, tmp_path: Path) -> None:
        with at(tmp_path, PROVIDER) as desk:
            file = tmp_path / "plan.json"
            fix(desk, PROVIDER, "--save", str(file))
            ended = desk("fix", "--apply", "--plan", file, "--yes", "--now", "-o", "json")

            assert [one["outcome"] for one in document(ended)["steps"]] == ["applied"]

    @pytest.mark.parametrize(
        ("flags", "says"),
        [
            (("--playbook", "provider-service"), "provider-service shows only inside a VM: give --guest"),
            (("--vss-copy", "sql1"), "--vss-copy needs --guest"),
        ],
    )
    def test_without_leave_to_ask(self, tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
        with at(tmp_path, PROVIDER) as desk:
            ended = desk("fix", "-s", "demo", *flags)

            assert written(desk.sandbox) == []
        assert ended.code == 2
        assert says in ended.err

    @pytest.mark.slow
    def test_a_server_that_is_named_gets_the_key_though_its_backups_are_well(self, tmp_path: Path) -> None:
        healthy = replace(SQL, vm=machine("sql1", guest={"services": {"MSSQLSERVER": {}}}))
        with at(tmp_path, healthy) as desk:
            shown = document(fix(desk, healthy))
            assert "set USEVSSCOPYBACKUP of sql1 to TRUE" in json.dumps(shown["groups"])
            assert "--allow guarded" in json.dumps(
                document(fix(desk, replace(healthy, flags=SQL.flags[2:])))["byHand"]
            )
            done = fix(desk, healthy, "--apply", "--yes")
            assert [one["outcome"] for one in document(done)["steps"]] == ["applied"]
            assert done.code == 0, done.err
            again = fix(desk, healthy)
            assert document(again)["groups"] == []
            assert "--vss-copy sql1: the key is TRUE there already" in again.err
            back = desk("rollback", document(done)["run"], "--yes", "--now")
            assert back.code == 0, back.err
            assert document(fix(desk, healthy))["groups"]

    def test_a_vm_without_sql_server_that_is_named_is_told_of(self, tmp_path: Path) -> None:
        with at(tmp_path, replace(SQL, vm=machine("sql2"))) as desk:
            ended = desk("fix", "-s", "demo", "--guest", "--now", "--vss-copy", "sql2")

        assert "--vss-copy sql2 fits no VM on which SQL Server was found" in ended.err

    def test_a_dry_run_shows_the_script_as_it_is_run(self, tmp_path: Path) -> None:
        with at(tmp_path, LEFTOVER) as desk:
            ended = desk(
                "fix", "-s", "demo", "--guest", "--now", "--playbook", LEFTOVER.playbook, *LEFTOVER.flags
            )
        lines = [line.strip() for line in ended.out.splitlines()]

        assert "with this script:" in lines
        assert set(ASIDE.lines[1:3]) <= set(lines)
        assert cures(desk) == []

    def test_without_admission_nothing_inside_is_touched(self, tmp_path: Path) -> None:
        with at(tmp_path, PROVIDER) as desk:
            ended = desk("fix", "-s", "demo", "--guest", "--now", "--apply", "--yes", "-o", "json")

            assert cures(desk) == []
        assert "--allow guarded" in json.dumps(document(ended))


class TestPlans:
    def test_the_providers_service(self) -> None:
        bad = windows(services=(Service("IaasVmProvider", "Stopped", "Disabled"),))
        cure = cured("provider-service", estate(vm(), failed_item(), failed_job(BROKEN), bad))
        [step] = cure.nodes

        assert isinstance(step, Step)
        assert step.fix_class is FixClass.GUARDED
        assert step.request.body == starting("IaasVmProvider", "Automatic").body
        assert isinstance(step.undo, Request)
        assert step.undo.body == starting("IaasVmProvider", "Disabled").body
        assert [(one.view, one.path, one.value) for one in step.before[-1:]] == [
            (View.WINDOWS_GUEST, "services.IaasVmProvider.start", "Disabled")
        ]
        assert step.permissions == {"Microsoft.Compute/virtualMachines/runCommand/action"}
        assert step.changes_vm == vm().id

    def test_leftover_files_go_aside_and_come_back(self) -> None:
        bad = linux(stale=3, package="2.2.14")
        [step] = cured("stale-goal-state", estate(vm(os="Linux"), failed_item(), failed_job(S1), bad)).nodes

        assert isinstance(step, Step)
        assert isinstance(step.undo, Request)
        assert step.undo.body == ASIDE_BACK.body
        assert [one.value for one in step.after] == [0]

    @pytest.mark.parametrize("before", [None, "FALSE", "", "it's"])
    def test_the_key_goes_back_to_what_it_held(self, before: str | None) -> None:
        settings = () if before is None else (Setting("USEVSSCOPYBACKUP", before),)
        bad = windows(services=(Service("MSSQLSERVER", "Running", "Auto"),), settings=settings)
        choices = GUARDED.__class__(allow=GUARDED.allow, vss_copy=frozenset({"sql1"}))
        [step] = cured("sql-vss", estate(vm(), item(), bad), choices).nodes

        assert isinstance(step, Step)
        assert isinstance(step.undo, Request)
        assert not isinstance(step.undo, Irreversible)
        assert step.undo.body == vss_copy(before).body

    @pytest.mark.parametrize(
        ("key", "named", "says"),
        [
            (None, (), "--vss-copy sql1"),
            ("TRUE", ("sql1",), "TRUE already"),
            ("\u2019", ("sql1",), "could not be put back"),
        ],
    )
    def test_the_key_is_left_to_a_person(self, key: str | None, named: tuple[str, ...], says: str) -> None:
        settings = () if key is None else (Setting("USEVSSCOPYBACKUP", key),)
        bad = windows(services=(Service("MSSQLSERVER", "Running", "Auto"),), settings=settings)
        choices = GUARDED.__class__(allow=GUARDED.allow, vss_copy=frozenset(named))

        assert says in left("sql-vss", estate(vm(), item(), bad), choices).reason

    def test_a_start_mode_that_nobody_knows_is_left_to_a_person(self) -> None:
        bad = windows(services=(Service("IaasVmProvider", "Stopped", "Boot"),))

        assert (
            "Set-Service"
            in left("provider-service", estate(vm(), failed_item(), failed_job(BROKEN), bad)).reason
        )
