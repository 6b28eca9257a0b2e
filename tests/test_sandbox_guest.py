"""Scripts run inside the sandbox's VMs, by the real SDK: what they see, what they change, and what they cannot do."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError
from sandboxed import CALM, Lab, estate, lab, vm

from azremedy import guest
from azremedy.errors import AzremedyError
from azremedy.guest import changing, powershell
from azremedy.sandbox import embedded, reading
from azremedy.sandbox.description import Vm
from azremedy.sandbox.guest import Uncared, linux, whole, windows
from azremedy.sandbox.guest.state import settled
from azremedy.sandbox.inside import FILE, Guest

LINUX = Vm(name="web1", group="shop", os="Linux")
WINDOWS = Vm(name="sql1", group="shop")
PROBE = guest.PROBES["linux"].lines
NETPLAN = "/etc/netplan/50-cloud-init.yaml"
SYSCONFIG = "/etc/sysconfig/network-scripts"
CONNECTIONS = "/etc/NetworkManager/system-connections"
CONFIGURED = [
    ("/etc/netplan/a.yaml", "network: {ethernets: {eth0: {dhcp4: yes, addresses: [10.0.0.5/24]}}}\n", "dhcp", 1),
    ("/etc/netplan/b.yaml", "ethernets:\n  eth0:\n    dhcp4: false\n    addresses:\n      - 10.0.0.4/24\n", "static", ["netplan"]),
    ("/etc/netplan/c.yaml", "bonds:\n  eth1:\n    dhcp4: no\n    routes:\n    - to: 10.1.0.0/16\n", "static", []),
    ("/etc/netplan/d.yaml", "ethernets:\n  eth0:\n    # dhcp4: true\n    addresses: [10.0.0.4/24]\n", "dhcp", 0),
    (f"{CONNECTIONS}/a", "[connection]\ntype=ethernet\n\n[ipv4]\nmethod=manual\n\n[ipv6]\nmethod=auto\n", "static", ["NetworkManager"]),
    (f"{CONNECTIONS}/b", "[connection]\ntype=ethernet\n\n[ipv4]\nmethod=auto\n", "dhcp", 1),
    (f"{CONNECTIONS}/lo", "[connection]\ntype=loopback\n\n[ipv4]\nmethod=manual\n", "static", []),
    (f"{SYSCONFIG}/ifcfg-eth0", "BOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.4\n", "static", ["ifcfg"]),
    (f"{SYSCONFIG}/ifcfg-eth1", "BOOTPROTO='dhcp'\n", "dhcp", 1),
    (f"{SYSCONFIG}/ifcfg-eth0:1", "BOOTPROTO=static\nIPADDR=10.0.0.5\n", "static", []),
    (f"{SYSCONFIG}/ifcfg-lo", "IPADDR=127.0.0.1\n", "static", []),
    (f"{SYSCONFIG}/ifcfg-eth2", "ONBOOT=no\nIPADDR=10.0.0.6\n", "static", []),
    ("/etc/sysconfig/network/ifcfg-eth0", "BOOTPROTO='static'\nIPADDR='10.0.0.4/24'\n", "static", ["ifcfg"]),
    ("/etc/network/interfaces", "iface lo inet loopback\niface eth0 inet static\n  address 10.0.0.4\n", "static", ["interfaces"]),
    ("/etc/network/interfaces.d/50-cloud-init", "auto eth0\niface eth0 inet dhcp\n", "dhcp", 1),
    ("/etc/systemd/network/10-eth.network", "[Match]\nName=eth0\n[Network]\nAddress=10.0.0.4/24\n", "static", ["networkd"]),
    ("/etc/systemd/network/20-eth.network", "[Match]\nName=en*\n[Network]\nDHCP=ipv4\n", "dhcp", 1),
    ("/etc/systemd/network/30-br.network", "[Match]\nName=br0\n[Network]\nAddress=10.9.0.1/24\n", "static", []),
]  # fmt: skip
"""How Linux's ways to configure a network are read: a file, and what the probe makes of it."""
WALLED = pytest.mark.skipif(
    not linux.walled(), reason="this machine admits no namespaces, so no script but azremedy's own is run"
)
WALLS = [pytest.param(True, marks=WALLED, id="held in"), pytest.param(False, id="in a root only")]


def run(lab_: Lab, *script: str, name: str = "web1", command: str = "RunShellScript") -> list[Any]:
    """Run a script as the SDK does, and return the statuses of its result."""
    body = {"commandId": command, "script": list(script)}
    found: list[Any] = lab_.compute.virtual_machines.begin_run_command("shop", name, body).result().value
    return found


def said(lab_: Lab, *script: str) -> str:
    """Run a script in a Linux VM and return what it wrote to standard output."""
    [only] = run(lab_, *script)
    out, _, _ = only.message.partition("[stdout]\n")[2].partition("\n[stderr]\n")
    return str(out)


def refused(lab_: Lab, *script: str, **how: Any) -> Any:
    with pytest.raises(HttpResponseError) as error:
        run(lab_, *script, **how)
    return error.value.error


def answer(inside: Guest, *, wall: bool) -> Any:
    """Return what the probe says of a Linux guest."""
    return json.loads(linux.run(inside, "2.11.1.12", PROBE, wall=wall).out)


def web(**inside: Any) -> dict[str, Any]:
    return vm("web1", os="Linux", guest=inside)


class TestAnswersAsAzure:
    def test_on_linux_with_one_status_that_holds_both_outputs(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(web())) as found:
            [only] = run(found, *PROBE)

        assert (only.code, only.level, only.display_status) == (
            "ProvisioningState/succeeded", "Info", "Provisioning succeeded",
        )  # fmt: skip
        assert only.message.startswith("Enable succeeded: \n[stdout]\n{")
        assert only.message.endswith("\n[stderr]\n")

    def test_on_windows_with_a_status_for_each_output(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(vm())) as found:
            out, err = run(found, *guest.PROBES["windows"].lines, name="sql1", command="RunPowerShellScript")

        assert (out.code, err.code) == (
            "ComponentStatus/StdOut/succeeded",
            "ComponentStatus/StdErr/succeeded",
        )
        assert json.loads(out.message)["services"]["RdAgent"] == ["Running", "Auto"]
        assert err.message == ""

    @WALLED
    def test_with_the_last_4096_bytes_and_no_more(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(web())) as found:
            out = said(found, "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; echo end")

        assert len(out) == 4096
        assert out.endswith("1999\nend\n")

    def test_a_second_script_is_refused_while_one_runs(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(web()), speed=CALM) as found:
            body = {"commandId": "RunShellScript", "script": list(PROBE)}
            first = found.compute.virtual_machines.begin_run_command("shop", "web1", body)
            error = refused(found, *PROBE)
            first.result()
            run(found, *PROBE)

        assert error.code == "Conflict"
        assert "Run command extension execution is in progress" in error.message

    @pytest.mark.parametrize(
        ("described", "code"),
        [
            pytest.param({"power": "deallocated"}, "OperationNotAllowed", id="deallocated"),
            pytest.param({"agent": "not-ready"}, "VMAgentStatusCommunicationError", id="agent not ready"),
            pytest.param({"agent": "stale"}, "VMAgentStatusCommunicationError", id="agent silent for hours"),
            pytest.param({"agent": "absent"}, "VMAgentStatusCommunicationError", id="no agent"),
            pytest.param({"extension_operations": False}, "OperationNotAllowed", id="extensions disallowed"),
            pytest.param(
                {"guest": {"files": {"/etc/waagent.conf": "Extensions.Enabled=n\n"}}},
                "VMExtensionProvisioningTimeout",
                id="extensions off in the guest",
            ),
        ],
    )
    def test_refuses_a_vm_that_cannot_run_it(self, tmp_path: Path, described: Any, code: str) -> None:
        with lab(tmp_path, estate(vm("web1", os="Linux", **described))) as found:
            assert refused(found, *PROBE).code == code

    def test_refuses_under_a_read_only_lock(self, tmp_path: Path) -> None:
        locks = [{"name": "still", "scope": "shop", "level": "ReadOnly"}]
        with lab(tmp_path, estate(web(), locks=locks)) as found:
            assert refused(found, *PROBE).code == "ScopeLocked"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            pytest.param({"commandId": "RunEverything", "script": ["x"]}, "NotFound", id="another command"),
            pytest.param(
                {"commandId": "RunPowerShellScript", "script": ["x"]}, "InvalidParameter", id="other OS"
            ),
            pytest.param({"commandId": "RunShellScript"}, "InvalidParameter", id="no script"),
            pytest.param({"commandId": "RunShellScript", "script": "ls"}, "InvalidParameter", id="no list"),
            pytest.param(
                {"commandId": "RunShellScript", "script": ["x"], "parameters": [{"name": "a", "value": "b"}]},
                "InvalidParameter",
                id="parameters",
            ),
        ],
    )
    def test_refuses_what_is_no_script(self, tmp_path: Path, body: Any, code: str) -> None:
        with lab(tmp_path, estate(web())) as found, pytest.raises(HttpResponseError) as error:
            found.compute.virtual_machines.begin_run_command("shop", "web1", body).result()

        assert error.value.error is not None
        assert error.value.error.code == code


@WALLED
class TestWhatAScriptChanges:
    def test_stays_changed_for_the_next_script_and_after_a_restart_of_the_sandbox(
        self, tmp_path: Path
    ) -> None:
        with lab(tmp_path, estate(web())) as found:
            said(found, "echo kept > /etc/note; rm /var/log/waagent.log; systemctl disable walinuxagent")
            assert said(found, "cat /etc/note") == "kept\n"
        with lab(tmp_path) as again:
            assert said(again, "cat /etc/note; systemctl is-enabled walinuxagent") == "kept\ndisabled\n"
            assert said(again, "[ -f /var/log/waagent.log ] || echo gone") == "gone\n"

    def test_leaves_other_vms_alone(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(web(), vm("web2", os="Linux"))) as found:
            run(found, "echo mine > /etc/note", name="web2")
            assert said(found, "ls /etc") == "azure\nnetplan\nos-release\nwaagent.conf\n"

    def test_a_package_comes_from_the_repository(self, tmp_path: Path) -> None:
        old = {"packages": {"walinuxagent": "2.2.45-1"}, "available": {"walinuxagent": "2.11.1.12-1"}}
        with lab(tmp_path, estate(web(**old))) as found:
            assert "WALinuxAgent-2.2.45 " in said(found, "waagent --version")
            said(found, "apt-get -qq update && apt-get install -y walinuxagent")
            assert "WALinuxAgent-2.11.1.12 " in said(found, "waagent --version")

    def test_a_script_that_stops_the_agent_never_tells_its_end(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(web())) as found:
            assert refused(found, "systemctl restart walinuxagent").code == "VMExtensionProvisioningTimeout"
            model = found.compute.virtual_machines.get("shop", "web1")
            assert model.provisioning_state == "Failed"
            assert found.agent("web1").code != "ProvisioningState/succeeded"

    def test_a_restart_that_is_put_off_shows_in_a_newer_status_of_the_agent(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(web())) as found:
            said(found, "systemd-run --on-active=60 systemctl restart walinuxagent")
            assert found.agent("web1").code == "ProvisioningState/succeeded"


@WALLED
class TestAForeignScript:
    """It may do what it likes to its guest; of the machine it sees the programs, and cannot change them."""

    @pytest.mark.parametrize("path", ["/etc/shadow", "/etc/hostname", "/root", "/home", "/.old/etc", "/sys"])
    def test_sees_nothing_of_the_machine(self, path: str) -> None:
        assert linux.run(whole(LINUX), "2.11", [f"ls {path} && echo seen"]).out == ""

    @pytest.mark.parametrize("folder", ["/.host/usr", "/.host/usr/bin"])
    def test_changes_no_program_of_the_machine(self, folder: str) -> None:
        remounted = f"mount -o remount,bind,rw /.host/usr; touch {folder}/azremedy-was-here && echo changed"

        assert linux.run(whole(LINUX), "2.11", [remounted]).out == ""
        assert not Path("/usr/azremedy-was-here").exists()

    def test_ends_nothing_but_itself(self) -> None:
        assert linux.run(whole(LINUX), "2.11", ["kill -9 -1; echo alive"]).out == "alive\n"

    def test_reaches_no_network(self) -> None:
        python = shutil.which("python3", path="/usr/bin:/bin")
        if python is None:
            pytest.skip("this machine has no Python for a script to try with")
        tried = "import socket; socket.create_connection(('127.0.0.1', 22), 2)"

        assert "unreachable" in linux.run(whole(LINUX), "2.11", [f'/.host{python} -c "{tried}"']).err

    def test_leads_nobody_out_by_a_link(self) -> None:
        out = linux.run(whole(LINUX), "2.11", ["ln -s /etc/passwd /etc/link; ln -s / /var/all"]).guest

        assert "/etc/link" not in out.files
        assert not any(name.startswith("/var/all") for name in out.files)

    def test_is_ended_when_it_goes_on_for_ever(self) -> None:
        out = linux.run(whole(LINUX), "2.11", ["while :; do :; done"], patience=0.5)

        assert "took too long" in out.err

    @pytest.mark.parametrize(
        "script",
        [
            "printf x > \"$(printf '/etc/\\377\\376')\"",
            "mkdir /etc/shut; echo x > /etc/shut/in; chmod 000 /etc/shut /etc/waagent.conf",
            "rm -rf /.guest/* /etc /var; mkdir -p /.guest/services; ln -s / /.guest/services/x",
            "mkfifo /etc/pipe; mkfifo /.guest/later",
            "printf 'ActiveState=gone' > /.guest/services/walinuxagent; : > '/.guest/services/a b/../x'",
            "i=0; while [ $i -lt 300 ]; do mkdir -p /etc/d$i; echo $i > /etc/d$i/f; i=$((i+1)); done",
        ],
        ids=[
            "a name that is no text",
            "closed folders",
            "a guest in ruins",
            "pipes",
            "an odd service",
            "many files",
        ],
    )
    def test_leaves_a_sandbox_that_goes_on(self, tmp_path: Path, script: str) -> None:
        with lab(tmp_path, estate(web())) as found:
            with suppress(HttpResponseError):
                run(found, script)
            assert found.compute.virtual_machines.get("shop", "web1").provisioning_state == "Succeeded"
            assert run(found, "echo on")[0].message.startswith("Enable succeeded")
        with lab(tmp_path) as again:
            assert again.compute.virtual_machines.get("shop", "web1").name == "web1"

    def test_fills_no_disk(self) -> None:
        out = linux.run(whole(LINUX), "2.11", ["yes | head -c 50000000 > /etc/large; echo on"])

        assert "/etc/large" not in out.guest.files


class TestWithoutAWall:
    def test_nothing_runs_but_what_azremedy_ships(self) -> None:
        with pytest.raises(Uncared, match="azremedy's own"):
            linux.run(whole(LINUX), "2.11", ["echo hello"], wall=False)

    def test_a_probe_that_was_altered_does_not_run(self) -> None:
        with pytest.raises(Uncared, match="azremedy's own"):
            linux.run(whole(LINUX), "2.11", [*PROBE, "echo more"], wall=False)


@pytest.mark.parametrize("wall", WALLS)
class TestTheProbeForLinux:
    def test_says_the_same_of_a_healthy_guest_wherever_it_runs(self, wall: bool) -> None:
        assert answer(whole(LINUX), wall=wall) == {
            "azremedy": 1, "os": "linux", "distribution": "ubuntu", "release": "24.04",
            "agent": ["walinuxagent", "active", "enabled"], "restart": "always",
            "package": "2.11.1.12", "goal": "2.11.1.12",
            "config": {
                "Extensions.Enabled": "y", "Provisioning.Agent": "auto", "AutoUpdate.Enabled": "y",
                "Logs.Verbose": "n", "OS.EnableFirewall": "y",
            },
            "backup": {"fsfreeze": "True"}, "snapshot": 0, "stale": 0, "leases": 1, "dhcp": 1, "static": [], "selinux": None, "pythons": ["python3"],
            "reboot": False, "ports": {"80": True, "32526": True},
        }  # fmt: skip

    def test_changes_nothing(self, wall: bool) -> None:
        assert linux.run(whole(LINUX), "2.11.1.12", PROBE, wall=wall).guest == whole(LINUX)

    @pytest.mark.parametrize(
        ("inside", "member", "value"),
        [
            pytest.param({"services": {"walinuxagent": None}}, "agent", None, id="no agent"),
            pytest.param(
                {"services": {"walinuxagent": {"state": "stopped", "start": "disabled"}}},
                "agent", ["walinuxagent", "inactive", "disabled"], id="agent disabled",
            ),
            pytest.param(
                {"services": {"walinuxagent": None, "waagent": {}}},
                "agent", ["waagent", "active", "enabled"], id="as other distributions call it",
            ),
            pytest.param({"services": {"walinuxagent": {"restart": "no"}}}, "restart", "no", id="no auto-restart"),
            pytest.param({"files": {"/etc/waagent.conf": None}}, "config", None, id="no configuration"),
            pytest.param(
                {"files": {"/etc/waagent.conf": "#Extensions.Enabled=y\nExtensions.Enabled=y\nExtensions.Enabled = n\n"}},
                "config", {"Extensions.Enabled": "n"}, id="the last value wins",
            ),
            pytest.param(
                {"files": {"/etc/waagent.conf": "HttpProxy.Host=user:secret@proxy\n"}},
                "config", {"HttpProxy.Host": "set"}, id="a proxy, never its address",
            ),
            pytest.param(
                {"files": {"/var/lib/waagent/GoalState.7.xml": "", "/var/lib/waagent/Prod.3.manifest.xml": ""}},
                "stale", 2, id="leftover goal states",
            ),
            pytest.param({"files": {"/run/systemd/netif/leases/2": None}}, "leases", 0, id="no lease"),
            *(
                pytest.param({"files": {NETPLAN: None, path: content}}, member, value, id=path)
                for path, content, member, value in CONFIGURED
            ),
            pytest.param({"selinux": "Enforcing"}, "selinux", "Enforcing", id="SELinux"),
            pytest.param({"files": {"/usr/bin/python3": None}}, "pythons", [], id="no Python"),
            pytest.param({"files": {"/run/reboot-required": ""}}, "reboot", True, id="a restart is due"),
            pytest.param({"wire_server": [80]}, "ports", {"80": True, "32526": False}, id="a port is blocked"),
            pytest.param({"packages": {"walinuxagent": "2.2.45-1"}}, "package", "2.2.45", id="an old package"),
            pytest.param(
                {"files": {"/etc/os-release": 'ID="a\\\\b\\"c"\x1b[31m\n'}}, "distribution", "a\\\\b\\c[31m",
                id="hostile text",
            ),
        ],
    )  # fmt: skip
    def test_tells_what_is_otherwise(self, wall: bool, inside: Any, member: str, value: Any) -> None:
        described = reading.convert(
            {"name": "web1", "group": "shop", "os": "Linux", "guest": inside}, Vm, "here"
        )

        assert answer(whole(described), wall=wall)[member] == value


class TestTheStatementsForWindows:
    def test_a_script_is_read_back_to_what_it_was_made_of(self) -> None:
        lines = guest.PROBES["windows"].lines

        assert powershell.rendered(powershell.statements(lines)) == lines

    @pytest.mark.parametrize(
        "made",
        [
            changing.SetText(r"HKLM:\SOFTWARE\It's", "a 'name'", "TRUE"),
            changing.RemoveValue("HKLM:\\", "''"),
            changing.SetStart("IaasVmProvider", "Automatic"),
            changing.StartService("It's"),
            changing.RestartService("It's"),
            changing.SetNumber(r"HKLM:\SOFTWARE\It's", "a 'name'", 4),
            powershell.TryPort(32526),
            changing.Queue(str(changing.SetText("HKLM:\\", "It's", "'a'"))),
            changing.RunLater("azremedy", 30),
            changing.RenameFolder(r"C:\It's"),
            changing.RestartMachine(120),
            powershell.Say("$(Remove-Item C:\\)"),
        ],
        ids=lambda made: type(made).__name__,
    )
    def test_texts_stay_texts(self, made: powershell.Statement) -> None:
        assert powershell.statements([str(made)]) == (made,)

    @pytest.mark.parametrize("text", ["a\nb", "a\x00", "it\u2019s", "\u00e9"])
    def test_a_text_that_powershell_may_read_otherwise_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="no place in a script"):
            str(powershell.Say(text))

    @pytest.mark.parametrize(
        "line",
        [
            "Get-Process", "Write-Output 'a'; Remove-Item C:\\", "Write-Output 'a' 'b'", "write-output 'a'",
            'Write-Output "a"', "Write-Output 'it\u2019s'",
        ],
    )  # fmt: skip
    def test_anything_else_is_rejected(self, line: str) -> None:
        with pytest.raises(Uncared, match="this script is none"):
            windows.run(whole(WINDOWS), [line])

    @pytest.mark.parametrize(
        "made", [changing.SetStart("VSS", "Sometimes"), changing.SetStart("NoSuch", "Manual")]
    )
    def test_what_windows_would_refuse_is_told_on_standard_error(self, made: powershell.Statement) -> None:
        ended = windows.run(whole(WINDOWS), [str(made), str(powershell.Say("on"))])

        assert ended.err.startswith("Set-Service : ")
        assert (ended.out, ended.guest) == ("", whole(WINDOWS))

    def test_a_value_is_set_and_taken_back(self) -> None:
        key = r"HKLM:\SOFTWARE\Microsoft\BcdrAgent"
        set_ = windows.run(whole(WINDOWS), [str(changing.SetText(key.upper(), "USEVSSCOPYBACKUP", "TRUE"))])
        back = windows.run(set_.guest, [str(changing.RemoveValue(key, "usevsscopybackup"))])

        assert set_.guest.registry[key] == {"IsProviderInstalled": "True", "USEVSSCOPYBACKUP": "TRUE"}
        assert back.guest == whole(WINDOWS)

    def test_an_unknown_script_fails_in_azures_words(self, tmp_path: Path) -> None:
        with lab(tmp_path, estate(vm())) as found:
            error = refused(found, "Get-Process", name="sql1", command="RunPowerShellScript")

        assert error.code == "VMExtensionProvisioningError"
        assert "this script is none" in error.message


class TestADescription:
    @pytest.mark.parametrize("machine", [LINUX, WINDOWS], ids=["Linux", "Windows"])
    def test_what_a_script_left_is_described_so_that_it_is_found_again(self, machine: Vm) -> None:

        less = msgspec.structs.replace(
            whole(machine), services={}, files={"/etc/a": "b"}, registry={r"HKLM:\A": {"b": 1}}, writers={}
        )
        again = msgspec.structs.replace(machine, guest=settled(less, machine))

        assert whole(again) == less

    @pytest.mark.parametrize(
        ("inside", "says"),
        [
            ({"files": {"/etc/../../x": ""}}, "guest"),
            ({"files": {"etc": ""}}, "guest"),
            ({"services": {"../x": {}}}, "guest"),
            ({"service": {}}, "did you mean 'services'"),
            ({"services": {"a": {"state": "dead"}}}, "cannot be 'dead'"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, tmp_path: Path, inside: Any, says: str) -> None:
        with pytest.raises(AzremedyError, match=says):
            embedded(tmp_path, estate=estate(web(**inside)))

    def test_a_path_leads_nowhere_else(self) -> None:

        assert re.match(FILE, "/var/lib/waagent/..data")
        assert not re.match(FILE, "/var/..")
