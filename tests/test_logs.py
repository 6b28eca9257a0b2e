"""`azremedy logs`: the last lines of a VM's logs that speak of a fault, and nothing that must not leave the VM."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import Desk, document, written
from jsonschema import Draft202012Validator
from sandboxed import estate, vm

from azremedy import guest
from azremedy.arm import ArmId
from azremedy.azure import ClientSecret, find_cloud, open_reader
from azremedy.catalogue import EXTENSION_RESULTS, SYMPTOMS
from azremedy.collect.logs import log
from azremedy.errors import WriteRefused
from azremedy.guest import LOGS, Script, powershell, sent
from azremedy.guest.logs import LARGEST, LINUX_PLUGIN, PLUGIN
from azremedy.guest.redaction import MARK, MATCH, redacted
from azremedy.report.schema import schema
from azremedy.sandbox import embedded
from azremedy.sandbox.description import Fault, Vm
from azremedy.sandbox.guest import linux, whole, windows
from azremedy.sandbox.inside import Guest

WALLED = pytest.mark.skipif(not linux.walled(), reason="this machine admits no namespaces")
SYSTEMS = [
    pytest.param("linux", True, marks=WALLED, id="Linux, held in"),
    pytest.param("linux", False, id="Linux, in a root only"),
    pytest.param("windows", None, id="Windows"),
]
AGENT = {"linux": "/var/log/waagent.log", "windows": "/C:/WindowsAzure/Logs/WaAppAgent.log"}
HOSTILE = "\x1b[31m##vso[task.complete]\u202e[bold] error"

SECRETS = {
    "a SAS in a URL": "error GET https://a.blob.core.windows.net/c/b?sv=2024-11-04&sr=b&sig=Zk3%2BqW9xYw%3D failed",
    "a SAS in JSON": r'error {"uri":"https://a.blob.core.windows.net/c?sv=1\u0026sig=S3CRAbCd%3D"}',
    "a SAS alone": "failed: sig=S3CRabc%2Fdef%3D",
    "an account key": "error AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "a key alone": "error near Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "a short key alone": "error near q83vEjRWeJCrze8SNFZ4kA==",
    "a token": "failed: Authorization: Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.S3CRabc-def_ghi",
    "a token alone": "error eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.S3CRabcdefghi",
    "a password": "error: password=S3CR",
    "a password in words": "failed, the password is S3CR and so on",
    "a password as an argument": "error in: mount -o username=u --password S3CR //a/b",
    "a password in XML": "error <AdminPassword>S3CR</AdminPassword>",
    "a password in JSON": r"error {\"adminPassword\": \"S3CR x\"}",
    "a password in a URL": "cannot reach http://user:S3CR@proxy:3128",
    "a password in Spanish": "error: contrase\u00f1a S3CR",
    "a client secret": "error client_secret: S3CR~x.y",
    "a certificate": "error -----BEGIN CERTIFICATE-----MIIS3CRabc",
    "a private key": "error -----BEGIN RSA PRIVATE KEY----- S3CR",
    "a certificate's body": "fail MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ",
    "a thumbprint": "cannot find certificate 5A1FD8B3C8E94D2BA0D7AD5E4C3B2A190F8E7D6C",
    "a thumbprint alone": "cannot find 5A1FD8B3C8E94D2BA0D7AD5E4C3B2A190F8E7D6C",
    "protected settings": r'error "protectedSettings":"S3CRMIIB"',
    "a connection string": "error Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=S3CRabc",
    "a GUID that is a key": "error with x-ms-key 6b4a5bbe-0000-4000-8000-00d00c0ffee5",
    "an SSH key": "warning ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "a cookie": "failed Cookie: session=S3CR",
    "a key as the end of a word": "error: ApiKey=S3CR",
    "a key of a subscription": "error: SubscriptionKey=S3CR",
    "a key of two words": "error: my-key: S3CR",
    "a key in the middle of a word": "error: api_key_value S3CR",
    "a key in quotes": "failed with key 'S3CR'",
    "a key in double quotes": 'failed with key "S3CR" of this',
    "a key in quotes within JSON": r"failed with key \"S3CR\"",
    "a key in Spanish": "error: clave: S3CR",
    "a key in Spanish, in quotes": "error de clave 'S3CR'",
    "a password as a short argument": "error in: smbclient -U u -p S3CR //a/b",
    "a password of digits as a short argument": "error in: smbclient -p 0053CR7",
    "a password joined to its argument": "error in: mysqldump -u root -pS3CR",
}
"""A line for every known shape of a secret; what of it must not be seen stands in `LEAKS`."""
LEAKS = re.compile(
    r"S3CR|53CR|Zk3|Eby8|UVErC|q83v|eyJhdWQ|MIID|ADBaM|5A1F|7D6C|6b4a5bbe|c0ffee|AAAAC3|okWi", re.IGNORECASE
)


def inside(os: str, **members: Any) -> Guest:
    return whole(
        Vm(name="sql1", group="shop", os="Linux" if os == "linux" else "Windows", guest=Guest(**members))
    )


def read(os: str, name: str, wall: bool | None, **members: Any) -> dict[str, Any]:
    """Run the script of a log in a guest and return what it wrote."""
    script = LOGS[os][name].lines
    if os == "windows":
        outcome = windows.run(inside(os, **members), script)
    else:
        outcome = linux.run(inside(os, **members), "2.11.1.12", script, wall=wall)
    assert outcome.err == ""
    assert len(outcome.out.strip().splitlines()) == 1
    assert len(outcome.out.encode()) <= LARGEST
    told: dict[str, Any] = json.loads(outcome.out)
    return told


def lines(os: str, wall: bool | None, content: str) -> list[str]:
    """Return what is told of the agent's log with this content."""
    found: list[str] = read(os, "agent", wall, files={AGENT[os]: content})["lines"]
    return found


@pytest.mark.parametrize(("os", "wall"), SYSTEMS)
class TestInTheVm:
    def test_the_lines_that_speak_of_a_fault_are_told_and_no_others(self, os: str, wall: bool | None) -> None:
        content = "INFO begins\n2026 ERROR ExtHandler boom\nINFO goes on\n2026 Connection REFUSED\nINFO 168.63.129.16\n"

        assert lines(os, wall, content) == [
            "2026 ERROR ExtHandler boom",
            "2026 Connection REFUSED",
            "INFO 168.63.129.16",
        ]

    def test_the_last_ones_where_they_are_many_whole_and_oldest_first(
        self, os: str, wall: bool | None
    ) -> None:
        found = lines(os, wall, "".join(f"error {number} {'abc ' * 20}\n" for number in range(1000)))

        assert found[-1].startswith("error 999 ")
        assert [one.split()[1] for one in found] == [str(number) for number in range(1000 - len(found), 1000)]
        assert 10 < len(found) < 60

    @pytest.mark.parametrize("line", SECRETS.values(), ids=list(SECRETS))
    def test_no_secret_leaves(self, os: str, wall: bool | None, line: str) -> None:
        [found] = lines(os, wall, f"INFO before\n{line}\n")

        assert not LEAKS.search(found)
        assert MARK in found

    @pytest.mark.parametrize(
        "line",
        [
            "2026-11-25T10:19:01.123456Z ERROR ExtHandler [Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9188.0] failed",
            "ExtensionSnapshotFailedCOM: error code 0x80042306",
            "ExtensionFailedTimeoutVMNetworkUnresponsive",
            "cannot freeze /var/lib/mysql/data: Device or resource busy",
            r"Faulting application name: IaaSBcdrExtension.exe, path C:\Packages\Plugins\x.exe failed",
            "timed out: http://168.63.129.16:32526/vmSettings",
            r"cannot open the registry key HKLM\SOFTWARE\Microsoft\BcdrAgent",
            r"cannot open the registry key 'HKLM\SOFTWARE\Microsoft\BcdrAgent'",
            "No se puede abrir la clave del Registro: error 5",
            "KeyError: 'goalState'",
            "CNG Key Isolation failed to start",
            "error: keyboard not found",
            "Violation of PRIMARY KEY constraint, an error",
            "error in: mkdir -p /var/lib/waagent",
            "error in: ssh -p 22 host",
            "error: 3 keys were not found",
        ],
    )
    def test_what_tells_of_the_fault_stays(self, os: str, wall: bool | None, line: str) -> None:
        assert lines(os, wall, line + "\n") == [line]

    def test_a_line_without_end_is_cut_and_no_half_of_a_secret_is_seen(
        self, os: str, wall: bool | None
    ) -> None:
        long = "error " + "ab " * 700 + "q83vEjRWeJCrze8SNFZ4kA=="
        [found] = lines(os, wall, long + "\n")

        assert len(found) <= 300
        for pad in range(1970, 2001):
            [found] = lines(
                "windows", None, f"error {'x ' * 60}{'y' * (pad - 126)} q83vEjRWeJCrze8SNFZ4kA==\n"
            )
            assert not LEAKS.search(found)

    def test_a_line_of_a_megabyte_is_passed_over(self, os: str, wall: bool | None) -> None:
        content = "error before\npassword " + "S3CR " * 200_000 + "error\nerror after\n"

        assert lines(os, wall, content) == ["error after"]

    def test_what_is_cut_off_at_the_beginning_never_shows_a_half_line(
        self, os: str, wall: bool | None
    ) -> None:
        content = "error password is " + "x" * 50_000 + " S3CR error\n" + "INFO\n" * 50_000 + "error last\n"

        assert lines(os, wall, content) == ["error last"]

    def test_escapes_and_what_is_binary_do_not_get_out(self, os: str, wall: bool | None) -> None:
        found = lines(os, wall, f'{HOSTILE}\n"quoted" \\ error\r\n\x01\x02\ufffd\x7ferror\n')

        assert all(one.isprintable() and one.isascii() for one in found)
        assert found[1] == '"quoted" \\ error'
        assert found[2] == "error"

    def test_a_log_that_is_not_there_has_no_files(self, os: str, wall: bool | None) -> None:
        assert (found := read(os, "extension", wall))["files"] == found["lines"] == []

    def test_it_changes_nothing(self, os: str, wall: bool | None) -> None:
        guest_ = inside(os)
        for script in LOGS[os].values():
            after = (
                windows.run(guest_, script.lines)
                if os == "windows"
                else linux.run(guest_, "2.11.1.12", script.lines, wall=wall)
            )
            assert (after.guest, after.cut, after.restarts) == (guest_, False, False)


@pytest.mark.parametrize(
    "wall", [pytest.param(True, marks=WALLED, id="held in"), pytest.param(False, id="in a root only")]
)
class TestOnLinux:
    def test_of_xml_files_names_and_times_only(self, wall: bool) -> None:
        found = read(
            "linux",
            "goal-state",
            wall,
            files={"/var/lib/waagent/ExtensionsConfig.3.xml": "<a>S3CR error</a>\n"},
        )

        assert {one[0] for one in found["files"]} == {
            "/var/lib/waagent/GoalState.1.xml",
            "/var/lib/waagent/ExtensionsConfig.3.xml",
        }
        assert found["lines"] == []
        assert not LEAKS.search(json.dumps(found))

    def test_the_extensions_logs_are_found_with_and_without_a_version(self, wall: bool) -> None:
        for folder in (LINUX_PLUGIN, f"{LINUX_PLUGIN}/1.0.9188.0"):
            files = {f"{folder}/extension.log": "error e\n", f"{folder}/shell.log": "error s\n"}
            assert read("linux", "extension", wall, files=files)["lines"] == ["error e"]
            assert read("linux", "shell", wall, files=files)["lines"] == ["error s"]
            assert read("linux", "handlers", wall, files=files)["files"] == []

    def test_the_logs_of_other_handlers_are_told_too(self, wall: bool) -> None:
        files = {f"/var/log/azure/Acme.Thing{number}/run.log": f"error {number}\n" for number in range(6)}
        found = read("linux", "handlers", wall, files=files)

        assert len(found["files"]) == len(found["lines"]) == 4

    def test_odd_names_of_files_break_nothing(self, wall: bool) -> None:
        files = {'/var/lib/waagent/a b\\"c.xml': "x", "/var/lib/waagent/" + "n" * 200 + ".xml": "x"}
        found = read("linux", "goal-state", wall, files=files)

        assert max(len(one[0]) for one in found["files"]) == 100
        assert any('a b\\"c.xml' in one[0] for one in found["files"])


class TestOnWindows:
    def test_the_newest_logs_of_the_extension_are_told(self) -> None:
        folder = f"/C:/WindowsAzure/Logs/Plugins/{PLUGIN}"
        files = {
            f"{folder}/1.0.0.{number}/IaaSBcdrExtension.log": f"error {number}\r\n" for number in range(5)
        }
        found = read("windows", "extension", None, files=files)

        assert [one[0].split("\\")[-2] for one in found["files"]] == ["1.0.0.4", "1.0.0.3", "1.0.0.2"]
        assert found["lines"] == ["error 2", "error 3", "error 4"]

    def test_events_of_the_extension_and_of_its_crashes_are_told(self) -> None:
        events = {
            "IaaSBcdrExtension": ("VSS failed\nfor writer SqlServerWriter",),
            "Application Error": ("Faulting application name: other.exe", "Faulting application name: IaaSBcdrExtension.exe"),
        }  # fmt: skip
        found = read("windows", "events", None, events=events)["lines"]

        assert len(found) == 2
        assert "IaaSBcdrExtension.exe" in found[0]
        assert found[1].endswith("VSS failed for writer SqlServerWriter")

    def test_of_the_extensions_own_folder_names_only(self) -> None:
        path = f"/C:/Packages/Plugins/{PLUGIN}/1.0.0.1/RuntimeSettings/0.settings"
        found = read("windows", "packages", None, files={path: "error S3CR"})

        assert [one[0] for one in found["files"]] == [path[1:].replace("/", "\\")]
        assert found["lines"] == []

    def test_the_scripts_are_made_of_the_closed_set(self) -> None:
        for script in LOGS["windows"].values():
            assert powershell.rendered(powershell.statements(script.lines)) == script.lines


def test_every_name_of_the_catalogue_is_looked_for() -> None:
    names = [one.code for one in SYMPTOMS] + [one.name for one in EXTENSION_RESULTS if one.name]

    assert not [name for name in names if not re.search(MATCH, name, re.IGNORECASE)]


def test_five_scripts_a_system_and_none_is_large() -> None:
    for scripts in LOGS.values():
        assert len(scripts) == 5
        assert all(len(sent(one)) < 8192 for one in scripts.values())


def result(out: str) -> Any:
    return {"value": [{"code": "ComponentStatus/StdOut/succeeded", "message": out}]}


def answer(**changes: Any) -> str:
    whole_ = {
        "azremedy": 1,
        "os": "windows",
        "log": "agent",
        "files": [["C:\\a.log", 3, 5]],
        "lines": ["error"],
    }
    return json.dumps({**whole_, **changes})


class TestAnAnswer:
    def test_is_taken_as_it_is(self) -> None:
        told = log("windows", "agent", result("profile says hello\n" + answer()))

        assert told.lines == ("error",)
        assert (told.files[0].path, told.files[0].size) == ("C:\\a.log", 3)

    def test_is_redacted_once_more(self) -> None:
        [line] = log("windows", "agent", result(answer(lines=["error password=S3CR"]))).lines

        assert line == f"error password{MARK}"

    @pytest.mark.parametrize(
        "out",
        [
            "", "hello", "[]", "null", "{}", answer(more=1), answer(azremedy=2), answer(os="linux"), answer(log="events"),
            answer(lines="error"), answer(lines=[1]), answer(lines=["x" * 301]), answer(lines=["\x1b[31m"]),
            answer(lines=["a\nb"]), answer(lines=["\u202eb"]), answer(lines=["e"] * 65), answer(files=[["a", 1]]),
            answer(files=[["a", -1, 1]]), answer(files=[["a", 1, "x"]]), answer(files=[["x" * 129, 1, 1]]),
            answer(files=[["a", 1, 2**40]]), answer(lines=["x" * 290] * 20), answer()[:-1] + ',"os":"windows"}',
        ],
    )  # fmt: skip
    def test_of_another_shape_is_refused_whole(self, out: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            log("windows", "agent", result(out))

    def test_with_lines_of_what_holds_settings_is_refused(self) -> None:
        with pytest.raises(ValueError, match="only names"):
            log("windows", "agent", result(answer()), names_only=True)

    @pytest.mark.parametrize("line", SECRETS.values(), ids=list(SECRETS))
    def test_what_is_redacted_stays_so(self, line: str) -> None:
        once = redacted(line.encode("ascii", "ignore").decode())

        assert redacted(once) == once
        assert not LEAKS.search(once)


@contextmanager
def desk(folder: Path, *vms: Any, speed: float = 400, **sections: Any) -> Iterator[Desk]:
    with embedded(folder / "sandbox", estate=estate(*vms, **sections), speed=speed) as sandbox:
        yield Desk(sandbox, folder)


def asked(at: Desk) -> list[str]:
    """The VMs that were sent a script; whatever else was written fails the test."""
    assert all(one.lower().endswith("/runcommand") for one in written(at.sandbox))
    return [one.split("/")[-2] for one in written(at.sandbox)]


def told(at: Desk, *more: str, code: int = 0) -> Any:
    ended = at("logs", "--vm", "sql1", "-s", "demo", "-o", "json", *more)
    assert ended.code == code, ended.err
    made = document(ended)
    Draft202012Validator(schema("logs")).validate(made)
    return made


class TestTheCommand:
    @pytest.mark.parametrize("os", ["Windows", "Linux"])
    def test_reads_each_log_with_one_script_that_is_announced_and_journaled(
        self, tmp_path: Path, os: str
    ) -> None:
        content = "ERROR ExtensionSnapshotFailedCOM, password=S3CR\n"
        with desk(tmp_path, vm(os=os, guest={"files": {AGENT[os.lower()]: content}}), vm("sql2")) as at:
            before = at.sandbox.snapshot()
            made = told(at)
            ended = at("logs", "--vm", "sql1", "-s", "demo", "--quiet", COLUMNS="200")
            runs: Any = document(at("runs", "-o", "json"))
            after = at.sandbox.snapshot()

            assert asked(at) == ["sql1"] * 10
        assert made["logs"][0]["lines"] == [
            {
                "text": f"ERROR ExtensionSnapshotFailedCOM, password{MARK}",
                "errorCode": "ExtensionSnapshotFailedCOM",
            }
        ]
        assert [one["name"] for one in made["logs"]] == list(LOGS[os.lower()])
        assert "asking inside 1 VM of demo through Run Command, with 5 scripts that only read" in ended.err
        assert f"password{MARK}  <- ExtensionSnapshotFailedCOM" in ended.out
        assert made["collect"][0] in ended.out
        assert [(one["state"], one["writes"]) for one in runs] == [("finished", 5)] * 2
        assert {key: {**body, "etag": ""} for key, body in after.items()} == {
            key: {**body, "etag": ""} for key, body in before.items()
        }

    @pytest.mark.parametrize(
        ("described", "because"),
        [
            pytest.param({"agent": "not-ready"}, "the VM agent is not ready", id="its agent is not ready"),
            pytest.param({"power": "deallocated"}, "it does not run: it is deallocated", id="it does not run"),
            pytest.param({"extension_operations": False}, "does not allow extension operations", id="not allowed"),
            pytest.param({"backup": {"state": "ProtectionStopped"}}, "no backup of it is on", id="backups are off"),
        ],
    )  # fmt: skip
    def test_a_vm_that_may_not_be_asked_is_not_and_that_is_incomplete(
        self, tmp_path: Path, described: Any, because: str
    ) -> None:
        with desk(tmp_path, vm(**described)) as at:
            made = told(at, code=3)

            assert asked(at) == []
        assert all(because in one["notRead"] for one in made["logs"])
        assert made["collect"]

    def test_after_a_script_that_failed_no_other_one_is_sent(self, tmp_path: Path) -> None:
        with desk(tmp_path, vm(os="Linux")) as at:
            at.sandbox.faults = [Fault(match="POST .*/runCommand", kind="drop-after")]
            made = told(at, code=3)

            assert asked(at) == ["sql1"]
        assert [one["notRead"] for one in made["logs"]][1:] == [
            "it was not asked: the script before it failed"
        ] * 4

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ((), "Name one VM with --vm: it is asked from inside."),
            (("--vm", "sql1", "--vm", "sql2"), "Name one VM with --vm"),
            (("--vm", "slq2"), "No VM 'slq2' is there. Did you mean 'sql2'?"),
            (("--vm", "sql1"), "2 VMs fit"),
        ],
    )
    def test_what_names_no_vm_or_several_is_refused(
        self, tmp_path: Path, arguments: tuple[str, ...], says: str
    ) -> None:
        with desk(tmp_path, vm(), vm(group="office"), vm("sql2")) as at:
            ended = at("logs", *arguments, "-s", "demo")

            assert (ended.code, ended.err.count("\n"), says in ended.err) == (2, 1, True)
            assert asked(at) == []

    @pytest.mark.parametrize("form", ["table", "json", "yaml"])
    def test_what_a_hostile_guest_says_is_shown_and_not_obeyed(self, tmp_path: Path, form: str) -> None:
        content = f"{HOSTILE} ::error::x\n"
        with desk(tmp_path, vm(guest={"files": {AGENT["windows"]: content}})) as at:
            ended = at("logs", "--vm", "sql1", "-s", "demo", "-o", form)

        assert ended.code == 0
        assert "[bold]" in ended.out
        assert "##vso[" not in ended.out
        assert "\x1b" not in ended.out

    def test_a_log_that_is_not_there_is_not_called_free_of_faults(self, tmp_path: Path) -> None:
        with desk(tmp_path, vm(os="Linux")) as at:
            shown = at("logs", "--vm", "sql1", "-s", "demo", COLUMNS="200").out

        assert "the VM agent (/var/log/waagent.log)\n  /var/log/waagent.log  " in shown
        assert shown.count("none of the last lines speaks of a fault") == 1
        assert shown.count("there is none") == 3

    def test_none_writes_nothing(self, tmp_path: Path) -> None:
        with desk(tmp_path, vm()) as at:
            assert at("logs", "--vm", "sql1", "-s", "demo", "-o", "none").out == ""


class TestTheTransport:
    def test_lets_the_scripts_through_in_their_exact_form_only(self, tmp_path: Path) -> None:
        with embedded(tmp_path, estate=estate(vm())) as sandbox:
            cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
            secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
            known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
            target = ArmId(
                f"/subscriptions/{sandbox.subscription}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/sql1"
            )
            with open_reader(cloud, guests=True, **known) as reader, open_reader(cloud, **known) as closed:
                for script in (one for of in LOGS.values() for one in of.values()):
                    for body in changed(script):
                        with pytest.raises(WriteRefused):
                            reader.probe(target, body)
                    with pytest.raises(WriteRefused):
                        closed.probe(target, sent(script))
                assert written(sandbox) == []
                assert reader.probe(target, sent(LOGS["windows"]["agent"])).operation


def changed(script: Script) -> Iterator[bytes]:
    """Yield a script in other forms."""
    yield sent(Script(script.name, script.os, (*script.lines, "reboot")))
    yield sent(Script(script.name, script.os, script.lines[:-1]))
    yield b" " + sent(script)
    yield sent(script)[:-1] + b',"parameters":[{"name":"a","value":"b"}]}'


def test_every_script_of_the_logs_is_one_that_azremedy_ships() -> None:
    assert {one.lines for of in LOGS.values() for one in of.values()} <= guest.SHIPPED
