"""
The check of copied disks: a script for each operating system that reads, with the LUNs as its only parameters.

The disk that was copied left two lists on one of the new ones, made while nothing wrote to it any more:
`azremedy-lunN.files`, a line `SIZE PATH` for each file, in bytewise order, and `azremedy-lunN.sums`, a line
`SHA256 PATH` for some of them, over the first MiB of each. The script looks whether the new disks hold what the lists
say, and what the guest still does with the old one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from azremedy.guest import linux
from azremedy.guest.powershell import Emit, Statement, rendered, statement, statements

LUNS: Final = range(64)
MOST: Final = 32
"""New disks that one check looks at."""
SAMPLE: Final = 64
"""Files of which a checksum is compared, at the most."""
NAMED: Final = re.compile(r"old=([0-9]{1,2}) new='([0-9]{1,2}(?: [0-9]{1,2})*)'")

FOUND = (
    "$d = @(Get-Disk | Where-Object { -not $_.IsBoot -and -not $_.IsSystem -and $_.Location -match ': LUN «lun»$' -and "
    "@($_ | Get-Partition | Get-Volume | Where-Object FileSystemLabel -EQ 'Temporary Storage').Count -eq 0 }); "
    "$v = @(); $a = @(); $z = $null; $u = ''; if ($d.Count -eq 1) { $z = $d[0].Size; "
    "$v = @($d[0] | Get-Partition | Get-Volume | Where-Object FileSystem); "
    "$a = @($d[0] | Get-Partition | ForEach-Object { $_.AccessPaths } | Where-Object { $_ -and $_ -notlike '\\\\?\\*' }); "
)
"""Finds the one data disk on a LUN; several of the same LUN are none."""
LISTED = (
    "$l = @($roots | ForEach-Object { Join-Path $_ 'azremedy-lun«lun».%s' } | "
    "Where-Object { Test-Path -LiteralPath $_ -PathType Leaf } | Select-Object -First 1); "
)


@statement
@dataclass(frozen=True, slots=True)
class BeginCheck(Statement):
    """Begin a check: nothing stops it, and nothing is known yet."""

    LINE = (
        "$ErrorActionPreference = 'SilentlyContinue'; $ProgressPreference = 'SilentlyContinue'; "
        "$f = [ordered]@{ azremedy = 1; os = 'windows'; disks = @(); files = $null; missing = 0; sample = 0; "
        "differ = 0 }; $roots = @()"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadOldDisk(Statement):
    """Read size, file systems and paths of the disk that was copied, and whether Windows has it online."""

    lun: int
    LINE = (
        FOUND
        + "if (-not $d[0].IsOffline) { $u = 'online' } }; $f.disks += , @(«lun», $z, $v.Count, $a.Count, $u)"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadNewDisk(Statement):
    """Read size, file systems and paths of a disk that holds the copy; its paths are looked through later."""

    lun: int
    LINE = FOUND + "$roots += $a }; $f.disks += , @(«lun», $z, $v.Count, $a.Count, $u)"


@statement
@dataclass(frozen=True, slots=True)
class CompareFiles(Statement):
    """Count the files that are listed, and those that no new disk holds with that path and size."""

    lun: int
    LINE = (
        LISTED % "files" + "if ($l.Count) { $h = New-Object 'Collections.Generic.HashSet[string]'; "
        "foreach ($r in $roots) { foreach ($i in @(Get-ChildItem -LiteralPath $r -Recurse -File -Force)) "
        "{ [void]$h.Add([string]$i.Length + ' ' + $i.FullName.Substring($r.Length).Replace('\\', '/')) } }; $f.files = 0; "
        "foreach ($n in [IO.File]::ReadLines($l[0])) { $f.files += 1; if (-not $h.Contains($n)) { $f.missing += 1 } } }"
    )


@statement
@dataclass(frozen=True, slots=True)
class CompareSums(Statement):
    """Compare the checksums that are listed with those of the files on the new disks, of 64 files at the most."""

    lun: int
    LINE = (
        LISTED % "sums" + "if ($l.Count) { $s = [Security.Cryptography.SHA256]::Create(); "
        "$b = New-Object byte[] 1048576; "
        "foreach ($n in @([IO.File]::ReadLines($l[0]) | Select-Object -First 64)) { $c = ''; "
        "foreach ($r in $roots) { $x = Join-Path $r $n.Substring(65); "
        "if (Test-Path -LiteralPath $x -PathType Leaf) { $o = [IO.File]::Open($x, 'Open', 'Read', 'ReadWrite'); $k = 0; "
        "while (($y = $o.Read($b, $k, 1048576 - $k)) -gt 0) { $k += $y }; $o.Close(); "
        "$c = [BitConverter]::ToString($s.ComputeHash($b, 0, $k)).Replace('-', '').ToLower(); break } }; "
        "$f.sample += 1; if ($c -ne $n.Substring(0, 64)) { $f.differ += 1 } } }"
    )


def lines(os: str, old: int, new: Sequence[int]) -> tuple[str, ...]:
    """
    Return the lines of the check for `windows` or `linux`.

    Raises `ValueError` for LUNs that no disks of one VM have.
    """
    luns = (old, *new)
    if not new or len(new) > MOST or len(set(luns)) != len(luns) or not all(one in LUNS for one in luns):
        raise ValueError(f"a disk on LUN {old} is not copied to {list(new)}")
    if os == "linux":
        return (f"old={old} new='{' '.join(map(str, new))}'", *linux.script("check-disks"))
    read = (ReadOldDisk(old), *map(ReadNewDisk, new))
    return rendered((BeginCheck(), *read, CompareFiles(old), CompareSums(old), Emit()))


def named(os: str, script: Sequence[str]) -> tuple[int, tuple[int, ...]] | None:
    """Return the LUNs that a script checks, the old disk's and the new ones', if it is exactly this check."""
    try:
        old, *new = of_windows(script) if os == "windows" else of_linux(script)
        return (old, tuple(new)) if lines(os, old, new) == tuple(script) else None
    except ValueError:
        return None


def of_linux(script: Sequence[str]) -> list[int]:
    found = NAMED.fullmatch(script[0]) if script else None
    return [int(found[1]), *map(int, found[2].split())] if found else []


def of_windows(script: Sequence[str]) -> list[int]:
    return [one.lun for one in statements(script) if isinstance(one, ReadOldDisk | ReadNewDisk)]


def posted(body: bytes, commands: dict[str, str]) -> tuple[str, list[str]] | None:
    """Return the operating system and the script of a body for Run Command, None for any other."""
    try:
        told = json.loads(body)
        return commands[told["commandId"]], [str(line) for line in told["script"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
