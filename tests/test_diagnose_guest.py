"""`azremedy diagnose --guest`: what Azure does not show gets a verdict, by one script inside the one VM that is meant."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from building import vm_id
from commands import Desk, Ended, document, written
from jsonschema import Draft202012Validator
from sandboxed import estate, vm

from azremedy.catalogue.origin import ORIGIN
from azremedy.plan import Cure, Group
from azremedy.planning import Plan
from azremedy.report.diagnosis import fix_command
from azremedy.report.schema import schema
from azremedy.sandbox import embedded

SILENT = "UserErrorGuestAgentStatusUnavailable"
TASK = "GuestAgentSnapshotTaskStatusError"
MANAGED = "ExtensionOperationFailedForManagedDisks"
REGISTRY = r"HKLM:\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full"

CRYPTO = r"HKLM:\SOFTWARE\Microsoft\.NETFramework\v4.0.30319"
LEASE, NETPLAN = "/run/systemd/netif/leases/2", "/etc/netplan/50-cloud-init.yaml"
INSTALLER = r"HKLM:\SYSTEM\CurrentControlSet\Services\Msiserver"


def failed(code: str) -> dict[str, Any]:
    return {"completed": 32, "failed": {"code": code}}


def sick(code: str, os: str = "Windows", name: str = "sql1", **inside: Any) -> dict[str, Any]:
    """Describe a VM of which a backup failed, and what is inside it."""
    return vm(name, os=os, backup=failed(code), guest=inside)


@contextmanager
def desk(folder: Path, *vms: Any, **sections: Any) -> Iterator[Desk]:
    with embedded(folder / "sandbox", estate=estate(*vms, **sections), speed=400) as sandbox:
        yield Desk(sandbox, folder)


def diagnosed(at: Desk, *more: str, code: int = 0) -> Mapping[str, Any]:
    ended = at("diagnose", "--vm", "sql1", "-s", "demo", "-o", "json", *more)
    assert ended.code == code, ended.err
    made = document(ended)
    Draft202012Validator(schema("diagnosis")).validate(made)
    return made


def of(made: Mapping[str, Any], verdict: str) -> dict[str, Mapping[str, Any]]:
    """Return the causes of a verdict by id."""
    return {one["cause"]: one for one in made["causes"] if one["verdict"] == verdict}


def asked(at: Desk) -> list[str]:
    """The VMs that were sent a script; whatever else was written fails the test."""
    lines = written(at.sandbox)
    assert all(line.lower().endswith("/runcommand") for line in lines)
    return [line.split("/")[-2] for line in lines]


PLANTED: list[Any] = [
    pytest.param(sick(SILENT, wire_server=[80]), "C1w", "wire-server", id="a port of the wire server"),
    pytest.param(sick(SILENT, "Linux", wire_server=[]), "C1w", "wire-server", id="the wire server, on Linux"),
    pytest.param(sick(MANAGED, wire_server=[80]), "C1", "wire-server", id="an error that names the way out only"),
    pytest.param(
        sick(SILENT, adapters=[{"dhcp": False}]), "C4c", "guest-dhcp", id="an address typed into Windows"
    ),
    pytest.param(
        sick(
            SILENT, "Linux",
            files={LEASE: None, NETPLAN: "network:\n  ethernets:\n    eth0:\n      addresses: [10.0.0.4/24]\n"},
        ),
        "C4c", "guest-dhcp", id="an address typed into Linux",
    ),
    pytest.param(
        sick(TASK, registry={REGISTRY: {"Release": 378388}}), "C2", "dotnet-runtime", id="an old .NET"
    ),
    pytest.param(sick(TASK, registry={REGISTRY: None}), "C2", "dotnet-runtime", id="no .NET"),
    pytest.param(
        sick(MANAGED, services={"IaasVmProvider": {"state": "stopped", "start": "disabled"}}),
        "C5", "provider-service", id="a disabled provider",
    ),
    pytest.param(sick(TASK, services={"MSSQLSERVER": {}}), "C4a", "sql-vss", id="SQL Server"),
    pytest.param(
        sick(TASK, "Linux", files={"/usr/bin/python3": None}), "C18", "agent-config", id="no Python"
    ),
    pytest.param(
        sick(TASK, "Linux", services={"walinuxagent": {"start": "disabled"}}),
        "C3", "agent-service", id="an agent that is not started again",
    ),
    pytest.param(
        sick(SILENT, "Linux", services={"walinuxagent": {"restart": "no"}}),
        "C3", "agent-service", id="an agent that nothing starts again when it ends",
    ),
    pytest.param(
        sick(SILENT, services={"RdAgent": {"state": "stopped"}}), "C2", "agent-service", id="a stopped service of the agent"
    ),
    pytest.param(
        sick(SILENT, services={"RdAgent": None}), "C2", "agent-service", id="a missing service of the agent"
    ),
    pytest.param(
        sick(
            SILENT, "Linux", packages={"walinuxagent": "2.2.18-3ubuntu1"},
            files={f"/var/lib/waagent/{one}": "<x/>\n" for one in ("GoalState.7.xml", "HostingEnvironmentConfig.7.xml")},
        ),
        "C3", "stale-goal-state", id="goal-state files of an old agent",
    ),
    pytest.param(
        sick("ExtensionSnapshotFailedCOM", services={"COMSysApp": {"state": "stopped", "start": "manual"}}),
        "C20a", "com-system-application", id="COM+ stopped",
    ),
    pytest.param(
        sick("ExtensionInstallationFailedMDTC", services={"MSDTC": {"account": "LocalSystem"}}),
        "C20b", "transaction-coordinator", id="a transaction coordinator under the wrong account",
    ),
    pytest.param(
        sick("ExtensionFailedVssServiceInBadState", services={"VSS": {"state": "stopped", "start": "disabled"}}),
        "C20c", "vss-writers", id="VSS disabled",
    ),
    pytest.param(
        sick("ExtensionFailedVssWriterInBadState", writers={"NTDS": 9}),
        "C20c", "vss-writers", id="a writer that failed",
    ),
    pytest.param(
        sick("ExtensionConfigParsingFailure", machine_keys={"S-1-1-0": 1180063}),
        "C20d", "machine-keys", id="rights on the machine's keys",
    ),
    pytest.param(
        sick("ExtensionSnapshotFailedNoSecureNetwork", registry={CRYPTO: {"SchUseStrongCrypto": 0}}),
        "C20f", "strong-crypto", id="weak cryptography",
    ),
    pytest.param(
        sick("ExtensionVCRedistInstallationFailure", registry={INSTALLER: {"Start": 4}}),
        "C20g", "windows-installer", id="a disabled installer",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("described", "cause", "playbook"), PLANTED)
def test_what_is_planted_inside_is_the_cause_and_no_other_is(
    tmp_path: Path, described: Any, cause: str, playbook: str
) -> None:
    with desk(tmp_path, described) as at:
        made = diagnosed(at, "--guest")
        borne_out = [one["playbook"] for one in made["findings"] if one["severity"] == "corroborated"]

        assert asked(at) == ["sql1"]
    assert list(of(made, "cause")) == [cause]
    assert borne_out == [playbook]
    assert playbook in of(made, "cause")[cause]["playbooks"]
    assert not [
        one for one in of(made, "unknown").values() if any("--guest" in line for line in one["tells"])
    ]


SIGNS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "C1": ("wire-server", {"guest": {"wire_server": [80]}}),
    "C2": ("agent-service", {"guest": {"services": {"RdAgent": {"state": "stopped"}}}}),
    "C3": ("agent-service", {"os": "Linux", "guest": {"services": {"walinuxagent": {"start": "disabled"}}}}),
    "C4a": ("sql-vss", {"guest": {"services": {"MSSQLSERVER": {}}}}),
    "C4b": ("vm-power-state", {"power": "stopped"}),
    "C4c": ("guest-dhcp", {"guest": {"adapters": [{"dhcp": False}]}}),
    "C5": (
        "provider-service", {"guest": {"services": {"IaasVmProvider": {"state": "stopped", "start": "disabled"}}}}
    ),
}  # fmt: skip
"""Causes that the origin lists under several messages, each with the playbook that sees it and a VM that has it."""

PAIRS = {
    f"{symptom.code}, {cause}": (f"vm{number}", symptom.code, cause)
    for number, (symptom, cause) in enumerate(product(ORIGIN, SIGNS))
    if symptom.listed_in("2018-01", cause) and not (cause == "C1" and symptom.lists("C1w"))
}
"""Each such message and cause, and the VM for it. Where C1w is listed, a blocked wire server is told as that."""


@pytest.fixture(scope="module")
def each_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    vms = [vm(name, backup=failed(code), **SIGNS[cause][1]) for name, code, cause in PAIRS.values()]
    with desk(tmp_path_factory.mktemp("pairs"), *vms) as at:
        yield at


@pytest.mark.parametrize("pair", PAIRS)
def test_a_cause_is_told_under_each_message_that_lists_it(each_pair: Desk, pair: str) -> None:
    name, code, cause = PAIRS[pair]
    ended = each_pair("diagnose", "--vm", name, "-s", "demo", "--guest", "--now", "-o", "json")
    made = document(ended)
    causes = of(made, "cause")

    assert made["failure"]["errorCode"] == code
    assert cause in causes
    assert all(SIGNS[cause][0] in one["playbooks"] for one in causes.values())
    assert [one["playbook"] for one in made["findings"] if one["severity"] == "corroborated"] == [
        SIGNS[cause][0]
    ]
    assert causes[cause]["listed"]


@pytest.mark.parametrize(("described", "cause", "playbook"), PLANTED)
def test_without_guest_it_cannot_tell_and_says_that_guest_would(
    tmp_path: Path, described: Any, cause: str, playbook: str
) -> None:
    with desk(tmp_path, described) as at:
        made = diagnosed(at)

        assert asked(at) == []
    assert of(made, "cause") == {}
    assert f"--guest, which asks inside the VM ({playbook})" in of(made, "unknown")[cause]["tells"]


@pytest.mark.parametrize("os", ["Windows", "Linux"])
def test_a_guest_that_is_well_rules_out_what_is_seen_inside(tmp_path: Path, os: str) -> None:
    with desk(tmp_path, sick(TASK, os)) as at:
        before, after = diagnosed(at), diagnosed(at, "--guest")
    open_, closed = (
        {one for one, told in of(made, "unknown").items() if told["playbooks"]} for made in (before, after)
    )

    assert open_ >= (
        {"C1", "C2", "C4a", "C4c", "C5"} if os == "Windows" else {"C1", "C3", "C4c", "C5", "C18"}
    )
    assert closed == set()
    assert of(after, "cause") == {}


def test_a_linux_guest_without_a_lease_leaves_dhcp_open(tmp_path: Path) -> None:
    with desk(tmp_path, sick(SILENT, "Linux", files={"/run/systemd/netif/leases/2": None})) as at:
        assert "C4c" in of(diagnosed(at, "--guest"), "unknown")


class TestWhatComesBeforeAsking:
    """A VM whose agent is silent, or that does not run, answers nobody: what has to be done first is said as well."""

    @pytest.mark.parametrize("flags", [(), ("--guest",)], ids=["without --guest", "with --guest"])
    @pytest.mark.parametrize(
        ("state", "because"),
        [("not-ready", "the VM agent is not ready"), ("stale", "the VM agent's status is stale")],
    )
    def test_the_agent_is_to_be_ready_first(
        self, tmp_path: Path, flags: tuple[str, ...], state: str, because: str
    ) -> None:
        with desk(tmp_path, {**sick(SILENT, wire_server=[]), "agent": state}) as at:
            made = diagnosed(at, *flags, code=3 if flags else 0)

            assert asked(at) == []
        [tells] = [one for one in of(made, "unknown")["C1w"]["tells"] if "wire-server" in one]
        assert tells.endswith(
            "inside the VM once its agent is ready: the cure of agent-unresponsive comes first (wire-server)"
        )
        said = {one["playbook"]: one["message"] for one in made["findings"]}
        assert because in said["agent-unresponsive"]

    def test_the_vm_is_to_run_first(self, tmp_path: Path) -> None:
        with desk(tmp_path, {**sick(SILENT), "power": "stopped"}) as at:
            made = diagnosed(at)

        assert of(made, "unknown")["C4c"]["tells"] == [
            "--guest, which asks inside the VM once it runs: start it first (guest-dhcp)"
        ]


class TestWhoIsAsked:
    def test_the_one_vm_that_is_meant_however_it_is_named(self, tmp_path: Path) -> None:
        with desk(tmp_path, sick(SILENT, wire_server=[]), sick(SILENT, name="sql2")) as at:
            made = diagnosed(at)
            for flag, id_ in (("--item", made["item"]["id"]), ("--job", made["failure"]["job"])):
                assert "C1w" in of(document(at("diagnose", flag, id_, "--guest", "-o", "json")), "cause")

            assert asked(at) == ["sql1", "sql1"]

    def test_none_where_two_share_the_name(self, tmp_path: Path) -> None:
        with desk(tmp_path, sick(SILENT), {**sick(SILENT), "group": "office"}) as at:
            ended = at("diagnose", "--vm", "sql1", "-s", "demo", "--guest")

            assert (ended.code, "2 VMs fit" in ended.err) == (2, True)
            assert asked(at) == []

    def test_it_is_announced_before_and_kept_in_a_journal(self, tmp_path: Path) -> None:
        with desk(tmp_path, sick(SILENT)) as at:
            ended = at("diagnose", "--vm", "sql1", "-s", "demo", "--guest", "--quiet", "-o", "none")
            runs: Any = document(at("runs", "-o", "json"))

        assert "asking inside 1 VM of demo through Run Command" in ended.err
        assert [(one["state"], one["writes"]) for one in runs] == [("finished", 1)]

    @pytest.mark.parametrize(
        ("described", "because"),
        [
            pytest.param({"agent": "not-ready"}, "the VM agent is not ready", id="its agent is not ready"),
            pytest.param(
                {"extension_operations": False}, "does not allow extension operations", id="not allowed"
            ),
        ],
    )
    def test_not_one_that_cannot_answer_and_the_verdicts_stay_open(
        self, tmp_path: Path, described: Any, because: str
    ) -> None:
        with desk(tmp_path, {**sick(SILENT, wire_server=[]), **described}) as at:
            made = diagnosed(at, "--guest", code=3)

            assert asked(at) == []
        assert because in str(made["unread"])
        assert "C1w" in of(made, "unknown")
        assert any(because in line for line in of(made, "unknown")["C1w"]["evidence"])

    def test_not_one_that_does_not_run_and_the_verdicts_stay_open(self, tmp_path: Path) -> None:
        with desk(tmp_path, {**sick(SILENT), "power": "deallocated"}) as at:
            made = diagnosed(at, "--guest")

            assert asked(at) == []
        assert of(made, "unknown")["C4c"]["tells"] == [
            "asking inside the VM once it runs: start it first (guest-dhcp)"
        ]

    @pytest.mark.parametrize("os", ["Windows", "Linux"])
    def test_not_one_whose_backup_is_due_and_it_says_how_to_ask_in_spite_of_it(
        self, tmp_path: Path, os: str
    ) -> None:
        with desk(tmp_path, sick(TASK, os)) as at:
            [policy] = [key for key in at.sandbox.snapshot() if key.endswith("/backuppolicies/daily")]
            start = at.sandbox.now - timedelta(minutes=20)
            times = [f"2024-01-01T{start:%H:%M}:00Z"]
            at.sandbox.change(policy, "properties.schedulePolicy.scheduleRunTimes", times)
            made = diagnosed(at, "--guest", code=3)

            assert asked(at) == []
        latest = start + timedelta(hours=2)
        way = f"wait until it is over, at the latest {latest:%H:%M} UTC, or give --now"
        assert any(way in line for one in of(made, "unknown").values() for line in one["evidence"])
        for one in made["causes"]:
            assert len(set(one["evidence"])) == len(one["evidence"]), one
            assert len(set(one["tells"])) == len(one["tells"]), one

    def test_with_now_it_asks_whatever_the_schedule_says(self, tmp_path: Path) -> None:
        with desk(tmp_path, sick(SILENT, wire_server=[])) as at:
            assert "C1w" in of(diagnosed(at, "--guest", "--now"), "cause")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--vm", "sql1", "-s", "demo", "--now"), "--now means nothing without --guest."),
        (("--vm", "sql1", "--estate", "x.json", "--guest"), "--guest means nothing with --estate"),
    ],
)
def test_flags_that_mean_nothing_are_refused(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    with desk(tmp_path, sick(SILENT)) as at:
        ended: Ended = at("diagnose", *arguments)

        assert (ended.code, says in ended.err) == (2, True)
        assert asked(at) == []


def test_neither_the_environment_nor_a_file_asks(tmp_path: Path) -> None:
    config = tmp_path / "azremedy.toml"
    config.write_text("guest = true\n")
    with desk(tmp_path, sick(SILENT)) as at:
        at("diagnose", "--vm", "sql1", "-s", "demo", AZREMEDY_GUEST="1", AZREMEDY_NOW="1")
        refused = at("--config", config, "diagnose", "--vm", "sql1", "-s", "demo")

        assert refused.code == 2
        assert asked(at) == []


def test_the_screen_says_what_would_tell(tmp_path: Path) -> None:
    with desk(tmp_path, sick(SILENT, wire_server=[80])) as at:
        before = at("diagnose", "--vm", "sql1", "-s", "demo", COLUMNS="200").out
        after = at("diagnose", "--vm", "sql1", "-s", "demo", "--guest", COLUMNS="200").out

    assert "would tell: --guest, which asks inside the VM (wire-server)" in before
    [line] = [one for one in before.splitlines() if one.startswith("ask inside the VM as well:")]
    assert line.endswith("--vm sql1 --guest")
    assert "ask inside" not in after
    assert "C1w is the cause: Something in the guest blocks 168.63.129.16" in after
    assert "the guest does not reach 168.63.129.16 on port 32526" in after


def test_a_command_is_never_broken_however_narrow_the_screen(tmp_path: Path) -> None:
    with desk(tmp_path, sick(SILENT, wire_server=[80])) as at:
        made = diagnosed(at)
        shown = at("diagnose", "--vm", "sql1", "-s", "demo", COLUMNS="40").out.splitlines()

    assert f"ask inside the VM as well:  {made['ask']}" in shown


OUTDATED = vm("sql1", os="Linux", agent={"version": "2.2.40"}, backup=failed(SILENT))
HIDDEN = vm("sql1", os="Linux", backup=failed(MANAGED), snapshot="failed")


@pytest.mark.parametrize("described", [OUTDATED, HIDDEN], ids=["an old agent", "a hidden extension"])
def test_the_command_it_names_plans_what_it_says_where_a_script_cures(tmp_path: Path, described: Any) -> None:
    with desk(tmp_path, described) as at:
        made = diagnosed(at, "--guest", "--now")
        words = shlex.split(made["cure"]["command"])
        planned = document(at(*words[1:], "--now", "-o", "json"))
        shown = at("diagnose", "--vm", "sql1", "-s", "demo", "--guest", "--now").out

    said = {one["summary"] for one in made["cure"]["writes"]}
    assert "--guest" in words
    assert said
    assert all(summary in json.dumps(planned, ensure_ascii=False) for summary in said)
    assert f"carry it out:     {made['cure']['command']} --apply\n" in shown


def test_a_decision_inside_comes_with_its_whole_command(tmp_path: Path) -> None:
    with desk(tmp_path, sick(TASK, services={"MSSQLSERVER": {}})) as at:
        made = diagnosed(at, "--guest", "--now")
        [line] = made["cure"]["decisions"]
        planned = document(at(*shlex.split(line)[1:], "--now", "-o", "json"))

    assert line.endswith("--vm sql1 --guest --vss-copy sql1 --allow guarded")
    assert "set USEVSSCOPYBACKUP of sql1 to TRUE" in json.dumps(planned)


def test_what_is_only_planned_from_inside_comes_with_its_whole_command(tmp_path: Path) -> None:
    with desk(tmp_path, OUTDATED) as at:
        [line] = diagnosed(at)["cure"]["decisions"]
        planned = document(at(*shlex.split(line)[1:], "--now", "-o", "json"))

    assert line.endswith("--vm sql1 --guest --allow guarded")
    assert planned["groups"]


def test_the_command_that_shows_a_cure_asks_again_where_the_vm_told_of_it() -> None:
    vm = vm_id()

    def command(playbook: str, *, inside: bool = True) -> tuple[str, ...]:
        cure = Cure(playbook, (vm,), ("f",), ())
        return fix_command(("--vm", vm.name), Plan((Group("g", (cure,), ()),), ()), inside=inside)

    assert "--guest" in command("provider-service")
    assert "--guest" not in command("vm-provisioning")
    assert "--guest" not in command("provider-service", inside=False)
