"""The scripts for the parts of Windows that a snapshot needs: which leave, and which do not though they look like one."""

from __future__ import annotations

import pytest

from azremedy import guest
from azremedy.guest import components, powershell
from azremedy.guest.changing import RemoveValue, RestartService, SetNumber, SetStart, StartService
from azremedy.guest.components import CRYPTO_KEY, INSTALLER_KEY
from azremedy.guest.powershell import Say, rendered

WINDOWS = "RunPowerShellScript"
OURS = [
    components.serving("COMSysApp", "Manual"),
    components.serving("MSDTC", "Automatic"),
    components.unserving("COMSysApp", "Disabled"),
    components.restarting(("VSS", "SQLWriter")),
    components.crypto({"v4.0.30319": 1}),
    components.crypto({"v2.0.50727": None, "v4.0.30319": 0}),
    components.crypto({"v2.0.50727": None}),
    components.installer(3),
    components.installer(4),
]
OTHERS = [
    pytest.param(components.serving("Spooler", "Manual"), id="another service is started"),
    pytest.param(components.serving("MSDTC", "Sometimes"), id="a mode that is none"),
    pytest.param(components.unserving("RdAgent", "Disabled"), id="the agent is stopped"),
    pytest.param(components.restarting(("MSSQLSERVER",)), id="an application is restarted"),
    pytest.param(components.restarting(()), id="nothing is restarted"),
    pytest.param(components.crypto({"v3.0": 1}), id="what is no runtime"),
    pytest.param(components.crypto({}), id="no runtime"),
    pytest.param(components.installer(2), id="another start of the installer"),
    pytest.param((*components.installer(3), str(Say("more"))), id="a line more"),
    pytest.param(components.serving("MSDTC", "Automatic")[:-1], id="a line less"),
    pytest.param(
        rendered((SetStart("MSDTC", "Automatic"), StartService("COMSysApp"), Say("MSDTC starts Automatic, and was started"))),
        id="two services in one",
    ),
    pytest.param(
        rendered((SetNumber(INSTALLER_KEY.replace("Msiserver", "VSS"), "Start", 4), Say("Msiserver starts by 4"))),
        id="the start of another service",
    ),
    pytest.param(
        rendered((SetNumber(rf"{CRYPTO_KEY}\v4.0.30319", "Other", 1), Say("SchUseStrongCrypto was set"))),
        id="another value of a runtime",
    ),
    pytest.param(
        rendered((RemoveValue(r"HKLM:\SYSTEM\v4.0.30319", "SchUseStrongCrypto"), Say("SchUseStrongCrypto was set"))),
        id="the value below another key",
    ),
    pytest.param(rendered((RestartService("VSS"), Say("something else"))), id="other words"),
]  # fmt: skip


@pytest.mark.parametrize("lines", OURS, ids=lambda lines: lines[0][:40])
def test_a_script_of_azremedys_is_known_and_reads_back(lines: tuple[str, ...]) -> None:
    assert guest.known(WINDOWS, lines)
    assert powershell.rendered(powershell.statements(lines)) == lines


@pytest.mark.parametrize("lines", OTHERS)
def test_what_looks_like_one_is_not(lines: tuple[str, ...]) -> None:
    assert not guest.known(WINDOWS, lines)
    assert not guest.known("RunShellScript", lines)


def test_a_value_with_a_quote_in_it_stays_a_text() -> None:
    with pytest.raises(ValueError, match="no place in a script"):
        components.serving("MS\u2019DTC", "Manual")
