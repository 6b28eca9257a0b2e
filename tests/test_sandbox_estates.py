"""Estates of the sandbox: descriptions and what is wrong with them, the shipped ones, generated ones, and state."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import ssl
import stat
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from azremedy.errors import AzremedyError
from azremedy.sandbox import embedded, generate, planted, start
from azremedy.sandbox.failures import FAILURES
from azremedy.sandbox.reading import checked, named
from azremedy.sandbox.seed import principals, resources
from azremedy.sandbox.store import FILE, Store
from azremedy.sandbox.times import ago, render

EXAMPLES = Path(__file__).parents[1] / "examples" / "estates"
CAUSES = {
    "restore-point-lock",
    "restore-point-limit",
    "vmsnapshot-extension",
    "storage-egress",
    "egress-route",
    "disk-size",
    "agent-unresponsive",
    "agent-outdated",
    "vm-provisioning",
    "vm-power-state",
    "protection-state",
    "unprotected-vm",
}
VM = {"name": "sql1", "group": "shop"}
VAULT = {"name": "vault1", "policies": [{"name": "daily"}]}


def made(description: dict[str, Any]) -> dict[str, Any]:
    """Return the resources of a description by their type."""
    found: dict[str, Any] = {}
    for id_, body in resources(checked(description, "the estate"), "the estate").items():
        found.setdefault(body.get("type", "view"), {})[id_] = body
    return found


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"vmss": []}, "In the estate, 'vmss' is no section (did you mean 'vms'?)"),
        ({"vms": "many"}, "In the estate, 'vms' must be a list."),
        ({"vms": [{**VM, "powr": "running"}]}, "VM 'sql1': 'powr' is no key (did you mean 'power'?)"),
        (
            {"vms": [{**VM, "power": "runing"}]},
            "VM 'sql1': 'power' cannot be 'runing' (did you mean 'running'?)",
        ),
        ({"vms": [{"name": "sql1"}]}, "VM 'sql1': 'group' is missing."),
        ({"vms": [{"group": "shop"}]}, "VM number 1: 'name' is missing."),
        (
            {"vms": [{**VM, "disks": [{"lun": "one"}]}]},
            "VM 'sql1': expected `int`, got `str` in 'disks[0].lun'.",
        ),
        (
            {"vms": [{**VM, "disks": [{"lun": 0, "sise": 4}]}]},
            "'sise' in 'disks[0]' is no key (did you mean 'size'?)",
        ),
        ({"vms": [VM, {**VM, "name": "SQL1"}]}, "VM 'SQL1' stands twice in group 'shop'."),
        ({"vms": [{**VM, "nic": {"nsg": "nsg1"}}]}, "VM 'sql1': there is no NSG 'nsg1'."),
        (
            {"vaults": [VAULT], "vms": [{**VM, "backup": {"vault": "vault2", "policy": "daily"}}]},
            "VM 'sql1': there is no vault 'vault2' (did you mean 'vault1'?)",
        ),
        (
            {"vaults": [VAULT], "vms": [{**VM, "backup": {"vault": "vault1", "policy": "dayly"}}]},
            "there is no policy 'dayly' in vault 'vault1' (did you mean 'daily'?)",
        ),
        (
            {
                "vaults": [VAULT],
                "vms": [
                    {
                        **VM,
                        "backup": {
                            "vault": "vault1",
                            "policy": "daily",
                            "failed": {"code": "BackupOperationFailed"},
                        },
                    }
                ],
            },
            "VM 'sql1': 'BackupOperationFailed' is no known code (did you mean 'BackUpOperationFailed'?)",
        ),
        (
            {"vms": [VM], "locks": [{"name": "keep", "scope": "shopp"}]},
            "lock 'keep': there is no subscription, group or resource 'shopp' (did you mean 'shop'?)",
        ),
        ({"subscription": {"id": "one"}}, "In the estate: expected `str` matching regex"),
    ],
)
def test_a_wrong_estate_is_one_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AzremedyError) as refused:
        made(wrong)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("vms: [", r"is not YAML, line 1: "),
        ("- vms", r"must be a mapping"),
        (b"\xff\xfe\x00", r"cannot be read|is not YAML"),
    ],
)
def test_a_file_that_is_no_estate_is_one_sentence(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AzremedyError, match=sentence):
        named(file)
    with pytest.raises(AzremedyError, match="The estate 'nowhere' cannot be read"):
        named("nowhere")


def test_the_demo_breaks_a_vm_for_every_cause_and_leaves_others_alone() -> None:
    where, content = named("demo")
    demo = checked(content, where)
    assert {playbook for _, playbook in demo.planted} == CAUSES
    assert len(demo.vms) == 16
    broken = {vm for vm, _ in demo.planted}
    assert broken <= {vm.name for vm in demo.vms}
    assert {"kiosk1", "jump1", "hana1"}.isdisjoint(broken)
    assert Counter(vm.name for vm in demo.vms)["web1"] == 2


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_examples_start(file: Path, tmp_path: Path) -> None:
    with embedded(tmp_path, estate=file) as sandbox:
        assert sandbox.url.startswith("https://localhost:")


def test_the_identity_of_the_example_lacks_rights_on_one_vault() -> None:
    where, content = named(EXAMPLES / "no-rights-on-a-vault.yaml")
    (auditor,) = principals(checked(content, where), where)
    (scope,) = auditor.cannot_read
    assert scope.endswith("/vaults/vault-secret")
    assert not auditor.may_read(f"{scope}/backupjobs")
    assert auditor.may_read(scope.removesuffix("-secret"))


def test_no_two_failures_share_a_number_unless_they_share_their_text() -> None:
    numbers = Counter(one.number for one in FAILURES.values())
    assert set(numbers.values()) == {1}
    published = {"ResourceNotFound": 320001, "BCMV2VMNotFound": 400094, "AzureVmOffline": 380008}
    assert {code: FAILURES[code].number for code in published} == published


def test_a_generated_estate_is_the_same_for_the_same_seed() -> None:
    assert generate(200, 7) == generate(200, 7)
    assert generate(200, 7) != generate(200, 8)


@pytest.mark.parametrize("vms", [30, 1000])
def test_a_generated_estate_breaks_vms_for_every_cause(vms: int) -> None:
    description = generate(vms, 7)
    names = [vm["name"] for vm in description["vms"]]
    assert len(set(names)) == len(names) == vms
    found = planted(description)
    assert {playbook for _, playbook in found} == CAUSES
    assert {vm for vm, _ in found} <= set(names)
    assert len(found) == max(12, round(vms * 0.08))
    whole = made(dict(description))
    assert len(whole["Microsoft.Compute/virtualMachines"]) == vms
    assert len(whole["Microsoft.RecoveryServices/vaults"]) >= 1


def test_a_small_generated_estate_is_valid() -> None:
    for vms in (0, 1, 5):
        checked(generate(vms, 1), "the estate")


def test_customers_own_points_and_those_of_2018_lie_where_they_did() -> None:
    points = [{"count": 2}, {"count": 1, "legacy": True}, {"count": 1, "collection": "mine"}]
    whole = made({"vaults": [VAULT], "vms": [{**VM, "points": points}]})
    places = {
        tuple(id_.split("/")[i] for i in (4, 8)) for id_ in whole["Microsoft.Compute/restorePointCollections"]
    }
    assert ("SHOP", "AzureBackup_sql1") in places
    assert ("SHOP", "mine") in places
    (service,) = places - {("SHOP", "AzureBackup_sql1"), ("SHOP", "mine")}
    assert service[0] == "AZUREBACKUPRG_WESTEUROPE_1"
    assert re.fullmatch(r"AzureBackup_sql1_[0-9]{15}", service[1])


def test_points_lie_in_the_group_that_the_policy_names() -> None:
    vault = {
        "name": "vault1",
        "policies": [{"name": "daily", "group_prefix": "points-", "group_suffix": "-prod"}],
    }
    whole = made({"vaults": [vault], "vms": [{**VM, "backup": {"vault": "vault1", "policy": "daily"}}]})
    (id_,) = whole["Microsoft.Compute/restorePointCollections"]
    assert "/resourceGroups/POINTS-1-PROD/" in id_


def test_what_is_soft_deleted_excluded_or_unmanaged_says_so() -> None:
    backup = {"vault": "vault1", "policy": "daily", "soft_deleted": True, "excluded_luns": [1]}
    disks = [{"lun": 0, "unmanaged": True}, {"lun": 1, "write_accelerator": True}]
    whole = made({"vaults": [VAULT], "vms": [{**VM, "disks": disks, "backup": backup}]})
    type_ = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"
    (item,) = whole[type_].values()
    assert item["properties"]["isScheduledForDeferredDelete"] is True
    exclusion = item["properties"]["extendedProperties"]["diskExclusionProperties"]
    assert exclusion == {"diskLunList": [1], "isInclusionList": False}
    (vm,) = whole["Microsoft.Compute/virtualMachines"].values()
    blob, managed = vm["properties"]["storageProfile"]["dataDisks"]
    assert "vhd" in blob
    assert "managedDisk" not in blob
    assert managed["writeAcceleratorEnabled"] is True
    assert len(whole["Microsoft.Compute/disks"]) == 2


def test_what_failed_eight_hours_ago_still_did_a_week_later() -> None:
    text = f'"{ago(hours=8)}"'.encode()
    monday = int(datetime(2026, 11, 16, 8, tzinfo=UTC).timestamp())
    assert render(text, monday).startswith(b'"2026-11-16T00:00:00.')
    assert render(text, monday + 7 * 86400).startswith(b'"2026-11-23T00:00:00.')
    assert render(f'"{ago(minutes=1, form="s")}"'.encode(), monday) == b'"2026-11-16T07:59:00+00:00"'


def test_a_state_keeps_ages_not_dates(tmp_path: Path) -> None:
    with embedded(tmp_path):
        pass
    store = Store(tmp_path)
    (job, *_) = store.keys("microsoft.recoveryservices/vaults/backupjobs")
    assert b"startTime" in store._texts[job]
    assert not re.search(rb'"startTime":"20[0-9]{2}-', store._texts[job])
    assert re.search(rb'"startTime":"20[0-9]{2}-[^"]+Z"', store.rendered(job, "plain"))
    store.close()


def test_what_is_put_or_deleted_is_there_or_gone_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("a", "a/children/b", "ab"):
        store.put(f"/Subscriptions/S/resourceGroups/g/providers/My.Type/things/{name}", {"name": name})
    store.delete("/subscriptions/s/resourcegroups/G/providers/my.type/things/a")
    store.close()
    again = Store(tmp_path)
    keys = list(again.keys("my.type/things"))
    assert keys == ["/subscriptions/s/resourcegroups/g/providers/my.type/things/ab"]
    assert again.get(keys[0]) == {"name": "ab"}
    assert not again.keys("my.type/things/children")
    again.close()


def test_a_list_below_a_scope_leaves_out_what_only_begins_like_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    root = "/subscriptions/s/resourcegroups/g/providers/my.type/things"
    for name in ("a/children/1", "a-b/children/2", "ab/children/3"):
        store.put(f"{root}/{name}", {})
    assert list(store.keys("my.type/things/children", f"{root}/a")) == [f"{root}/a/children/1"]
    store.close()


def test_another_estate_replaces_a_state_only_while_nobody_worked_in_it(tmp_path: Path) -> None:
    other = {"subscription": {"name": "other"}, "vms": [VM]}
    with embedded(tmp_path):
        pass
    with embedded(tmp_path, estate=other):
        pass
    with embedded(tmp_path) as sandbox:
        id_ = f"/subscriptions/{sandbox.subscription}"
    store = Store(tmp_path)
    assert b'"displayName":"other"' in store.rendered(id_, "plain")
    store.put(f"{id_}/resourceGroups/new", {"name": "new"})
    store.close()
    with pytest.raises(AzremedyError, match="holds another estate, in which work was done"):
        embedded(tmp_path, estate="demo")
    with embedded(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX modes")
def test_the_state_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    with embedded(folder):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {FILE, "ca.pem", "ca.key"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_state_that_cannot_be_kept_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(AzremedyError, match="cannot keep its state in"):
        embedded(tmp_path / "file")
    (tmp_path / FILE).write_text("no database " * 100)
    with pytest.raises(AzremedyError, match="cannot keep its state in"):
        embedded(tmp_path)


def test_the_default_state_is_the_users(tmp_path: Path) -> None:
    assert start.default_state().name == "sandbox"
    assert "azremedy" in start.default_state().parts


def test_without_its_extra_the_sandbox_says_what_to_install() -> None:
    for package in ("aiohttp", "trustme"):
        program = (
            f"import sys; sys.modules['{package}'] = None\n"
            "from azremedy.errors import AzremedyError\n"
            "try:\n    import azremedy.sandbox\n"
            "except AzremedyError as error:\n    print(error)\n"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert (
            said.stdout
            == f"The sandbox needs {package}, which is not installed: pip install 'azremedy[sandbox]'\n"
        )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot be told to end a process gently")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_cleanly_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import sys, pathlib; from azremedy.sandbox import serve\n"
        "serve(pathlib.Path(sys.argv[1]), listening=lambda sandbox: print(sandbox.url, flush=True))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("https://localhost:")
        process.send_signal(number)
        assert process.wait(20) == 0


def test_a_sandbox_under_load_answers_every_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sandbox as a process of its own, sixteen connections kept open; the rate is printed, not judged."""
    program = (
        "import sys, pathlib; from azremedy.sandbox import serve\n"
        "serve(pathlib.Path(sys.argv[1]), listening=lambda one: print(\n"
        "    one.url, one.tenant, one.client_id, one.client_secret, one.subscription, flush=True))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url, tenant, client_id, secret, subscription = process.stdout.readline().split()
            context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
            with urllib.request.urlopen(
                f"{url}/{tenant}/oauth2/v2.0/token", urllib.parse.urlencode(form).encode(), context=context
            ) as answer:
                token = json.load(answer)["access_token"]
            vm = "providers/Microsoft.Compute/virtualMachines/sql1?api-version=2024-07-01"
            path = f"/subscriptions/{subscription}/resourceGroups/shop/{vm}"
            rate = asyncio.run(hammer(int(url.rpartition(":")[2]), path, token, context))
        finally:
            process.terminate()
    with capsys.disabled():
        print(f"\nGET of one VM, 16 connections: {rate:,.0f} requests/s")  # noqa: T201 - what it is for


async def hammer(port: int, path: str, token: str, context: ssl.SSLContext) -> float:
    """Return the requests a second of sixteen connections that send 100 GETs each, all answered 200."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
        for _ in range(100):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(16)))
    return 1600 / (time.perf_counter() - began)


@pytest.mark.parametrize("vms", [1, 5, 23, 24, 60])
def test_an_estate_of_any_size_can_be_made_up(vms: int) -> None:
    assert len(made(dict(generate(vms, 3)))["Microsoft.Compute/virtualMachines"]) == vms
