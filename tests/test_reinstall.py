"""Azure Backup's extension where ARM hides it: moved aside inside the VM, moved back, installed anew by a backup."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from building import cured, estate, failed_item, failed_job, item, left, linux, view, vm
from building import windows as told_by_windows
from commands import Desk, document
from commands import written as sends
from sandboxed import Lab
from sandboxed import estate as described
from test_guest_cures import BROKEN, HIDDEN, SPEED, at, fix
from test_sandbox_guest import WALLS

from azremedy.arm import Request
from azremedy.estate import Estate
from azremedy.guest import HANDLER_ASIDE, HANDLER_BACK, changing, powershell, reinstall
from azremedy.guest.windows import BACKUP_KEY, LATEST, PERSISTENT_KEY
from azremedy.plan import Irreversible, Step, View
from azremedy.resources import Guest as Told
from azremedy.resources import Handler, Setting, Status
from azremedy.sandbox import embedded
from azremedy.sandbox.description import Backup, Vm
from azremedy.sandbox.guest import linux as inside
from azremedy.sandbox.guest import whole, windows
from azremedy.sandbox.guest.state import HANDLER, HANDLER_FOLDER, HANDLER_KEY
from azremedy.sandbox.inside import Guest as Inside

ID = "vmsnapshot-extension"
BACKUP = Backup("vault", "daily")
FAILED = Status("ProvisioningState/failed/4", "Error", "Not Ready")
SEEN = view(handlers=(Handler("Microsoft.Azure.RecoveryServices.VMSnapshotLinux", "1.0", FAILED),))
ASIDE = "/var/lib/waagent/azremedy-aside"
WEB = whole(Vm(name="web1", group="shop", os="Linux", backup=BACKUP, snapshot="failed"))


@pytest.mark.parametrize("wall", WALLS)
class TestInside:
    def test_the_folder_goes_aside_and_comes_back(self, wall: bool) -> None:
        moved = inside.run(WEB, "2.11", HANDLER_ASIDE.lines, wall=wall).guest
        back = inside.run(moved, "2.11", HANDLER_BACK.lines, wall=wall).guest

        assert [name for name in moved.files if "VMSnapshotLinux" in name] == [
            f"{ASIDE}/{HANDLER.rpartition('/')[2]}1.0.9219.0/HandlerManifest.json"
        ]
        assert back.files == WEB.files

    def test_what_lies_aside_already_is_kept(self, wall: bool) -> None:
        once = inside.run(WEB, "2.11", HANDLER_ASIDE.lines, wall=wall).guest
        anew = whole(Vm(name="web1", group="shop", os="Linux", backup=BACKUP, guest=once))
        twice = inside.run(anew, "2.11", HANDLER_ASIDE.lines, wall=wall).guest

        assert sum(name.startswith(ASIDE) for name in twice.files) == 2
        assert not any(name.startswith(HANDLER) for name in twice.files)

    def test_nothing_comes_back_beside_one_that_was_installed_anew(self, wall: bool) -> None:
        once = inside.run(WEB, "2.11", HANDLER_ASIDE.lines, wall=wall).guest
        anew = whole(Vm(name="web1", group="shop", os="Linux", backup=BACKUP, guest=once))
        after = inside.run(anew, "2.11", HANDLER_BACK.lines, wall=wall)

        assert after.guest.files == anew.files
        assert "installed anew" in after.err


@pytest.mark.slow
def test_a_folder_that_is_moved_back_is_the_broken_one(tmp_path: Path) -> None:
    with at(tmp_path, HIDDEN) as desk:
        lab = Lab(desk.sandbox, speed=SPEED)

        def told() -> list[str]:
            seen = lab.compute.virtual_machines.instance_view("shop", "web1").vm_agent
            return [one.status.code for one in seen.extension_handlers or ()]

        for script, expected in ((HANDLER_ASIDE, []), (HANDLER_BACK, ["ProvisioningState/failed/1"])):
            lab.compute.virtual_machines.begin_run_command("shop", "web1", script.body).result()
            assert told() == expected
        assert lab.job(name="web1").status == "Failed"
        lab.close()


@pytest.mark.slow
def test_the_backup_that_installs_it_anew_is_followed_as_the_proof_and_no_second_one_started(
    tmp_path: Path,
) -> None:
    with embedded(tmp_path / "sandbox", estate=described(HIDDEN.vm), speed=4) as sandbox:
        desk = Desk(sandbox, tmp_path)
        done = fix(desk, HIDDEN, "--apply", "--yes", "--prove")
        sent = [line for line in sends(sandbox) if line.endswith("/backup")]

    ending = document(done)
    assert (done.code, len(sent)) == (0, 1), done.err + done.out
    assert [(one["proved"], one["error"]) for one in ending["proofs"]] == [(True, None)]
    assert "no other one is started" in done.err


def test_without_leave_to_ask_inside_a_person_is_told_how(tmp_path: Path) -> None:
    with at(tmp_path, HIDDEN) as desk:
        ended = desk("fix", "-s", "demo", "--playbook", ID, "--allow", "guarded", "-o", "json")

    assert "give --guest" in document(ended)["byHand"][0]["reason"]


class TestPlans:
    def test_the_folder_goes_aside_before_a_backup_that_waits_for_a_ready_extension(self) -> None:
        aside, again = cured(ID, sick(linux())).nodes

        assert isinstance(aside, Step)
        assert isinstance(again, Step)
        assert isinstance(aside.undo, Request)
        assert (aside.request.body, aside.undo.body) == (HANDLER_ASIDE.body, HANDLER_BACK.body)
        assert (aside.changes_vm, again.triggers_backup) == (vm().id, item().id)
        assert [(one.view, one.value) for one in again.after] == [
            (View.NEWEST_JOB, None),
            (View.INSTANCE_VIEW, "ProvisioningState/succeeded"),
        ]

    def test_where_there_is_no_folder_a_backup_is_all_it_takes(self) -> None:
        assert "back the VM up" in left(ID, sick(linux(snapshot=0))).reason


def sick(told: Told) -> Estate:
    return estate(vm(os="Linux"), failed_item(), failed_job(BROKEN), SEEN, told)


BCDR = {BACKUP_KEY: {"IsProviderInstalled": "True"}, PERSISTENT_KEY: {"IsCommonProviderInstalled": "Tr\\ue"}}


def under(*spelled: str) -> Inside:
    """Return a guest whose agent notes its extensions under these names of its key, and whose Backup is set up."""
    noted = [
        rf"HKLM:\SOFTWARE\Microsoft\{one}\HandlerState\Microsoft.Azure.RecoveryServices.VMSnapshot_1.0"
        for one in spelled
    ]
    held = {key: {"HandlerStatus": 1, "Sequence": "4"} for one in noted for key in (one, rf"{one}\Settings")}
    rest = {key: values for key, values in SQL1.registry.items() if not key.startswith(HANDLER_KEY)}
    return msgspec.structs.replace(SQL1, registry={**rest, **held, **BCDR})


def named(key: str) -> str:
    return key.replace("HKLM:", "HKEY_LOCAL_MACHINE")


def written(value: str | int | None) -> str:
    return f"dword:{value:08x}" if isinstance(value, int) else f'"{value}"'.replace("\\", r"\\")


SQL1 = whole(Vm(name="sql1", group="shop", backup=BACKUP, snapshot="failed"))


class TestInsideWindows:
    @pytest.mark.parametrize(
        "spelled", [["WindowsAzure"], ["Windows Azure"], ["WindowsAzure", "Windows Azure"]], ids=" and ".join
    )
    def test_whatever_it_removes_or_overwrites_was_exported(self, spelled: list[str]) -> None:
        before = under(*spelled)
        after = windows.run(before, reinstall().lines)
        kept = "\n".join(text for name, text in after.guest.files.items() if name.endswith(".reg") and text)

        changed = {
            key: held for key, held in before.registry.items() if after.guest.registry.get(key) != held
        }
        assert (after.reboots, after.err, len(changed)) == (True, "", 2 * len(spelled) + 2)
        for key, held in changed.items():
            [section] = [one for one in kept.split("\n\n") if one.startswith(f"[{named(key)}]")]
            assert section.splitlines()[1:] == [
                f'"{name}"={written(value)}' for name, value in (held or {}).items()
            ]

    def test_a_copy_that_was_kept_before_is_not_written_over(self) -> None:
        exports = [
            one for one in powershell.statements(reinstall().lines) if isinstance(one, changing.ExportKey)
        ]

        assert len({one.file for one in exports}) == len(exports)
        assert all("(Get-Date -Format 'yyyyMMddHHmmss')" in str(one) for one in exports)

    def test_all_of_it_goes_once_the_agents_key_was_exported(self) -> None:
        after = windows.run(SQL1, reinstall().lines)

        assert (after.cut, after.reboots, after.err) == (False, True, "")
        assert not any(key.startswith(HANDLER_KEY) for key in after.guest.registry)
        assert not any(name.startswith(HANDLER_FOLDER) for name in after.guest.files)
        assert [name for name in after.guest.files if "VMSnapshot_old" in name] != []
        assert after.guest.registry[BACKUP_KEY] == {"IsProviderInstalled": "False"}
        assert after.guest.registry[PERSISTENT_KEY] == {"IsCommonProviderInstalled": "False"}

    def test_nothing_goes_where_the_key_is_not_exported(self) -> None:
        bare = whole(Vm(name="sql1", group="shop"))
        after = windows.run(bare, reinstall().lines)

        assert after.guest == bare
        assert (after.reboots, after.err) == (False, "The agent has no key to export.")

    def test_the_restart_is_sure_before_the_agent_is_stopped(self) -> None:
        queued = [
            one.line for one in powershell.statements(reinstall().lines) if isinstance(one, changing.Queue)
        ]
        restart = queued.index(str(changing.RestartMachine(LATEST)))

        assert restart < min(place for place, line in enumerate(queued) if line.startswith("Stop-Service"))
        assert not any(line.startswith("Stop-Service") for line in reinstall().lines)


class TestPlansForWindows:
    def test_a_restart_that_counts_once_the_agent_is_back_without_it(self) -> None:
        told = told_by_windows(
            settings=(Setting("extension", "Microsoft.Azure.RecoveryServices.VMSnapshot_1.0.91.0"),)
        )
        out, again = cured(ID, sick_windows(told)).nodes

        assert isinstance(out, Step)
        assert isinstance(again, Step)
        assert isinstance(out.undo, Irreversible)
        assert "RESTART" in out.summary
        assert out.changes_vm == vm().id
        assert [(one.view, one.test.value) for one in out.after] == [
            (View.INSTANCE_VIEW, "newer than the send"),
            (View.WINDOWS_GUEST, "absent"),
        ]

    def test_where_nothing_of_it_is_left_a_backup_is_all_it_takes(self) -> None:
        assert "back the VM up" in left(ID, sick_windows(told_by_windows())).reason


def sick_windows(told: Told) -> Estate:
    handler = Handler("Microsoft.Azure.RecoveryServices.VMSnapshot", "1.0", FAILED)
    return estate(vm(), failed_item(), failed_job(BROKEN), view(handlers=(handler,)), told)
