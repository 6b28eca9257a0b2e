"""Asking inside VMs: who is asked, who is not and why, what is kept of it, and what an answer may be."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from applying import header
from azure.core.rest import HttpRequest
from building import NOW, READY, item, view, vm_id
from building import estate as building_estate
from building import vm as building_vm
from commands import Desk, command, document, environment, variables, written
from sandboxed import CALM, Lab, estate, vm

from azremedy import guest as guests
from azremedy import journal as journals
from azremedy import saved
from azremedy.arm import ArmId
from azremedy.asking import Inside, askable
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.collect.guests import guest
from azremedy.errors import WriteRefused
from azremedy.estate import Estate
from azremedy.guest import PROBES, Script, sent
from azremedy.guest.answers import written as output
from azremedy.journal import Journal
from azremedy.playbook import Severity, load
from azremedy.resources import Read, Unread
from azremedy.sandbox import Sandbox, embedded, reading
from azremedy.sandbox.answers import Answer, ok
from azremedy.sandbox.description import Fault, Vm
from azremedy.sandbox.failures import FAILURES
from azremedy.sandbox.guest import linux, whole, windows
from azremedy.scan import Scan
from azremedy.selection import Selection
from azremedy.session import Session

SPEED = 400.0


class Asked:
    """A session that may ask inside VMs, and what it told of that first."""

    def __init__(self, sandbox: Sandbox, session: Session, folder: Path) -> None:
        self.sandbox, self.session, self.folder = sandbox, session, folder
        self.told: list[Sequence[ArmId]] = []

    @property
    def journal(self) -> Path:
        return self.folder / "asked.jsonl"

    def __call__(self, *vms: str, now: bool = True) -> tuple[Estate, Scan]:
        """Scan these VMs, or all, from inside too; now: whatever their schedule says."""
        [subscription] = self.session.subscriptions()

        @contextmanager
        def begin(of: Sequence[ArmId]) -> Iterator[Journal]:
            self.told.append(of)
            with Journal.new(header(self.sandbox), self.journal) as journal:
                yield journal

        return self.session.examine(subscription, selection=Selection.of(vms), inside=Inside(begin, now))

    def gaps(self, *vms: str) -> dict[str, str]:
        """Scan, and return why which VM told nothing."""
        found, _ = self(*vms)
        return {one.scope.name: one.reason for one in found.unread if one.read is Read.GUEST}


@contextmanager
def asking(
    folder: Path, *vms: Any, speed: float = SPEED, guests: bool = True, **sections: Any
) -> Iterator[Asked]:
    described = sections if "vms" in sections else estate(*vms, **sections)
    with embedded(folder / "sandbox", estate=described, speed=speed) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
        with open_reader(cloud, guests=guests, **known) as reader:
            yield Asked(
                sandbox, Session(reader, "*", cloud.endpoint, partial(open_writer, cloud, **known)), folder
            )


def commands(sandbox: Sandbox) -> list[str]:
    """The VMs that were sent a script, in order."""
    return [line.split("/")[-2] for line in written(sandbox) if line.lower().endswith("/runcommand")]


class TestWhoIsAsked:
    def test_both_operating_systems_tell_what_is_inside(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("sql1"), vm("web1", os="Linux")) as ask:
            found, scan = ask()

        sql, web = (found.guest[one.id] for one in sorted(found.vms, key=lambda one: one.id.name))
        assert sql.windows
        assert sql.windows.setting(".NET") == "528449"
        assert web.linux
        assert web.linux.distribution == "ubuntu"
        assert sql.wire_server is web.wire_server is True
        assert Read.GUEST in found.reads
        assert found.unread == ()
        assert scan.diagnoses == ()

    def test_only_those_selected_and_each_once(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("sql1"), vm("sql2"), vm("web1", os="Linux")) as ask:
            found, _ = ask("sql2")

            assert commands(ask.sandbox) == ["sql2"]
        assert [one.vm.name for one in found.guests] == ["sql2"]
        assert [[one.name for one in of] for of in ask.told] == [["sql2"]]

    def test_nothing_else_is_written(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("sql1"), vm("web1", os="Linux")) as ask:
            before = ask.sandbox.snapshot()
            ask()
            after = ask.sandbox.snapshot()

            assert sorted(commands(ask.sandbox)) == ["sql1", "web1"]
            assert len(written(ask.sandbox)) == 2
        for key in before:
            assert {**after[key], "etag": ""} == {**before[key], "etag": ""}, key

    @pytest.mark.parametrize(
        ("described", "because"),
        [
            pytest.param({"agent": "not-ready"}, "not ready", id="agent not ready"),
            pytest.param({"agent": "stale"}, "stale", id="agent silent for hours"),
            pytest.param({"agent": "absent"}, "no VM agent reports", id="no agent"),
            pytest.param({"extension_operations": False}, "extension operations", id="extensions disallowed"),
            pytest.param({"provisioning": "Updating"}, "Updating", id="something goes on"),
        ],
    )
    def test_a_vm_that_cannot_answer_is_not_asked_and_never_healthy(
        self, tmp_path: Path, described: Any, because: str
    ) -> None:
        with asking(tmp_path, vm("sql1", **described)) as ask:
            found, scan = ask()

            assert commands(ask.sandbox) == []
        [gap] = [one for one in found.unread if one.read is Read.GUEST]
        assert because in gap.reason
        assert {one.vm.name for one in scan.not_evaluated if one.playbook == "wire-server"} == {"sql1"}
        assert ask.told == []
        assert not ask.journal.exists()

    @pytest.mark.parametrize(
        "described",
        [
            pytest.param({"power": "deallocated"}, id="deallocated"),
            pytest.param({"backup": {"policy": "crash"}}, id="crash-consistent"),
        ],
    )
    def test_a_vm_whose_backups_need_nothing_of_its_guest_is_left_alone(
        self, tmp_path: Path, described: Any
    ) -> None:
        policies = [{"name": "daily"}, {"name": "crash", "type": "V2", "consistency": "crash"}]
        vaults = [{"name": "vault1", "policies": policies}]
        with asking(tmp_path, vm("sql1", **described), vaults=vaults) as ask:
            found, _ = ask()

            assert commands(ask.sandbox) == []
        assert found.unread == ()

    def test_a_read_only_lock_forbids_it(self, tmp_path: Path) -> None:
        locks = [{"name": "still", "scope": "shop", "level": "ReadOnly"}]
        with asking(tmp_path, vm("sql1"), locks=locks) as ask:
            assert ask.gaps() == {"sql1": "it was not asked: the ReadOnly lock still forbids it"}

            assert commands(ask.sandbox) == []

    def test_a_running_backup_comes_first(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("sql1"), speed=CALM) as ask:
            lab = Lab(ask.sandbox, speed=CALM)
            lab.operation(lab.trigger())
            reason = ask.gaps()["sql1"]
            lab.close()

            assert commands(ask.sandbox) == []
        assert "a backup of it has been running" in reason

    def test_another_script_that_runs_is_not_disturbed(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("sql1"), speed=CALM) as ask:
            lab = Lab(ask.sandbox, speed=CALM)
            body = PROBES["windows"].body
            lab.compute.virtual_machines.begin_run_command("shop", "sql1", body, polling=False)
            reason = ask.gaps()["sql1"]
            lab.close()

        assert "Updating" in reason or "in progress" in reason


class TestWhoMayBeAsked:
    """As far as what was read tells, without a request."""

    def test_a_vm_of_two_items_is_asked_once_and_both_are_looked_at(self) -> None:
        other = replace(item(), id=ArmId(f"{item().id}-2"))
        those, gaps = askable(building_estate(building_vm(), view(), item(), other), lambda _: True)

        assert [(one.vm.id.name, len(one.items)) for one in those] == [("sql1", 2)]
        assert gaps == []

    @pytest.mark.parametrize(
        ("resources", "because"),
        [
            pytest.param((building_vm(),), "not known", id="no view was read"),
            pytest.param(
                (building_vm(), Unread(Read.VIEW, vm_id(), "refused", 403)),
                "refused",
                id="the view was refused",
            ),
            pytest.param(
                (building_vm(), view(agent=replace(READY, time=None))), "when it reported", id="no time"
            ),
            pytest.param((building_vm(os=None), view()), "operating system", id="no operating system"),
            pytest.param((building_vm(os="Plan 9"), view()), "operating system", id="another one"),
        ],
    )
    def test_nobody_of_whom_too_little_is_known(self, resources: Any, because: str) -> None:
        those, [gap] = askable(building_estate(item(), *resources), lambda _: True)

        assert those == []
        assert because in gap.reason
        assert gap.scope == vm_id()

    def test_nobody_who_is_not_selected(self) -> None:
        assert askable(building_estate(building_vm(), view(), item()), lambda _: False) == ([], [])


class TestWhatIsKept:
    def test_the_intent_is_on_disk_before_the_script_is_sent(self, tmp_path: Path) -> None:
        seen: list[bool] = []
        with asking(tmp_path, vm("sql1")) as ask:

            def look(call: Any) -> Answer | None:
                if call.key.endswith("/runcommand"):
                    seen.append(bool(journals.read(ask.journal).entries))
                return None

            ask.sandbox.instead = look
            ask()

        run = journals.read(ask.journal)
        assert seen == [True]
        assert [(one.state, one.step.request.action) for one in run.entries] == [("confirmed", "runCommand")]
        assert run.finished

    def test_a_dropped_answer_is_of_unknown_fate_and_not_sent_again(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("sql1")) as ask:
            ask.sandbox.faults = [Fault(match="POST .*/runCommand", kind="drop-after")]
            gaps = ask.gaps()

            assert commands(ask.sandbox) == ["sql1"]
        assert set(gaps) == {"sql1"}
        assert [one.state for one in journals.read(ask.journal).entries] == ["unknown"]

    def test_a_script_that_fails_is_a_gap(self, tmp_path: Path) -> None:
        with asking(
            tmp_path, vm("web1", os="Linux", guest={"files": {"/etc/waagent.conf": "Extensions.Enabled=n\n"}})
        ) as ask:
            assert "timed out" in ask.gaps()["web1"]

        assert [one.state for one in journals.read(ask.journal).entries] == ["failed"]

    def test_what_was_told_is_saved_with_the_estate(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("sql1"), vm("web1", os="Linux")) as ask:
            found, _ = ask()
        file = tmp_path / "estate.json"
        file.write_bytes(saved.dump(found))

        assert saved.load(file) == found
        assert saved.load(file).guests


class TestTheTransport:
    """A scan that may ask inside VMs sends the shipped probes there, and nothing else."""

    @pytest.fixture
    def ask(self, tmp_path: Path) -> Iterator[Asked]:
        with asking(tmp_path, vm("sql1"), vm("web1", os="Linux")) as made:
            yield made

    @pytest.mark.parametrize("os", ["windows", "linux"])
    @pytest.mark.parametrize(
        "changed",
        [
            lambda script: replace(script, lines=(*script.lines, "rm -rf /")),
            lambda script: replace(script, lines=script.lines[:-1]),
            lambda script: replace(script, lines=("reboot",)),
            lambda script: replace(script, os="linux" if script.os == "windows" else "windows"),
        ],
        ids=["a line more", "a line less", "another script", "the other system's command"],
    )
    def test_refuses_any_other_script(self, ask: Asked, os: str, changed: Any) -> None:
        script: Script = changed(PROBES[os])
        [subscription] = ask.session.subscriptions()
        target = ArmId(
            f"{subscription.id}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web1"
        )

        with pytest.raises(WriteRefused):
            ask.session.reader.probe(target, sent(script))

        assert commands(ask.sandbox) == []

    @pytest.mark.parametrize(
        "body",
        [
            b" " + sent(PROBES["linux"]),
            sent(PROBES["linux"])[:-1] + b',"parameters":[{"name":"a","value":"b"}]}',
            b"",
            sent(PROBES["linux"]).replace(b"RunShellScript", b"runshellscript"),
        ],
        ids=["a blank before", "parameters", "nothing", "another case"],
    )
    def test_refuses_the_probe_in_any_other_form(self, ask: Asked, body: bytes) -> None:
        target = ArmId(
            "/subscriptions/x/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web1"
        )

        with pytest.raises(WriteRefused):
            ask.session.reader.probe(target, body)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            (
                "POST",
                "/subscriptions/{s}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web1/restart",
            ),
            (
                "PUT",
                "/subscriptions/{s}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web1/runCommand",
            ),
            (
                "POST",
                "/subscriptions/{s}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web1/runCommands/x",
            ),
            (
                "POST",
                "/subscriptions/{s}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachineScaleSets/a/virtualMachines/0/runCommand",
            ),
            ("POST", "/subscriptions/{s}/providers/Microsoft.Compute/virtualMachines/web1/runCommand"),
        ],
        ids=["restart", "PUT", "managed run command", "a scale set", "no group"],
    )
    def test_sends_the_probe_nowhere_else(self, ask: Asked, method: str, path: str) -> None:
        url = f"{ask.sandbox.url}{path.format(s=ask.sandbox.subscription)}?api-version=2024-07-01"
        headers = {"Content-Type": "application/json"}
        request = HttpRequest(method, url, headers=headers, content=sent(PROBES["linux"]))

        with pytest.raises(WriteRefused):
            ask.session.reader._client.send_request(request)

    def test_refuses_even_the_probe_where_nobody_let_it_ask(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("web1", os="Linux"), guests=False) as closed:
            [subscription] = closed.session.subscriptions()
            target = ArmId(
                f"{subscription.id}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web1"
            )
            with pytest.raises(WriteRefused):
                closed.session.reader.probe(target, sent(PROBES["linux"]))

            assert commands(closed.sandbox) == []

    def test_an_operation_elsewhere_is_not_followed(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("web1", os="Linux")) as ask:
            away = {"Azure-AsyncOperation": "https://elsewhere.example/steal", "Retry-After": "0"}
            ask.sandbox.instead = lambda call: (
                Answer(202, headers=away) if call.key.endswith("/runcommand") else None
            )

            assert "not followed" in ask.gaps()["web1"]

    def test_an_operation_that_never_ends_is_given_up(self, tmp_path: Path) -> None:
        with asking(tmp_path, vm("web1", os="Linux"), speed=20000) as ask:
            ask.sandbox.instead = lambda call: (
                ok({"status": "InProgress"}, headers={"Retry-After": "0.01"})
                if "/operations/" in call.key
                else None
            )

            assert "did not come to its end within 600 s" in ask.gaps()["web1"]

    def test_the_result_is_read_at_its_own_address_where_the_operation_does_not_hold_it(
        self, tmp_path: Path
    ) -> None:
        looks: list[str] = []
        with asking(tmp_path, vm("web1", os="Linux")) as ask:

            def look(call: Any) -> Answer | None:
                if "/operations/" not in call.key or "monitor" in call.query:
                    return None
                looks.append(call.key)
                status = "InProgress" if len(looks) < 2 else "Succeeded"
                return ok({"status": status}, headers={"Retry-After": "0.01"})

            ask.sandbox.instead = look
            found, _ = ask()

        assert found.unread == ()
        assert found.guests[0].linux


def told(os: str, **changes: Any) -> dict[str, Any]:
    """What the probe writes in a healthy guest, with these members otherwise."""
    if os == "windows":
        out = windows.run(whole(Vm(name="a", group="g")), PROBES[os].lines).out
    else:
        out = linux.run(whole(Vm(name="a", group="g", os="Linux")), "2.11.1.12", PROBES[os].lines).out
    return {**json.loads(out), **changes}


def result(os: str, out: str) -> dict[str, Any]:
    if os == "windows":
        return {"value": [{"code": "ComponentStatus/StdOut/succeeded", "message": out}]}
    return {
        "value": [
            {
                "code": "ProvisioningState/succeeded",
                "message": f"Enable succeeded: \n[stdout]\n{out}\n[stderr]\n",
            }
        ]
    }


def decoded(os: str, out: Any) -> Any:
    text = out if isinstance(out, str) else json.dumps(out)
    return guest(vm_id(), os, NOW, result(os, text))


class TestAnAnswer:
    def test_only_its_last_line_counts(self) -> None:
        before = "a profile's greeting\n" + json.dumps(told("windows", settings={".NET": "1"})) + "\n"

        assert decoded("windows", before + json.dumps(told("windows"))).windows.setting(".NET") == "528449"

    @pytest.mark.parametrize("os", ["windows", "linux"])
    @pytest.mark.parametrize(
        "out",
        [
            "", "   \n", "hello", "[]", "null", "{", '{"azremedy":1}', "\x00", "[" * 3000, '{"a":NaN}',
            "x" * 5000, '{"azremedy":1,"azremedy":1}',
        ],
    )  # fmt: skip
    def test_what_is_no_answer_is_refused(self, os: str, out: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            decoded(os, out)

    @pytest.mark.parametrize("os", ["windows", "linux"])
    @pytest.mark.parametrize(
        "value", [None, 1, -1, "", "a", True, [], ["a"], [[]], {}, {"a": 1}, {"a": []}, 1.5, 2**40]
    )
    def test_no_value_of_another_kind_gets_through_and_none_raises_otherwise(
        self, os: str, value: Any
    ) -> None:
        healthy = told(os)
        for name, good in healthy.items():
            try:
                found = decoded(os, {**healthy, name: value})
            except ValueError:
                continue
            assert type(value) is type(good) or good is None or value is None, (name, value, found)

    @pytest.mark.parametrize("os", ["windows", "linux"])
    def test_an_unknown_or_a_missing_member_spoils_it(self, os: str) -> None:
        healthy = told(os)
        with pytest.raises(ValueError, match="not what the probe writes"):
            decoded(os, {**healthy, "more": 1})
        for name in healthy:
            with pytest.raises(ValueError, match="not what the probe writes"):
                decoded(os, {key: value for key, value in healthy.items() if key != name})

    @pytest.mark.parametrize("os", ["windows", "linux"])
    def test_the_other_systems_answer_is_none(self, os: str) -> None:
        with pytest.raises(ValueError, match="not what the probe writes"):
            decoded("linux" if os == "windows" else "windows", told(os))

    @pytest.mark.parametrize(
        "text", ["\x1b[31mred", "a\nb", "\u202egnp", "x" * 129, "\x07", "a\u0000"], ids=repr
    )
    def test_a_hostile_text_spoils_it(self, text: str) -> None:
        with pytest.raises(ValueError, match="text in it"):
            decoded("windows", told("windows", adapters=[[text, "Enabled", 1]]))

    def test_many_members_spoil_it(self) -> None:
        with pytest.raises(ValueError, match="too long"):
            decoded("windows", told("windows", marks=["m"] * 65))

    def test_a_script_that_writes_linuxs_own_marks_changes_nothing(self) -> None:
        out = "[stderr]\n" + json.dumps(told("linux")) + "\n"

        assert json.loads(output(result("linux", out)).strip().splitlines()[-1]) == told("linux")

    def test_a_result_of_another_shape_is_no_answer(self) -> None:
        shapes: list[Any] = [None, {}, [], {"value": None}, {"value": [None, {"code": 1, "message": 2}]}]
        for body in shapes:
            with pytest.raises(ValueError, match="wrote nothing"):
                guest(vm_id(), "linux", NOW, body)

    def test_names_of_a_windows_in_another_language_are_kept(self) -> None:
        found = decoded("windows", told("windows", adapters=[["Conexión de área local", "Disabled", 1]]))

        assert found.windows.adapters[0].name == "Conexión de área local"
        assert found.windows.adapters[0].dhcp is False

    def test_rights_that_windows_writes_as_negative_numbers_are_bits(self) -> None:
        found = decoded("windows", told("windows", machinekeys=[["S-1-1-0", -1]]))

        assert found.windows.machine_keys[0].rights == 2**32 - 1

    def test_an_answer_fits_what_run_command_keeps(self) -> None:
        worst = told(
            "windows",
            adapters=[["x" * 100, "Enabled", 1]] * 8, unstable=[["y" * 60, 5]] * 12,
            services={f"MSSQL${'z' * 16}{number}": ["Running", "Auto"] for number in range(8)} | told("windows")["services"],
        )  # fmt: skip

        assert len(json.dumps(worst, separators=(",", ":")).encode()) < guests.KEPT


S1 = "UserErrorGuestAgentStatusUnavailable"
EXAMPLE = Path(__file__).parents[1] / "examples" / "estates" / "inside.yaml"


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    content = reading.named(str(EXAMPLE))[1]
    with asking(tmp_path_factory.mktemp("inside"), **content) as made:
        yield made


class TestTheEstateWithCausesInside:
    """Each cause is planted, found as that cause and as no other, and makes the backup fail as it does in Azure."""

    def test_finds_each_cause_where_it_is_planted_and_nothing_else(self, inside: Asked) -> None:
        planted = {tuple(one) for one in reading.named(str(EXAMPLE))[1]["planted"]}
        found, scan = inside()
        told = {(one.finding.vm.name, one.playbook.id) for one in scan.diagnoses}
        weighty = {
            one.finding.vm.name for one in scan.diagnoses if one.finding.severity >= Severity.SUSPECTED
        }

        assert told == planted
        assert weighty == {name for name, _ in planted} - {"db1", "patched1"}
        assert (found.unread, scan.not_evaluated, scan.unexplained) == ((), (), ())
        assert {id_ for _, id_ in planted} == {one.id for one in load().values() if one.inside}

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("walled1", S1), ("static1", "ExtensionSnapshotFailedNoNetwork"),
            ("static2", "ExtensionSnapshotFailedNoNetwork"), ("bare1", "ExtensionOperationFailedForManagedDisks"), ("old1", S1), ("legacy1", S1),
            ("idle1", "ExtensionOperationFailedForManagedDisks"), ("db1", None), ("patched1", None),
            ("complus1", "ExtensionSnapshotFailedCOM"), ("dtc1", "ExtensionInstallationFailedMDTC"),
            ("writer1", "ExtensionFailedVssWriterInBadState"), ("keys1", "ExtensionConfigParsingFailure"),
            ("tls1", "ExtensionSnapshotFailedNoSecureNetwork"), ("runtime1", "ExtensionVCRedistInstallationFailure"),
            ("cluster1", None), ("strict1", None), ("fresh1", None), ("idle2", None),
        ],
    )  # fmt: skip
    def test_backs_up_only_what_nothing_inside_is_in_the_way_of(
        self, inside: Asked, name: str, said: str | None
    ) -> None:
        described = reading.named(str(EXAMPLE))[1]["vms"]
        group = next(one["group"] for one in described if one["name"] == name)
        lab = Lab(inside.sandbox, speed=SPEED)
        text = lab.said(name=name, group=group)
        lab.close()

        assert text == ("Completed" if said is None else FAILURES[said].english)


class TestTheCommand:
    @pytest.fixture
    def desk(self, tmp_path: Path) -> Iterator[Desk]:
        broken = vm(
            "web1", os="Linux", guest={"wire_server": [80]},
            backup={"completed": 32, "failed": {"code": "UserErrorGuestAgentStatusUnavailable"}},
        )  # fmt: skip
        with embedded(tmp_path / "sandbox", estate=estate(broken, vm("sql1")), speed=100) as sandbox:
            yield Desk(sandbox, tmp_path)

    def test_finds_what_shows_only_inside(self, desk: Desk, tmp_path: Path) -> None:
        ended = desk(
            "scan", "-s", "demo", "--guest", "--now", "-o", "json", "--save-estate", tmp_path / "e.json"
        )
        [found] = document(ended)["findings"]

        assert ended.code == 0
        assert (found["playbook"], found["severity"]) == ("wire-server", "corroborated")
        assert "asking inside 2 VMs of demo through Run Command" in ended.err
        assert sorted(commands(desk.sandbox)) == ["sql1", "web1"]
        offline = desk("scan", "--estate", tmp_path / "e.json", "-o", "json", AZREMEDY_CLOUD="")
        assert [one["playbook"] for one in document(offline)["findings"]] == ["wire-server"]

    def test_says_how_many_even_when_quiet_and_before_it_sends(self, desk: Desk) -> None:
        ended = desk("scan", "-s", "demo", "--guest", "--now", "--vm", "sql1", "--quiet", "-o", "none")

        assert ended.code == 0
        assert "asking inside 1 VM of demo" in ended.err
        assert commands(desk.sandbox) == ["sql1"]

    def test_keeps_a_journal_that_is_listed_with_the_runs(self, desk: Desk) -> None:
        desk("scan", "-s", "demo", "--guest", "--now", "-o", "none")
        [run] = json.loads(desk("runs", "-o", "json").out)

        assert (run["state"], run["writes"], run["openLocks"]) == ("finished", 2, 0)

    def test_a_scan_that_is_killed_while_it_asks_is_found_and_brought_to_its_end(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        desk.sandbox.faults = [Fault(match="GET .*/operations/", kind="slow", seconds=30, times=None)]
        line = command("scan", "-s", "demo", "--guest", "--now", "--vm", "sql1", "-o", "none")
        killed = subprocess.Popen(line, env=environment(**variables(desk.sandbox, tmp_path)))
        folder, end = tmp_path / "state" / "azremedy" / "runs", time.monotonic() + 30
        while time.monotonic() < end and not any(
            '"sent"' in one.read_text() for one in folder.glob("*.jsonl")
        ):
            time.sleep(0.05)
        killed.kill()
        killed.wait()
        desk.sandbox.faults = []

        [run] = json.loads(desk("runs", "-o", "json").out)
        assert run["state"] == "unfinished"
        ended = desk("resume", run["run"])
        [run] = json.loads(desk("runs", "-o", "json").out)
        assert (ended.code, run["state"]) == (0, "finished")
        assert commands(desk.sandbox) == ["sql1"]

    def test_asks_nobody_without_the_flag_whatever_the_environment_says(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        (tmp_path / "azremedy.toml").write_text("")
        ended = desk(
            "scan", "-s", "demo", "--deep", "-o", "json", AZREMEDY_GUEST="1", AZREMEDY_SCAN_GUEST="1"
        )

        assert document(ended)["findings"] == []
        assert commands(desk.sandbox) == []

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            (("scan", "-s", "demo", "--playbook", "wire-server"), "wire-server shows only inside a VM"),
            (("gate", "-s", "demo", "--playbook", "wire-server"), "a gate never does"),
            (("gate", "-s", "demo", "--guest"), "No such option '--guest'"),
            (("scan", "-s", "demo", "--guest", "--mask"), "--guest keeps a journal"),
            (("scan", "-s", "demo", "--now"), "--now means nothing without --guest"),
            (("scan", "--estate", "x.json", "--guest"), "--guest means nothing with --estate"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, desk: Desk, line: tuple[str, ...], says: str) -> None:
        ended = desk(*line)

        assert ended.code == 2
        assert says in ended.err
        assert commands(desk.sandbox) == []

    def test_a_project_file_cannot_ask(self, desk: Desk, tmp_path: Path) -> None:
        config = tmp_path / "azremedy.toml"
        config.write_text("guest = true\n")
        ended = desk("scan", "-s", "demo", "--config", config)

        assert ended.code == 2
        assert commands(desk.sandbox) == []


def test_an_estate_that_was_read_without_asking_says_nothing_of_guests(tmp_path: Path) -> None:
    with asking(tmp_path, vm("sql1")) as ask:
        [subscription] = ask.session.subscriptions()
        found, scan = ask.session.examine(subscription, deep=True)

    assert Read.GUEST not in found.reads
    assert "wire-server" not in scan.playbooks
    assert found.guests == ()
    assert scan.unread == ()
