"""The scripts for Windows, read by PowerShell's own parser where there is one."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from azremedy import guest as scripts
from azremedy.guest import READING, Script, copied

SERVICES = ("RdAgent", "WindowsAzureGuestAgent")
SHIPPED = (
    *(one for one in READING if one.os == "windows"),
    scripts.starting("IaasVmProvider", "Automatic"),
    scripts.serving("VSS", "Manual"),
    scripts.unserving("VSS", "Disabled"),
    scripts.restarting(["SQLWriter"]),
    scripts.strong_crypto({"v4.0.30319": None, "v2.0.50727": 1}),
    scripts.installer(3),
    scripts.keep_agents(dict.fromkeys(SERVICES, "Automatic"), SERVICES),
    scripts.keep_no_agents(dict.fromkeys(SERVICES, "Disabled"), SERVICES),
    scripts.restart_agents(SERVICES),
    scripts.reinstall(),
    scripts.vss_copy("it's TRUE"),
    scripts.vss_copy(None),
    Script("check-disks", "windows", copied.lines("windows", 0, [1, 2])),
)
"""Every script for Windows, those that hold values of their own with some of them."""

PARSED = """
$wrong = $null; $words = $null
[void][System.Management.Automation.Language.Parser]::ParseInput([Console]::In.ReadToEnd(), [ref]$words, [ref]$wrong)
$wrong | ForEach-Object { "$($_.Extent.StartLineNumber): $($_.Message)" }
"""

POWERSHELL = shutil.which("pwsh") or shutil.which("powershell")
parses = pytest.mark.skipif(
    POWERSHELL is None, reason="there is no pwsh here, whose parser reads the scripts"
)


def wrong(lines: tuple[str, ...]) -> list[str]:
    """Return what PowerShell's parser says is wrong with a script."""
    ran = subprocess.run(
        [POWERSHELL or "pwsh", "-NoProfile", "-NonInteractive", "-Command", PARSED],
        input="\n".join(lines), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return ran.stdout.split("\n")[:-1]


@parses
@pytest.mark.parametrize(
    "script", SHIPPED, ids=[f"{number} {one.name}" for number, one in enumerate(SHIPPED)]
)
def test_a_script_is_powershell(script: Script) -> None:
    assert wrong(script.lines) == []


@parses
@pytest.mark.parametrize("line", ["$a = 'it's'", "if ($true) {", "$t = @($t | ForEach-Object { $_ )"])
def test_what_is_no_powershell_is_told_of(line: str) -> None:
    assert wrong(("$ErrorActionPreference = 'Stop'", line)) != []


def test_every_script_that_azremedy_ships_for_windows_is_among_them() -> None:
    makers = {
        "starting", "serving", "unserving", "restarting", "strong_crypto", "installer", "keep_agents", "keep_no_agents",
        "restart_agents", "reinstall", "vss_copy", "check_of",
    }  # fmt: skip
    made = {
        name for name, one in vars(scripts).items()
        if callable(one) and getattr(one, "__annotations__", {}).get("return") in ("Script", "Script | None")
    }  # fmt: skip

    assert made - {"keep_agent", "keep_no_agent", "keeping", "verbose_log", "probe_of"} == makers
    assert len({one.name for one in SHIPPED}) >= len(makers)
