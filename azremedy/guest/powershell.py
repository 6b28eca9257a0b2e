"""
The closed set of statements that azremedy's scripts for Windows are made of.

Each is a frozen record with one line of Windows PowerShell (3.0 or later) as its rendering, and `statements` reads a
script back into the records: what is none of them is no script of ours. What is read goes into the ordered dictionary
`$f`, which `Emit` writes as one line of JSON. No text of a user or of Azure is ever put into a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, TypeVar

S = TypeVar("S", bound="type[Statement]")

PLACE = re.compile(r"«(\w+)»")
TEXT = r"'((?:[^'\x00-\x1f\x7f-\uffff]|'')*)'"
"""A literal text of PowerShell as it is written here: printable ASCII in single quotes, a quote doubled."""

KINDS: list[type[Statement]] = []


def statement(kind: S) -> S:
    """Make a class one of the set."""
    KINDS.append(kind)
    return kind


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of a script."""

    LINE: ClassVar[str] = ""

    def __str__(self) -> str:
        """Return the line of PowerShell. Raises `ValueError` for a text that has no place in a script."""
        return PLACE.sub(lambda place: literal(getattr(self, place[1])), self.LINE)


@statement
@dataclass(frozen=True, slots=True)
class Begin(Statement):
    """Begin a probe: nothing stops it, and nothing is known yet."""

    LINE = (
        "$ErrorActionPreference = 'SilentlyContinue'; $ProgressPreference = 'SilentlyContinue'; "
        "$f = [ordered]@{ azremedy = 1; os = 'windows'; services = [ordered]@{}; accounts = [ordered]@{}; "
        "settings = [ordered]@{}; marks = @(); adapters = @(); writers = 0; unstable = @(); crypto = [ordered]@{}; "
        "machinekeys = @(); ports = [ordered]@{} }; $all = @(Get-CimInstance -ClassName Win32_Service)"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadServices(Statement):
    """Read state and start mode of the services whose names are like a pattern, at most eight of them."""

    pattern: str
    LINE = (
        "foreach ($s in @($all | Where-Object Name -Like «pattern» | Select-Object -First 8)) "
        "{ $f.services[$s.Name] = @([string]$s.State, [string]$s.StartMode) }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadAccount(Statement):
    """Read the account that a service logs on with."""

    service: str
    LINE = (
        "foreach ($s in @($all | Where-Object Name -EQ «service»)) "
        "{ $f.accounts[«service»] = [string]$s.StartName }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadValue(Statement):
    """Read a value of the registry, under a label of ours."""

    label: str
    key: str
    name: str
    LINE = (
        "$v = Get-ItemProperty -LiteralPath «key» -Name «name»; "
        "if ($null -ne $v) { $f.settings[«label»] = [string]$v.(«name») }"
    )


@statement
@dataclass(frozen=True, slots=True)
class MarkKey(Statement):
    """Note, under a label of ours, that a key of the registry is there."""

    label: str
    key: str
    LINE = "if (Test-Path -LiteralPath «key») { $f.marks += «label» }"


@statement
@dataclass(frozen=True, slots=True)
class MarkValue(Statement):
    """Note, under a label of ours, that a value of the registry is there."""

    label: str
    key: str
    name: str
    LINE = "if ($null -ne (Get-ItemProperty -LiteralPath «key» -Name «name»)) { $f.marks += «label» }"


@statement
@dataclass(frozen=True, slots=True)
class ReadAdapters(Statement):
    """Read DHCP and the number of addresses of the connected adapters, loopback and virtual switches apart."""

    LINE = (
        "foreach ($i in @(Get-NetIPInterface -AddressFamily IPv4 -ConnectionState Connected | "
        "Where-Object InterfaceAlias -NotMatch 'Loopback|vEthernet|Npcap' | Select-Object -First 8)) "
        "{ $f.adapters += , @([string]$i.InterfaceAlias, [string]$i.Dhcp, "
        "@(Get-NetIPAddress -InterfaceIndex $i.InterfaceIndex -AddressFamily IPv4).Count) }"
    )


@statement
@dataclass(frozen=True, slots=True)
class TryPort(Statement):
    """Try a TCP port of the wire server, for three seconds."""

    port: int
    LINE = (
        "$c = New-Object Net.Sockets.TcpClient; "
        "$w = $c.BeginConnect('168.63.129.16', «port», $null, $null).AsyncWaitHandle.WaitOne(3000); "
        "$f.ports['«port»'] = [bool]($w -and $c.Connected); $c.Close()"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadWriters(Statement):
    """Count the VSS writers, and name those that are not stable. Names stand in quotes, states in brackets, in any language."""

    LINE = (
        "$n = $null; foreach ($l in @(vssadmin list writers)) { if ($l -match \"'(.+)'\") { $n = $Matches[1] } "
        "elseif ($n -and $l -match '\\[(\\d+)\\]') { $f.writers += 1; "
        "if ($Matches[1] -ne '1' -and $f.unstable.Count -lt 12) { $f.unstable += , @($n, [int]$Matches[1]) }; $n = $null } }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadCrypto(Statement):
    """Read SchUseStrongCrypto of each .NET; an empty text where it is not set."""

    LINE = (
        "foreach ($k in @(Get-ChildItem -Path 'HKLM:\\SOFTWARE\\Microsoft\\.NETFramework' | "
        "Where-Object PSChildName -Like 'v*' | Select-Object -First 6)) "
        "{ $f.crypto[$k.PSChildName] = [string]$k.GetValue('SchUseStrongCrypto') }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadMachineKeys(Statement):
    """Read what the folder of the machine's keys allows everyone and the administrators."""

    LINE = (
        "$a = Get-Acl -LiteralPath (Join-Path $env:ProgramData 'Microsoft\\Crypto\\RSA\\MachineKeys'); "
        "foreach ($r in @($a.GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier]))) "
        "{ if ([string]$r.AccessControlType -eq 'Allow' -and "
        "@('S-1-1-0', 'S-1-5-32-544') -contains $r.IdentityReference.Value) "
        "{ $f.machinekeys += , @($r.IdentityReference.Value, [int]$r.FileSystemRights) } }"
    )


@statement
@dataclass(frozen=True, slots=True)
class Emit(Statement):
    """Write what was read as one line of JSON."""

    LINE = "$f | ConvertTo-Json -Compress -Depth 4"


@statement
@dataclass(frozen=True, slots=True)
class BeginLog(Statement):
    """Begin to read a log: nothing stops it, and no file and no line is known yet."""

    log: str
    LINE = (
        "$ErrorActionPreference = 'SilentlyContinue'; $ProgressPreference = 'SilentlyContinue'; "
        "$f = [ordered]@{ azremedy = 1; os = 'windows'; log = «log»; files = @(); lines = @() }; $g = @(); $t = @()"
    )


@statement
@dataclass(frozen=True, slots=True)
class ListFiles(Statement):
    """Read name, size and time of the newest files below a folder; links are not followed."""

    folder: str
    like: str
    most: int
    LINE = (
        "$g = @(Get-ChildItem -LiteralPath «folder» -Filter «like» -Recurse -File | "
        "Where-Object { -not ($_.Attributes -band [IO.FileAttributes]::ReparsePoint) } | "
        "Sort-Object LastWriteTimeUtc -Descending | Select-Object -First «most»); "
        "foreach ($i in $g) { $n = $i.FullName -replace '[^\\x20-\\x7e]', ''; "
        "if ($n.Length -gt 128) { $n = $n.Substring($n.Length - 128) }; $f.files += , @($n, [long]$i.Length, "
        "[long][Math]::Floor(($i.LastWriteTimeUtc - [datetime]'1970-01-01').TotalSeconds)) }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadLines(Statement):
    """Read the last 256 KB of the files listed, the newest last; the first line of what is cut off goes."""

    LINE = (
        "[array]::Reverse($g); foreach ($i in $g) { $s = $null; $x = @(); "
        "$s = New-Object IO.FileStream($i.FullName, 'Open', 'Read', 'ReadWrite, Delete'); "
        "$o = [Math]::Max([long]0, $s.Length - 262144); [void]$s.Seek($o, 'Begin'); $r = New-Object IO.StreamReader($s); "
        "$x = @($r.ReadToEnd() -split '\\r?\\n'); $r.Close(); if ($o) { $x = @($x | Select-Object -Skip 1) }; $t += $x }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ReadEvents(Statement):
    """Read the last errors and warnings of a provider in the Application log whose texts are like a pattern, oldest first."""

    provider: str
    like: str
    LINE = (
        "$x = @(Get-WinEvent -FilterHashtable @{ LogName = 'Application'; ProviderName = «provider»; Level = 1, 2, 3 } "
        "-MaxEvents 40 | Where-Object Message -Like «like» | ForEach-Object { "
        "'{0:yyyy-MM-dd HH:mm:ss} warning or error {1}: {2}' -f $_.TimeCreated.ToUniversalTime(), $_.Id, "
        "($_.Message -replace '\\s+', ' ') }); [array]::Reverse($x); $t += $x"
    )


@statement
@dataclass(frozen=True, slots=True)
class KeepLines(Statement):
    """
    Keep the last lines that match a pattern, in printable ASCII.

    One that is too long loses its last word, which could be half a secret.
    """

    pattern: str
    LINE = (
        "$t = @($t | ForEach-Object { $_ -replace '\\t', ' ' -replace '[^\\x20-\\x7e]', '' } | "
        "Where-Object { [regex]::IsMatch($_, «pattern», 'IgnoreCase, CultureInvariant') } | Select-Object -Last 60 | "
        "ForEach-Object { if ($_.Length -ge 2000) { $_.Substring(0, 2000) -replace '[^ ]*$', '[cut]' } else { $_ } })"
    )


@statement
@dataclass(frozen=True, slots=True)
class RedactLines(Statement):
    """Put something else in the place of whatever matches a pattern."""

    pattern: str
    instead: str
    LINE = (
        "$t = @($t | ForEach-Object "
        "{ [regex]::Replace($_, «pattern», «instead», 'IgnoreCase, CultureInvariant') })"
    )


@statement
@dataclass(frozen=True, slots=True)
class EmitLog(Statement):
    """Write the log as one line of JSON: its files, and of its lines the newest that are not too many."""

    LINE = (
        "$n = 0; $k = @(); for ($i = $t.Count - 1; $i -ge 0; $i--) { $l = $t[$i]; "
        "if ($l.Length -gt 300) { $l = $l.Substring(0, 300) }; $n += (ConvertTo-Json -Compress $l).Length + 1; "
        "if ($n -gt 2200) { break }; $k = @($l) + $k }; $f.lines = $k; $f | ConvertTo-Json -Compress -Depth 4"
    )


@statement
@dataclass(frozen=True, slots=True)
class Say(Statement):
    """Write a line."""

    text: str
    LINE = "Write-Output «text»"


def literal(value: Any) -> str:
    """Return a number as digits, a text as PowerShell's literal. Raises `ValueError` for what is not printable ASCII."""
    if isinstance(value, int):
        return str(value)
    written: str = "'" + value.replace("'", "''") + "'"
    if not re.fullmatch(TEXT, written):
        raise ValueError(f"{value!r} has no place in a script")
    return written


def pattern(kind: type[Statement]) -> re.Pattern[str]:
    """Return what the line of a statement looks like, with a group for each of its members."""
    known: set[str] = set()
    numbers = {one.name for one in fields(kind) if one.type in ("int", int)}
    made: list[str] = []
    for at, part in enumerate(PLACE.split(kind.LINE)):
        if at % 2 == 0:
            made.append(re.escape(part))
        elif part in known:
            made.append(f"(?P={part})")
        else:
            known.add(part)
            made.append(f"(?P<{part}>{r'[0-9]{1,9}' if part in numbers else TEXT.replace('(', '(?:', 1)})")
    return re.compile("".join(made))


def statements(lines: Iterable[str]) -> tuple[Statement, ...]:
    """Read a script back. Raises `ValueError` for a line that is no statement of the set."""
    return tuple(read(line) for line in lines if line.strip())


@cache
def patterns() -> Mapping[type[Statement], re.Pattern[str]]:
    """Return what the line of each statement looks like."""
    return {kind: pattern(kind) for kind in KINDS}


def read(line: str) -> Statement:
    for kind, shape in patterns().items():
        if found := shape.fullmatch(line):
            return kind(**{name: told(text) for name, text in found.groupdict().items()})
    raise ValueError(f"no statement of azremedy's: {line[:80]}")


def told(text: str) -> Any:
    """Return the value that a literal stands for."""
    return text[1:-1].replace("''", "'") if text.startswith("'") else int(text)


def rendered(made: Sequence[Statement]) -> tuple[str, ...]:
    """Return the lines of a script."""
    return tuple(map(str, made))
