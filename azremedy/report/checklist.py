"""
What a person does in the guest once smaller disks hang beside one that is too large, and then outside, with the commands.

LUNs and sizes are numbers of Azure's; names stand in comments or are quoted for bash, and nothing of them is a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy import parts
from azremedy.apply import shell
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import Cure, steps
from azremedy.planning import Plan
from azremedy.report.plain import plain
from azremedy.resources import Vm

PLAYBOOK = "disk-size"
ATTACH = "attachDetachDataDisks"
HANGS = re.compile(r"properties\.storageProfile\.dataDisks\.\[lun=([0-9]+)\]\.managedDisk\.id")
AT_MOST = 32
"""Files of which a checksum is listed."""


@dataclass(frozen=True, slots=True)
class One:
    """A data disk: its id, its LUN, and its size in GiB where that is known."""

    id: ArmId
    lun: int
    size: int | None

    def __str__(self) -> str:
        size = f", {self.size} GiB" if self.size else ""
        return f"'{plain(self.id.name)}' (LUN {self.lun}{size})"


@dataclass(frozen=True, slots=True)
class Copying:
    """A disk whose data is to be copied, and the new ones that are to hold it."""

    vm: Vm
    old: One
    new: tuple[One, ...]


def text(estate: Estate, plan: Plan, where: Sequence[str] = ()) -> str:
    """
    Return a checklist for each disk that is copied, empty where none is: a part for the guest, then one for here.

    `where` are the words by which a command finds the cloud and the tenant.
    """
    parts_ = (part for one in copyings(estate, plan) for part in (lines(one), outside(one, where)))
    return "".join(f"\n{line}" for part in parts_ for line in (*part, ""))


def data(estate: Estate, plan: Plan, where: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the checklists for programs, as `schemas/plan.json` describes them."""
    return [
        {
            "vm": one.vm.id.text,
            "disk": disk(one.old),
            "newDisks": [disk(part) for part in one.new],
            "lines": list(lines(one)),
            "outside": list(outside(one, where)),
        }
        for one in copyings(estate, plan)
    ]


def disk(one: One) -> dict[str, Any]:
    return {"id": one.id.text, "lun": one.lun, "sizeGiB": one.size}


def copyings(estate: Estate, plan: Plan) -> Iterator[Copying]:
    """Yield the disks beside which smaller ones are planned, then those beside which they hang."""
    for group in plan.groups:
        for cure in group.cures:
            if cure.playbook == PLAYBOOK:
                yield from planned(estate, cure)
    for id_ in dict.fromkeys(one.vm for one in plan.by_hand if one.playbook == PLAYBOOK):
        if vm := estate.vm.get(id_):
            yield from hanging(estate, vm)


def planned(estate: Estate, cure: Cure) -> Iterator[Copying]:
    made = {one.request.id: one.request.body for one in steps(*cure.nodes) if one.request.method == "PUT"}
    for step in steps(*cure.nodes):
        body = step.request.body if step.request.action == ATTACH else None
        coming = (body or {}).get("dataDisksToAttach", ())
        vm = estate.vm.get(step.request.id)
        if not coming or vm is None:
            continue
        new = {ArmId(one["diskId"]): one["lun"] for one in coming}
        for expect in step.before:
            found = HANGS.fullmatch(expect.path)
            if not found or not isinstance(expect.value, str):
                continue
            old = ArmId(expect.value)
            names = [parts.part_of(old, number) for number in range(1, len(new) + 1)]
            beside = tuple(One(id_, new[id_], gib(made.get(id_))) for id_ in names if id_ in new)
            yield Copying(vm, One(old, int(found[1]), size(estate, old)), beside)


def gib(body: object) -> int | None:
    return body["properties"]["diskSizeGB"] if isinstance(body, dict) else None


def hanging(estate: Estate, vm: Vm) -> Iterator[Copying]:
    for one in vm.disks:
        if one.disk is None or one.lun is None:
            continue
        new = tuple(
            One(part.disk, part.lun, size(estate, part.disk))
            for part in parts.beside(vm, one.disk)
            if part.disk and part.lun is not None
        )
        if new:
            yield Copying(vm, One(one.disk, one.lun, size(estate, one.disk)), new)


def size(estate: Estate, disk: ArmId) -> int | None:
    record = estate.disk.get(disk)
    return record.size if record else None


def lines(one: Copying) -> Iterator[str]:
    """Yield what is done in the guest, line by line: comments and commands."""
    windows = (one.vm.os or "").lower() == "windows"
    vm, new = plain(one.vm.id.name), ", ".join(map(str, one.new))
    yield f"# To copy disk {one.old} of VM {vm} to {new}"
    yield "# 0. First see whether it can be spared: today's service takes disks of up to 64 TB (4 TB with Azure Disk"
    yield f"#    Encryption), --exclude-lun {word(one)}=REASON leaves the disk out of the backups, and an Enhanced policy"
    yield "#    takes kinds of disks that a Standard one does not (Ultra, Premium SSD v2)."
    shown = "in PowerShell, as administrator" if windows else "as root"
    yield f"# In the guest, {shown}, once the new disks hang on the VM. Words in CAPITALS are yours to fill in."
    yield from of_windows(one) if windows else of_linux(one)


def outside(one: Copying, where: Sequence[str]) -> Iterator[str]:
    """Yield what is done after that where azremedy runs. What is not checked is shown as a comment, and nothing is confirmed."""
    command = f"azremedy fix {asking(one, where)}"
    yield f"# Not in the guest, but here, once all of that is done for disk {one.old} of VM {plain(one.vm.id.name)}:"
    yield "# 6. See that the VM proves the copy."
    yield command
    yield "# 7. Detach the old disk. It asks for the name of the VM, as what is destructive is typed by a person."
    yield f"{command} --apply"
    yield "#    Where it is not proven and you know better, this detaches the disk. It is not deleted."
    yield f"#    {detaching(one)}"


def word(one: Copying) -> str:
    return shell.word(f"{one.vm.id.name}:{one.old.lun}")


def asking(one: Copying, where: Sequence[str]) -> str:
    named = [*where, "--subscription", one.vm.id.subscription or "", "--vm", one.vm.id.text]
    words = " ".join(map(shell.word, named))
    return f"{words} --playbook {PLAYBOOK} --guest --allow destructive --detach-disk {word(one)}"


def detaching(one: Copying) -> str:
    """Return the command that detaches the old disk."""
    vm, group = one.vm.id, one.vm.id.group
    named = {
        "--subscription": vm.subscription or "",
        "--resource-group": group.name if group else "",
        "--vm-name": vm.name,
        "--name": one.old.id.name,
    }
    if any(map(shell.misread, named.values())):
        return shell.rest(Request("POST", vm, ATTACH, {"dataDisksToDetach": [{"diskId": str(one.old.id)}]}))
    return " ".join(
        ["az vm disk detach", *(f"{option} {shell.word(value)}" for option, value in named.items())]
    )


def of_linux(one: Copying) -> Iterator[str]:
    old, luns = one.old.lun, [part.lun for part in one.new]
    yield "# 1. See that the disks are those meant: the sizes must fit, and the new ones must be empty."
    yield (
        "disk() { for p in /dev/disk/azure/data/by-lun/$1 /dev/disk/azure/scsi1/lun$1; do"
        ' if [ -e "$p" ]; then readlink -f "$p"; return; fi; done; }'
    )
    for lun in (old, *luns):
        yield f'lsblk -o NAME,SIZE,FSTYPE,MOUNTPOINT "$(disk {lun})"'
    yield "# 2. Partition, format and mount the new ones, by UUID, also after a restart."
    for lun in luns:
        yield (
            f'[ "$(lsblk -no NAME,FSTYPE "$(disk {lun})" | wc -w)" -eq 1 ] &&'
            f' parted -s -a optimal "$(disk {lun})" mklabel gpt mkpart primary 0% 100% && udevadm settle &&'
        )
        yield f'  part=$(lsblk -lnpo NAME "$(disk {lun})" | sed -n 2p) && mkfs.ext4 "$part" && mkdir -p /srv/lun{lun} &&'
        yield (
            f'  printf \'UUID=%s /srv/lun{lun} ext4 defaults,nofail 0 2\\n\' "$(blkid -s UUID -o value "$part")"'
            f" >> /etc/fstab && mount /srv/lun{lun}"
        )
    yield "# 3. Copy, each folder to a disk that has room for it; again and again, what is there is left out."
    yield "old=/WHERE/THE/OLD/DISK/IS/MOUNTED"
    for lun in luns:
        yield f'rsync -aHAXx --numeric-ids "$old/FOLDER-FOR-LUN-{lun}" /srv/lun{lun}/'
    yield "# 4. Stop whatever writes to it, copy once more as in 3, and list what it holds."
    yield 'mount -o remount,ro "$old"'
    yield f"new=/srv/lun{luns[0]}"
    yield from linux_lists(old)
    yield "# 5. Let the guest go of it: no mount, no line in fstab (nor in LVM or md); what used it uses the new ones."
    yield f'grep -nF "$(lsblk -no UUID "$(disk {old})" | grep .)" /etc/fstab   # take this line out'
    yield 'umount "$old" && systemctl daemon-reload   # systemd makes units of fstab, and keeps those of lines that are gone'


def linux_lists(old: int) -> Iterator[str]:
    """Yield what lists the files below `$old` on `$new`: the size of each, the checksum of some."""
    yield (
        f'(cd "$old" && find . -xdev -type f -printf \'%s %P\\n\' | LC_ALL=C sort > "$new/azremedy-lun{old}.files")'
    )
    yield (
        f'(cd "$old" && step=$((($(wc -l < "$new/azremedy-lun{old}.files") + {AT_MOST - 1}) / {AT_MOST})) &&'
        f' sed -n "1~${{step}}p" "$new/azremedy-lun{old}.files" | cut -d " " -f 2- | while IFS= read -r file; do'
        ' printf \'%s %s\\n\' "$(head -c 1048576 "$file" | sha256sum | cut -c 1-64)" "$file"; done'
        f' > "$new/azremedy-lun{old}.sums")'
    )


def of_windows(one: Copying) -> Iterator[str]:
    old, luns = one.old.lun, [part.lun for part in one.new]
    yield "# 1. See that the disks are those meant: the sizes must fit, and the new ones must be RAW."
    yield (
        "function Disk($lun) { Get-Disk | Where-Object { -not $_.IsBoot -and -not $_.IsSystem -and"
        ' $_.Location -match ": LUN $lun$" -and'
        " @($_ | Get-Partition | Get-Volume | Where-Object FileSystemLabel -EQ 'Temporary Storage').Count -eq 0 } }"
    )
    for lun in (old, *luns):
        yield f"Disk {lun} | Format-Table Number, Location, PartitionStyle, Size, OperationalStatus"
    yield "# 2. Initialize and format the new ones."
    for lun in luns:
        yield (
            f"Disk {lun} | Where-Object PartitionStyle -EQ 'RAW' | Initialize-Disk -PartitionStyle GPT -PassThru |"
            f" New-Partition -UseMaximumSize -AssignDriveLetter | Format-Volume -FileSystem NTFS -NewFileSystemLabel 'lun{lun}'"
        )
    yield "# 3. Copy, each folder to a disk that has room for it; again and again, what is there is left out."
    yield "$old = 'OLD-LETTER:\\'; $new = 'A-NEW-LETTER:\\'"
    for lun in luns:
        yield (
            f'robocopy "$($old)FOLDER-FOR-LUN-{lun}" "LETTER-OF-LUN-{lun}:\\FOLDER-FOR-LUN-{lun}"'
            " /E /COPYALL /DCOPY:DAT /XJ /R:1 /W:1"
        )
    yield "# 4. Stop whatever writes to it, make it read only, copy once more as in 3, and list what it holds."
    yield f"Disk {old} | Set-Disk -IsReadOnly $true"
    yield (
        "$list = @(Get-ChildItem -LiteralPath $old -Recurse -File -Force | Where-Object FullName -NotMatch"
        " '^.:\\\\(System Volume Information|\\$RECYCLE\\.BIN)\\\\' |"
        " ForEach-Object { [string]$_.Length + ' ' + $_.FullName.Substring($old.Length).Replace('\\', '/') })"
    )
    yield f"[IO.File]::WriteAllLines($new + 'azremedy-lun{old}.files', [string[]]$list)"
    yield (
        f"$sha = [Security.Cryptography.SHA256]::Create(); $step = [Math]::Max(1, [Math]::Floor($list.Count / {AT_MOST}));"
        f" $sums = @(for ($i = 0; $i -lt $list.Count -and $i -lt {AT_MOST} * $step; $i += $step) {{"
        " $path = $list[$i].Substring($list[$i].IndexOf(' ') + 1); $in = [IO.File]::OpenRead($old + $path);"
        " $bytes = New-Object byte[] 1048576; $n = 0;"
        " while (($k = $in.Read($bytes, $n, 1048576 - $n)) -gt 0) { $n += $k }; $in.Close();"
        " [BitConverter]::ToString($sha.ComputeHash($bytes, 0, $n)).Replace('-', '').ToLower() + ' ' + $path })"
    )
    yield f"[IO.File]::WriteAllLines($new + 'azremedy-lun{old}.sums', [string[]]$sums)"
    yield "# 5. Let Windows go of it; what used it uses the new ones."
    yield f"Disk {old} | Set-Disk -IsOffline $true"
