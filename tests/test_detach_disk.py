"""A disk that was copied: the check inside the VM, what it proves, and the detach that rests on it, from end to end."""

from __future__ import annotations

import json
import os as os_
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from building import NOW, attached, disk, item, vm, vm_id
from building import estate as built
from commands import Desk, command, document, environment, variables, written
from jsonschema import Draft202012Validator
from sandboxed import Lab
from scenes import COPIED, SCENES, Scene, copied, estate, lists
from staging import staged

from azremedy import guest as guests
from azremedy.arm import ArmId, Request
from azremedy.azure import ClientSecret, find_cloud, open_reader
from azremedy.checking import checks
from azremedy.collect.copies import disk_copy
from azremedy.errors import WriteRefused
from azremedy.guest import Script
from azremedy.guest.copied import lines
from azremedy.plan import FixClass, Step, steps
from azremedy.report import checklist
from azremedy.report.schema import schema
from azremedy.resources import Unread
from azremedy.sandbox import embedded
from azremedy.sandbox.description import Vm
from azremedy.sandbox.guest import disks, linux, whole, windows

SPEED = 400.0
SIZES = {0: 2000, 1: 1000, 2: 1000}
WALLS = [True, False] if linux.walled() else [False]
SYSTEMS = [
    *(pytest.param("Linux", wall, id=f"Linux, {'held in' if wall else 'bare'}") for wall in WALLS),
    pytest.param("Windows", None, id="Windows"),
]
LINUX = pytest.mark.parametrize("wall", WALLS)
ROOT = {"Linux": "/data/two", "Windows": "/G:"}
DESCRIBED = next(one for one in SCENES if one.choices.attach_disks)


def told(described: Mapping[str, Any], wall: bool | None = None, sizes: Mapping[int, int] = SIZES) -> Any:
    """Run the check in a guest and return its answer."""
    machine = msgspec.convert({**described, "backup": None}, Vm)
    inside = disks.attached(whole(machine), sizes)
    script = lines(machine.os.lower(), 0, [1, 2])
    ended = (
        windows.run(inside, script)
        if machine.os == "Windows"
        else linux.run(inside, "2.11", script, wall=wall)
    )
    assert ended.guest == inside
    return json.loads(ended.out.splitlines()[-1])


def changed(described: Mapping[str, Any], **files: str | None) -> dict[str, Any]:
    """Return the VM with other files; `old` and `new` stand for folders."""
    inside = described["guest"]
    return {**described, "guest": {**inside, "files": {**inside["files"], **files}}}


@pytest.mark.parametrize(("os", "wall"), SYSTEMS)
class TestTheCheck:
    def test_tells_that_all_is_there_and_the_old_disk_is_let_go_of(self, os: str, wall: bool | None) -> None:
        answer = told(copied(os), wall)

        gib = 1 << 30
        old = [0, 2000 * gib, 1, 0, ""]
        assert answer["disks"] == [old, [1, 1000 * gib, 1, 1, ""], [2, 1000 * gib, 1, 1, ""]]
        assert [answer[name] for name in ("files", "missing", "sample", "differ")] == [22, 0, 20, 0]

    @pytest.mark.parametrize(
        ("files", "missing", "differ"),
        [
            pytest.param({"2018/a report.txt": None}, 1, 1, id="one is not there"),
            pytest.param(
                {"2018/a report.txt": "much longer than it was, by far"}, 1, 1, id="one has another size"
            ),
            pytest.param(
                {"2018/a report.txt": COPIED["2018/a report.txt"].upper()}, 0, 1, id="of equal size"
            ),
        ],
    )
    def test_counts_what_is_not_the_same(
        self, os: str, wall: bool | None, files: Mapping[str, Any], missing: int, differ: int
    ) -> None:
        answer = told(changed(copied(os), **{f"{ROOT[os]}/{one}": text for one, text in files.items()}), wall)

        assert (answer["missing"], answer["differ"]) == (missing, differ)

    def test_without_lists_nothing_is_counted(self, os: str, wall: bool | None) -> None:
        answer = told(changed(copied(os), **{f"{ROOT[os]}/{name}": None for name in lists({})}), wall)

        assert (answer["files"], answer["sample"]) == (None, 0)

    def test_tells_of_a_disk_that_is_not_there_and_of_one_that_is_empty(
        self, os: str, wall: bool | None
    ) -> None:
        described = copied(os)
        volumes = [one for one in described["guest"]["volumes"] if one["lun"] != 1]
        described = {**described, "guest": {**described["guest"], "volumes": volumes}}
        answer = told(described, wall, {0: 2000, 1: 1000})

        assert [one[:4] for one in answer["disks"][1:]] == [[1, 1000 << 30, 0, 0], [2, None, 0, 0]]

    def test_tells_that_the_old_disk_is_in_use(self, os: str, wall: bool | None) -> None:
        [old, *_] = told(copied(os, released=False), wall)["disks"]

        assert old[4] == ("online" if os == "Windows" else "mounted")


FSTAB = "# UUID=5a6db0c5-0000-4000-8000-000000000000 /old ext4\n"
BY_ID = f"/dev/disk/by-id/wwn-0x6002248{0:024d}"
NO_DEVICES = """\
tmpfs /tmp tmpfs
none /proc proc
files:/data /srv nfs
//files/my\\040data /mnt cifs
/swap.img none swap
/dev/disk/cloud/azure_resource-part1 /mnt auto nofail
"""


@LINUX
@pytest.mark.parametrize(
    ("volume", "files", "uses"),
    [
        pytest.param({"held": "lvm"}, {}, "lvm", id="LVM"),
        pytest.param({"held": "raid1"}, {}, "md", id="md"),
        pytest.param({"held": "crypt"}, {}, "crypt", id="encrypted"),
        pytest.param({"filesystem": "btrfs"}, {}, "other", id="a kind that may be in use unseen"),
        pytest.param({}, {"/etc/fstab": FSTAB[2:]}, "fstab", id="fstab, by UUID"),
        pytest.param(
            {}, {"/etc/fstab": "/dev/disk/azure/scsi1/lun0-part1 /old xfs\n"}, "fstab", id="by place"
        ),
        pytest.param({}, {"/etc/fstab": FSTAB}, "", id="only a comment"),
        pytest.param({}, {"/etc/fstab": f"{BY_ID}0 /old ext4\n"}, "fstab", id="fstab, by id"),
        pytest.param(
            {}, {"/etc/fstab": f"ID={BY_ID[16:]}0 /old ext4\n"}, "fstab", id="fstab, by an id as a tag"
        ),
        pytest.param(
            {},
            {"/etc/fstab": "/dev/disk/by-path/acpi-VMBUS:00-scsi-0:0:0:0 /old ext4\n"},
            "fstab",
            id="fstab, by path",
        ),
        pytest.param({}, {"/etc/fstab": f"{BY_ID}1 /new ext4\n"}, "", id="another disk, by id"),
        pytest.param({}, {"/etc/fstab": f"{FSTAB[2:42]}1 /new ext4\n"}, "", id="another disk, by UUID"),
        pytest.param(
            {}, {"/etc/fstab": "/dev/disk/by-id/gone /old ext4\n"}, "fstab", id="what leads nowhere"
        ),
        pytest.param({}, {"/etc/fstab": "LABEL=gone /old ext4\n"}, "fstab", id="a label that leads nowhere"),
        pytest.param({}, {"/etc/fstab": "LABEL=my\\040disk /old xfs\n"}, "fstab", id="a label with a space"),
        pytest.param({}, {"/etc/fstab": NO_DEVICES, "/swap.img": "swap"}, "", id="shares and files"),
        pytest.param({}, {"/etc/crypttab": f"safe {BY_ID}0 none\n"}, "fstab", id="crypttab"),
        pytest.param(
            {},
            {"/usr/lib/systemd/system/var-lib-machines.mount": "[Mount]\nWhat=/var/lib/machines.raw\n"},
            "",
            id="a unit of systemd's own",
        ),
        *(
            pytest.param({}, {f"{place}": f"[Mount]\nWhat = {BY_ID}0\n"}, "fstab", id=f"a unit, {place}")
            for place in (
                "/etc/systemd/system/old.mount",
                "/etc/systemd/system/old.swap",
                "/etc/systemd/system/old.mount.d/what.conf",
                "/run/systemd/system/old.mount",
                "/run/systemd/generator/old.automount",
                "/usr/lib/systemd/system/old.swap",
                "/usr/local/lib/systemd/system/old.mount",
            )
        ),
        pytest.param(
            {}, {"/etc/systemd/system/old.mount": f"[Mount]\nWhat={FSTAB[2:43]}\n"}, "fstab", id="a unit"
        ),
    ],
)
def test_what_linux_still_does_with_the_old_disk(
    volume: Mapping[str, Any], files: Mapping[str, str], uses: str, *, wall: bool
) -> None:
    [old, *_] = told(changed(copied(**volume), **files), wall)["disks"]

    assert old[4] == uses


@LINUX
def test_a_list_that_is_not_in_order_is_none(*, wall: bool) -> None:
    [name, _] = lists(COPIED)
    backwards = "".join(reversed(lists(COPIED)[name].splitlines(keepends=True)))

    assert told(changed(copied(), **{f"{ROOT['Linux']}/{name}": backwards}), wall)["files"] is None


def test_the_printed_commands_list_what_the_check_looks_for(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    new.mkdir()
    for name, content in COPIED.items():
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text(content)
    script = "\n".join((f"old={old}", f"new={new}", *checklist.linux_lists(0)))
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True)

    made = {one.name: one.read_text() for one in new.iterdir()}
    assert made["azremedy-lun0.files"] == lists(COPIED)["azremedy-lun0.files"]
    answer = told(
        changed(copied(), **{f"{ROOT['Linux']}/{name}": text for name, text in made.items()}), wall=False
    )
    assert [answer[one] for one in ("files", "missing", "sample", "differ")] == [22, 0, 22, 0]


def test_luns_that_no_disks_have_are_not_asked_about() -> None:
    old = attached("data1", 0)
    hanging = (old, *(attached(f"data1-part{number}", 90 + number) for number in (1, 2)))
    [gap] = checks(built(vm(disks=hanging), disk("data1", 2048), item()), frozenset({("sql1", 0)}))

    assert isinstance(gap, Unread)
    assert gap.reason == "it was not asked: a disk on LUN 0 is not copied to [91, 92]"


class TestWhatMayBeSent:
    @pytest.mark.parametrize("os", ["linux", "windows"])
    def test_the_check_of_any_luns_and_no_other_script(self, os: str) -> None:
        made = Script("check-disks", os, lines(os, 63, [0, 7]))
        assert guests.sent(made) in guests.ONLY_READ
        for other in (
            (*made.lines, "reboot"),
            made.lines[1:],
            made.lines[:-1],
            (made.lines[0] + " ", *made.lines[1:]),
        ):
            assert guests.sent(replace(made, lines=other)) not in guests.ONLY_READ
        assert guests.sent(made) + b" " not in guests.ONLY_READ
        assert b'{"commandId":"RunShellScript"}' not in guests.ONLY_READ

    @pytest.mark.parametrize(
        ("old", "new"), [(64, [1]), (-1, [1]), (0, [0]), (0, [1, 1]), (0, []), (0, range(1, 40))]
    )
    def test_no_luns_that_no_disks_have(self, old: int, new: Sequence[int]) -> None:
        with pytest.raises(ValueError, match="is not copied to"):
            lines("linux", old, new)

    def test_the_connection_of_who_only_looks_lets_nothing_else_through(self, tmp_path: Path) -> None:
        with embedded(tmp_path, estate=estate(copied()), speed=SPEED) as sandbox:
            secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
            cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
            with open_reader(cloud, guests=True, secret=secret, ca=sandbox.ca, environ={}) as reader:
                script = Script(
                    "check-disks", "linux", ("old=0 new='1'; reboot", *lines("linux", 0, [1])[1:])
                )
                with pytest.raises(WriteRefused):
                    reader.probe(vm_id(), guests.sent(script))
            assert written(sandbox) == []


GOOD: Mapping[str, Any] = {
    "azremedy": 1, "os": "linux", "disks": [[0, 9, 1, 0, ""], [1, 9, 1, 1, ""]],
    "files": 3, "missing": 0, "sample": 3, "differ": 0,
}  # fmt: skip


def parsed(answer: Any) -> Any:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    result = {"value": [{"code": "x", "message": f"Enable succeeded: \n[stdout]\n{text}\n[stderr]\n"}]}
    return disk_copy(vm_id(), "linux", NOW, [0, 1], result)


class TestWhatAnAnswerMayBe:
    def test_what_the_check_writes(self) -> None:
        made = parsed(GOOD)

        assert (made.old.lun, made.new[0].lun, made.files, made.old.uses) == (0, 1, 3, ())

    @pytest.mark.parametrize(
        "bad",
        [
            pytest.param("", id="nothing"),
            pytest.param("{", id="no JSON"),
            pytest.param({**GOOD, "more": 1}, id="another member"),
            pytest.param({**GOOD, "os": "windows"}, id="another system"),
            pytest.param({**GOOD, "azremedy": 2}, id="another version"),
            pytest.param({**GOOD, "missing": -1}, id="a negative number"),
            pytest.param({**GOOD, "missing": True}, id="no number"),
            pytest.param({**GOOD, "files": "3"}, id="a text"),
            pytest.param({**GOOD, "disks": GOOD["disks"][:1]}, id="a disk too few"),
            pytest.param({**GOOD, "disks": [*reversed(GOOD["disks"])]}, id="other disks"),
            pytest.param({**GOOD, "disks": [[0, 0, 1, 0, ""], GOOD["disks"][1]]}, id="a disk without size"),
            pytest.param({**GOOD, "disks": [[0, 9, 1, 0, "unknown"], GOOD["disks"][1]]}, id="a word"),
            pytest.param(json.dumps(GOOD)[:-1] + ',"differ":0}', id="a name twice"),
        ],
    )
    def test_anything_else_is_none(self, bad: Any) -> None:
        with pytest.raises(ValueError, match=r"."):
            parsed(bad)


FLAGS = (
    "--playbook",
    "disk-size",
    "--guest",
    "--now",
    "--detach-disk",
    "archive1:0",
    "--allow",
    "destructive",
)


@contextmanager
def desk(folder: Path, *vms: Mapping[str, Any]) -> Iterator[Desk]:
    with embedded(folder / "sandbox", estate=estate(*vms), speed=SPEED) as sandbox:
        yield Desk(sandbox, folder)


def fix(at: Desk, *flags: str) -> Any:
    return at("fix", "-s", "demo", *FLAGS, "-o", "json", *flags)


def hanging(at: Desk) -> list[int]:
    held = at.sandbox.snapshot()
    [model] = [one for key, one in held.items() if key.endswith("/virtualmachines/archive1")]
    return [one["lun"] for one in model["properties"]["storageProfile"]["dataDisks"]]


def sends(at: Desk) -> list[str]:
    return [line.rpartition("/")[2] for line in written(at.sandbox)]


@pytest.mark.parametrize("os", ["Linux", "Windows"])
class TestDetached:
    def test_what_is_proven_is_detached_backed_up_and_taken_back(self, tmp_path: Path, os: str) -> None:
        with desk(tmp_path, copied(os)) as at, closing(Lab(at.sandbox, speed=SPEED)) as lab:
            assert "1023" in lab.said(name="archive1", vault="vault") or hanging(at) == [0, 1, 2]
            shown = fix(at)
            assert shown.code == 0, shown.err
            assert "asking inside 1 VM of demo through Run Command" in shown.err
            [group] = document(shown)["groups"]
            assert group["class"] == "destructive"
            assert sends(at)[-1] == "runCommand"
            assert hanging(at) == [0, 1, 2]

            done = fix(at, "--apply", "--yes", "--confirm", "archive1")
            assert [one["outcome"] for one in document(done)["steps"]] == ["applied"], done.err
            assert [one["verdict"] for one in document(done)["verified"]] == ["fixed"]
            assert hanging(at) == [1, 2]
            assert not [one for one in written(at.sandbox) if one.startswith("DELETE")]
            assert lab.said(name="archive1", vault="vault") == "Completed"

            back = at("rollback", document(done)["run"], "--yes", AZREMEDY_SUBSCRIPTION="demo")
            assert back.code == 0, back.err + back.out
            assert sorted(hanging(at)) == [0, 1, 2]

    @pytest.mark.parametrize(
        ("described", "because"),
        [
            pytest.param({"released": False}, "the guest has not let go of it", id="in use"),
            pytest.param({"files": {}}, "are not on the new disks", id="not copied"),
        ],
    )
    def test_what_is_not_proven_is_left_to_a_person_with_the_command(
        self, tmp_path: Path, os: str, described: Any, because: str
    ) -> None:
        with desk(tmp_path, copied(os, **described)) as at:
            ended = fix(at, "--apply", "--yes", "--confirm", "archive1")
            shown = at("fix", "-s", "demo", *FLAGS)

            assert set(sends(at)) == {"runCommand"}
            assert hanging(at) == [0, 1, 2]
        assert because in json.dumps(document(ended))
        assert ended.code == 1
        assert "\n#    az vm disk detach --subscription " in shown.out
        assert ("umount" if os == "Linux" else "Set-Disk -IsOffline") in shown.out


class TestRefused:
    @pytest.mark.parametrize(
        ("flags", "because"),
        [
            pytest.param([one for one in FLAGS if one != "--guest"][0:2], "", id="not named"),
            pytest.param(
                [one for one in FLAGS if one not in ("--guest", "--now")],
                "--guest lets azremedy",
                id="unasked",
            ),
        ],
    )
    def test_nothing_is_asked_without_leave(self, tmp_path: Path, flags: Sequence[str], because: str) -> None:
        with desk(tmp_path, copied()) as at:
            ended = at("fix", "-s", "demo", *flags, "-o", "json")

            assert written(at.sandbox) == []
            assert document(ended)["groups"] == []
        assert because in ended.out

    def test_it_is_not_enough_to_say_yes(self, tmp_path: Path) -> None:
        with desk(tmp_path, copied()) as at:
            ended = fix(at, "--apply", "--yes")

            assert (ended.code, set(sends(at))) == (2, {"runCommand"})
        assert "--confirm archive1" in ended.err

    def test_a_vm_whose_agent_is_silent_is_not_asked(self, tmp_path: Path) -> None:
        with desk(tmp_path, {**copied(), "agent": "not-ready"}) as at:
            ended = fix(at)

            assert written(at.sandbox) == []
        assert (ended.code, document(ended)["groups"]) == (3, [])

    def test_one_disk_is_named_for_one_cure(self, tmp_path: Path) -> None:
        with desk(tmp_path, copied()) as at:
            ended = fix(at, "--attach-disks", "archive1:0")

        assert (ended.code, "by --attach-disks and by --detach-disk" in ended.err) == (2, True)

    def test_a_plan_that_was_saved_is_refused_once_the_guest_uses_the_disk_again(
        self, tmp_path: Path
    ) -> None:
        with desk(tmp_path, copied()) as at, closing(Lab(at.sandbox, speed=SPEED)) as lab:
            assert fix(at, "--save", str(tmp_path / "plan.json")).code == 0
            if not linux.walled():
                pytest.skip("nothing here holds a script in, so nobody can mount the disk")
            run(lab, "mount /dev/disk/azure/scsi1/lun0 /data/old")
            ended = at(
                "fix", "--apply", "--plan", tmp_path / "plan.json", "--yes", "--now", "--confirm", "archive1"
            )

            assert ended.code == 6
            assert hanging(at) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os_, "openpty"), reason="Windows has no such terminal")
@pytest.mark.parametrize(
    ("name", "wait", "code", "says"),
    [
        pytest.param(
            "archive1", 0.0, 0, "Something of archive1 is taken away from it. Type its name", id="typed"
        ),
        pytest.param("archive2", 0.0, 2, "Type its name", id="another name"),
        pytest.param("archive1", 4.0, 2, "the disk was checked more than 15 minutes ago", id="too late"),
    ],
)
def test_a_person_types_the_name_and_not_too_late(
    tmp_path: Path, name: str, wait: float, code: int, says: str
) -> None:
    with desk(tmp_path, copied()) as at:
        ours, theirs = os_.openpty()
        with subprocess.Popen(
            command("fix", "-s", "demo", *FLAGS, "--apply", "-o", "json"),
            env=environment(**variables(at.sandbox, tmp_path)),
            stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stderr
            told = ""
            while "Carry out" not in told:
                told += process.stderr.read(1)
            time.sleep(wait)
            os_.write(ours, f"y\n{name}\n".encode())
            told += process.communicate(timeout=60)[1]
        os_.close(ours)
        os_.close(theirs)

        assert (process.returncode, says in told) == (code, True), told
        assert hanging(at) == ([1, 2] if code == 0 else [0, 1, 2])


def run(lab: Lab, *script: str) -> str:
    body = {"commandId": "RunShellScript", "script": list(script)}
    done = lab.compute.virtual_machines.begin_run_command("shop", "archive1", body).result()
    return str(done.as_dict()["value"][0]["message"])


PERSON = """
for lun in 1 2; do
  mkfs.ext4 /dev/disk/azure/scsi1/lun$lun
  mkdir -p /srv/lun$lun
  mount /dev/disk/azure/scsi1/lun$lun /srv/lun$lun
done
cp -r /data/old/2018 /srv/lun1/
cp -r /data/old/scans /srv/lun2/
old=/data/old
new=/srv/lun1
"""


@pytest.mark.skipif(not linux.walled(), reason="nothing here holds the scripts of a person in")
def test_from_a_disk_that_is_too_large_to_a_backup_and_back(tmp_path: Path) -> None:
    """A person follows the checklist: attach, copy, let go, check, detach, back up; and takes it back."""
    described = {**copied(released=False), "disks": [{"lun": 0, "size": 2000}]}
    files = {f"/data/old/{name}": content for name, content in COPIED.items()}
    described["guest"] = {"volumes": described["guest"]["volumes"][:1], "files": files}
    with desk(tmp_path, described) as at, closing(Lab(at.sandbox, speed=SPEED)) as lab:
        attach = (
            "fix",
            "-s",
            "demo",
            "--playbook",
            "disk-size",
            "--allow",
            "guarded",
            "--attach-disks",
            "archive1:0",
        )
        shown = at(*attach)
        assert "# To copy disk " in shown.out
        listed = document(at(*attach, "-o", "json"))
        Draft202012Validator(schema("plan")).validate(listed)
        [one] = listed["checklists"]
        assert "\n".join(one["lines"]) in shown.out
        assert "\n\n" + "\n".join(one["outside"]) in shown.out
        assert (one["disk"]["lun"], [new["lun"] for new in one["newDisks"]]) == (0, [1, 2])
        assert at(*attach, "--apply", "--yes", "--now").code == 1
        assert hanging(at) == [0, 1, 2]
        assert "is not formatted" in fix(at).out
        diagnosed = at("diagnose", "-s", "demo", "--vm", "archive1")
        assert "# To copy disk " in diagnosed.out
        told = document(at("diagnose", "-s", "demo", "--vm", "archive1", "-o", "json"))
        Draft202012Validator(schema("diagnosis")).validate(told)
        [again] = told["checklists"]
        assert "\n".join(again["lines"]) in diagnosed.out

        said = run(lab, *PERSON.splitlines(), *checklist.linux_lists(0))
        assert said.endswith("[stderr]\n"), said
        assert "it is mounted" in fix(at).out
        run(lab, "umount /data/old")
        done = fix(at, "--apply", "--yes", "--confirm", "archive1")
        assert [one["outcome"] for one in document(done)["steps"]] == ["applied"], done.out
        assert hanging(at) == [1, 2]
        assert lab.said(name="archive1", vault="vault") == "Completed"
        back = at("rollback", document(done)["run"], "--yes", AZREMEDY_SUBSCRIPTION="demo")
        assert (back.code, sorted(hanging(at))) == (0, [0, 1, 2])


def test_the_write_names_the_disk_alone_and_its_way_back_hangs_it_as_it_was(tmp_path: Path) -> None:
    scene = next(one for one in SCENES if one.choices.detach_disks)
    with staged(scene, tmp_path) as stage:
        [step] = (one for group in stage.look.plan.groups for one in steps(*group.nodes))

    assert isinstance(step, Step)
    assert isinstance(step.undo, Request)
    assert step.fix_class is FixClass.DESTRUCTIVE
    [leaving] = step.request.body["dataDisksToDetach"]
    [coming] = step.undo.body["dataDisksToAttach"]
    assert step.request.body.keys() == {"dataDisksToDetach"}
    assert coming == {"diskId": leaving["diskId"], "lun": 0, "caching": "None"}
    assert step.changes_vm == step.request.id


@pytest.mark.parametrize("os", ["Linux", "Windows"])
def test_the_checklist_has_the_luns_and_sizes_and_no_name_is_a_command(tmp_path: Path, os: str) -> None:
    described = {**DESCRIBED.estate, "vms": [{**DESCRIBED.estate["vms"][0], "os": os}]}
    scene: Scene = replace(DESCRIBED, estate=described)
    with staged(scene, tmp_path) as stage:
        estate_, plan = stage.look.estate, stage.look.plan
        [found] = estate_.vms
        hostile = replace(found, id=ArmId(f"{found.id.text}'; reboot\n##vso[x]"))
        [one] = checklist.copyings(estate_, plan)
        made = list(checklist.lines(replace(one, vm=hostile)))
        here = list(
            checklist.outside(replace(one, vm=hostile), ("--cloud", "https://arm", "--tenant", "t y"))
        )

    assert (one.old.lun, one.old.size, [(new.lun, new.size) for new in one.new]) == (
        0,
        40960,
        [(1, 20480), (2, 20480)],
    )
    assert all("\n" not in line and "##vso" not in line for line in (*made, *here))
    assert "reboot" not in {line.split()[0] for line in (*made, *here)}
    assert not any(word in line for line in made for word in ("azremedy fix", "az vm", "az rest"))
    for line in (line for line in here if not line.startswith("#")):
        assert line.startswith("azremedy fix --cloud https://arm --tenant 't y' --subscription ")
        assert "--confirm" not in line
    assert here[-1].startswith("#    az ")
    assert any(line.startswith("# 1.") for line in made)
