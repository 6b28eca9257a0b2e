"""Reading a subscription over real HTTP: what comes of it, what it costs, and what becomes of bad answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from azremedy import saved
from azremedy.arm import ArmId
from azremedy.azure import ArmReader, ClientSecret, find_cloud, open_reader, subscriptions
from azremedy.collect import Reading, collect, decode
from azremedy.playbook import Severity, load
from azremedy.points import service_collections
from azremedy.resources import Disk, Read
from azremedy.sandbox import Sandbox, Throttle, embedded, generate, planted
from azremedy.sandbox.answers import Answer, Call
from azremedy.sandbox.reading import named
from azremedy.scan import Scan, evaluate, needs

PLAYBOOKS = tuple(load().values())


@contextmanager
def reader_of(sandbox: Sandbox) -> Iterator[ArmReader]:
    secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
    cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
    with open_reader(cloud, secret=secret, ca=sandbox.ca, environ={}) as reader:
        yield reader


def read(sandbox: Sandbox, **options: Any) -> Reading:
    """Read the sandbox's subscription, with nothing left over of requests before."""
    with reader_of(sandbox) as reader:
        [subscription] = subscriptions.find(reader, [sandbox.subscription])
        sandbox.clear()
        return collect(reader, subscription, **options)


def judged(reading: Reading) -> Scan:
    return evaluate(reading.estate, PLAYBOOKS, calls=reading.calls)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with embedded(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(demo: Sandbox) -> Iterator[Sandbox]:
    yield demo
    demo.instead = lambda _: None


def test_the_demo_is_read_whole_and_every_cause_is_found(sandbox: Sandbox) -> None:
    scan = judged(read(sandbox))

    assert scan.unread == ()
    assert scan.not_evaluated == ()
    assert scan.unexplained == ()
    assert {one.playbook.id for one in scan.diagnoses} == {
        playbook for _, playbook in planted(named("demo")[1])
    }
    assert (scan.vms, scan.worst) == (16, Severity.BLOCKING)


def test_it_costs_the_pages_of_the_lists_and_one_read_for_each_closer_look(sandbox: Sandbox) -> None:
    reading = read(sandbox, reads=needs(PLAYBOOKS))
    estate, calls = reading.estate, reading.calls
    suspects = {one.id for one in estate.protected if one.id in estate.view}
    failed = [one for one in estate.protected if one.item.id in estate.failures_of]
    lists = {
        Read.VAULTS,
        Read.VMS,
        Read.POWER,
        Read.NICS,
        Read.NSGS,
        Read.VNETS,
        Read.ROUTE_TABLES,
        Read.DISKS,
    }

    assert calls == {
        **dict.fromkeys(lists | {Read.LOCKS, Read.COLLECTIONS}, 1),
        **dict.fromkeys((Read.ITEMS, Read.JOBS, Read.POLICIES), len(estate.vaults)),
        Read.VIEW: len(suspects),
        Read.JOB_DETAIL: len(failed),
        Read.POINTS: len(estate.restore_points),
    }
    assert dict(sandbox.calls()) == calls
    assert 0 < len(suspects) < len(estate.protected)
    assert 0 < len(estate.restore_points) < len(estate.collections)


@pytest.mark.slow
def test_a_thousand_vms_show_every_planted_cause_and_no_look_alike(tmp_path: Path) -> None:
    description = generate(1000, 7)
    with embedded(tmp_path, estate=description) as sandbox:
        reading = read(sandbox)
        scan, counted = judged(reading), dict(sandbox.calls())
    found = {
        (one.finding.vm.name, one.playbook.id)
        for one in scan.diagnoses
        if one.finding.severity >= Severity.SUSPECTED
    }
    told = {(one.finding.vm.name, one.playbook.id) for one in scan.diagnoses}

    assert scan.unread == ()
    assert planted(description) - told == set()
    assert found - planted(description) == set()
    assert counted == scan.calls
    assert scan.calls[Read.VMS] == scan.calls[Read.POWER] == ceil(scan.vms / 200)
    assert scan.close_look < scan.protected / 4


def test_small_pages_make_the_same_estate(tmp_path: Path) -> None:
    with embedded(tmp_path) as whole:
        once = read(whole)
    with embedded(tmp_path, page_size=3) as pieces:
        many = read(pieces)

    assert many.calls[Read.VMS] == 6
    assert contents(many) == contents(once)


def contents(reading: Reading) -> Any:
    """An estate but for the moment of the reading and the ages, which go on between two of them."""
    document = msgspec.json.decode(saved.dump(reading.estate))["estate"]
    return {
        field: [one.get("id", one) for one in values] if isinstance(values, list) else None
        for field, values in document.items()
        if field not in {"read_at", "reads", "views", "restore_points"}
    }


def test_only_what_a_playbook_needs_is_read(sandbox: Sandbox) -> None:
    reading = read(sandbox, reads=needs([load()["disk-size"]]))
    found = evaluate(reading.estate, [load()["disk-size"]]).diagnoses

    assert set(reading.calls) == {Read.VAULTS, Read.VMS, Read.DISKS, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL}
    assert {one.finding.severity for one in found} >= {Severity.CORROBORATED, Severity.INFO}


def test_only_selected_vms_are_looked_at_one_by_one(sandbox: Sandbox) -> None:
    reading = read(sandbox, wanted=lambda _: lambda vm: vm.name == "sql1")

    assert [view.vm.name for view in reading.estate.views] == ["sql1"]
    assert reading.calls[Read.VIEW] == 1


def test_deep_looks_at_every_protected_vm_and_counts_all_points(sandbox: Sandbox) -> None:
    estate = read(sandbox, deep=True).estate

    assert {one.id for one in estate.protected if one.vm} == set(estate.view)
    assert {held.id for one in estate.protected for held in service_collections(estate, one)} <= set(
        estate.points
    )


def test_a_saved_estate_gives_the_same_verdicts_offline(sandbox: Sandbox, tmp_path: Path) -> None:
    reading = read(sandbox)
    path = tmp_path / "estate.json"
    path.write_bytes(saved.dump(reading.estate))

    assert evaluate(saved.load(path), PLAYBOOKS) == evaluate(reading.estate, PLAYBOOKS)


def test_a_throttled_scan_waits_and_reads_everything(tmp_path: Path) -> None:
    with embedded(tmp_path, throttle=Throttle(size=3, refill=18)) as sandbox:
        scan = judged(read(sandbox))
        answers = [one.status for one in sandbox.requests]

    assert scan.unread == ()
    assert answers.count(429) < 0.2 * len(answers)


def json(body: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


def refused(status: int, code: str) -> Answer:
    return json({"error": {"code": code, "message": f"{code} it is."}}, status)


NSGS = "/providers/microsoft.network/networksecuritygroups"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(refused(403, "AuthorizationFailed"), "AuthorizationFailed", id="no right"),
        pytest.param(refused(404, "ResourceNotFound"), "ResourceNotFound", id="not found"),
        pytest.param(refused(400, "InvalidApiVersion"), "InvalidApiVersion", id="another api-version"),
        pytest.param(Answer(200, b"<html><body>Please log in</body></html>"), "NotArm", id="a page of HTML"),
        pytest.param(Answer(200, b'{"value": [{"id": "/subscr'), "NotArm", id="truncated JSON"),
        pytest.param(Answer(200, b""), "NotArm", id="nothing"),
        pytest.param(Answer(200, b"null"), "NotArm", id="null"),
        pytest.param(json({}), "NotAList", id="a page without value"),
        pytest.param(json({"value": None}), "NotAList", id="a null value"),
        pytest.param(json({"value": [], "nextLink": 5}), "NextLinkLoop", id="a next link that is no address"),
        pytest.param(
            json({"value": [], "nextLink": "https://evil.example/x"}),
            "ForeignHost",
            id="a next link away from ARM",
        ),
        pytest.param(json({"value": [None]}), "Malformed", id="a null element"),
        pytest.param(json({"value": [{"properties": {}}]}), "Malformed", id="an element without id"),
        pytest.param(json({"value": ["text"]}), "Malformed", id="an element that is text"),
    ],
)
def test_a_list_that_cannot_be_read_is_a_gap_and_nothing_is_healthy_for_it(
    sandbox: Sandbox, answer: Answer, code: str
) -> None:
    sandbox.instead = lambda call: answer if call.key.endswith(NSGS) else None
    scan = judged(read(sandbox))

    [gap] = scan.unread
    assert (gap.read, gap.code, gap.scope.name) == (Read.NSGS, code, sandbox.subscription)
    unsure = {one.vm.name for one in scan.not_evaluated if one.playbook == "storage-egress"}
    assert "web1" in unsure
    assert "restore-point-lock" in {one.playbook.id for one in scan.diagnoses}


def test_a_list_that_leads_back_to_itself_ends(sandbox: Sandbox) -> None:
    def loop(call: Call) -> Answer | None:
        if not call.key.endswith(NSGS):
            return None
        return json({"value": [], "nextLink": f"{sandbox.url}{call.path}?api-version=2024-05-01&page=2"})

    sandbox.instead = loop
    [gap] = read(sandbox).estate.unread

    assert (gap.read, gap.code) == (Read.NSGS, "NextLinkLoop")


def test_what_came_before_a_page_that_fails_is_kept(tmp_path: Path) -> None:
    pages: list[Call] = []

    def third_page_refused(call: Call) -> Answer | None:
        if call.key.endswith("/virtualmachines") and "statusonly" not in call.query:
            pages.append(call)
        return refused(403, "AuthorizationFailed") if len(pages) == 3 and call is pages[-1] else None

    with embedded(tmp_path, page_size=5) as sandbox:
        sandbox.instead = third_page_refused
        estate = read(sandbox).estate

    [gap] = estate.unread
    assert (gap.read, len(estate.vms)) == (Read.VMS, 10)


def test_a_vault_without_rights_costs_only_itself(tmp_path: Path) -> None:
    with embedded(
        tmp_path, estate=Path(__file__).parents[1] / "examples/estates/no-rights-on-a-vault.yaml"
    ) as sandbox:
        sandbox.instead = lambda call: (
            refused(403, "AuthorizationFailed") if "/vaults/vault-secret/" in call.key else None
        )
        scan = judged(read(sandbox))

    assert {(gap.read, gap.scope.name) for gap in scan.unread} == {
        (Read.ITEMS, "vault-secret"),
        (Read.JOBS, "vault-secret"),
        (Read.POLICIES, "vault-secret"),
    }
    assert [(one.vm.name, one.playbook) for one in scan.not_evaluated] == [("pay1", "unprotected-vm")]
    assert scan.diagnoses == ()


def view_of(name: str) -> str:
    return f"/virtualmachines/{name}/instanceview"


@pytest.mark.parametrize(
    ("path", "answer", "gap", "playbook"),
    [
        pytest.param(
            view_of("dc1"),
            refused(404, "ResourceNotFound"),
            (Read.VIEW, "dc1"),
            "agent-unresponsive",
            id="a vm in between deleted",
        ),
        pytest.param(
            view_of("dc1"), json([]), (Read.VIEW, "dc1"), "agent-unresponsive", id="a view that is a list"
        ),
        pytest.param(
            "/restorepointcollections/azurebackup_sql1",
            json({"id": "/x", "properties": {"source": None}}),
            (Read.POINTS, None),
            "restore-point-limit",
            id="a collection without its points",
        ),
        pytest.param(
            "/backupjobs/",
            refused(404, "BMSUserErrorObjectNotFound"),
            (Read.JOB_DETAIL, None),
            "disk-size",
            id="a job that is gone",
        ),
    ],
)
def test_a_single_read_that_fails_leaves_its_vm_unevaluated(
    sandbox: Sandbox, path: str, answer: Answer, gap: tuple[Read, str | None], playbook: str
) -> None:
    sandbox.instead = lambda call: answer if path in call.key else None
    scan = judged(read(sandbox))

    assert {one.read for one in scan.unread} == {gap[0]}
    assert gap[1] in {None, *(one.scope.name for one in scan.unread)}
    assert playbook in {one.playbook for one in scan.not_evaluated}


def altered(sandbox: Sandbox, path: str, change: Mapping[str, Any]) -> Reading:
    """Read the sandbox with the properties of every element of one list changed, null standing for left out."""
    plain = list(ask(sandbox, path)["value"])
    for one in plain:
        one["properties"] = {**one["properties"], **change} if change else None
    sandbox.instead = lambda call: (
        json({"value": plain}) if call.key == path and not set(call.query) - {"api-version"} else None
    )
    return read(sandbox)


def ask(sandbox: Sandbox, path: str) -> Any:
    with reader_of(sandbox) as reader:
        return reader.get(path, {"api-version": "2024-07-01"})


def list_of(sandbox: Sandbox, type_: str) -> str:
    return f"/subscriptions/{sandbox.subscription}/providers/{type_}"


@pytest.mark.parametrize(
    ("type_", "read_", "change"),
    [
        pytest.param("microsoft.compute/virtualmachines", Read.VMS, {}, id="vms without properties"),
        pytest.param(
            "microsoft.compute/virtualmachines",
            Read.VMS,
            {"provisioningState": None},
            id="vms without a state",
        ),
        pytest.param(
            "microsoft.network/networksecuritygroups",
            Read.NSGS,
            {"securityRules": None},
            id="NSGs without rules",
        ),
        pytest.param(
            "microsoft.network/networksecuritygroups",
            Read.NSGS,
            {
                "securityRules": [
                    {"name": "r", "properties": {"access": "Deny", "priority": 100, "direction": "Outbound"}}
                ]
            },
            id="a rule that does not tell what it matches",
        ),
        pytest.param(
            "microsoft.network/virtualnetworks", Read.VNETS, {"subnets": None}, id="networks without subnets"
        ),
        pytest.param(
            "microsoft.network/routetables", Read.ROUTE_TABLES, {"routes": [{}]}, id="a route of nothing"
        ),
        pytest.param(
            "microsoft.compute/restorepointcollections",
            Read.COLLECTIONS,
            {},
            id="collections without a source",
        ),
        pytest.param(
            "microsoft.authorization/locks", Read.LOCKS, {"level": None}, id="locks without a level"
        ),
    ],
)
def test_what_a_verdict_rests_on_is_a_gap_where_it_is_missing(
    sandbox: Sandbox, type_: str, read_: Read, change: Mapping[str, Any]
) -> None:
    scan = judged(altered(sandbox, list_of(sandbox, type_), change))

    assert {(gap.read, gap.code) for gap in scan.unread} == {(read_, "Malformed")}
    assert read_ is Read.VMS or scan.not_evaluated


@pytest.mark.parametrize(
    ("name", "read_", "change"),
    [
        pytest.param("backupprotecteditems", Read.ITEMS, {}, id="items without properties"),
        pytest.param(
            "backupprotecteditems",
            Read.ITEMS,
            {"sourceResourceId": None, "virtualMachineId": None},
            id="items of nothing",
        ),
        pytest.param(
            "backupprotecteditems", Read.ITEMS, {"protectionState": None}, id="items without a state"
        ),
        pytest.param("backupjobs", Read.JOBS, {"containerName": None}, id="jobs of nobody"),
        pytest.param("backupjobs", Read.JOBS, {"startTime": None}, id="jobs of no time"),
    ],
)
def test_an_item_or_job_that_cannot_be_told_leaves_its_vault_unknown(
    sandbox: Sandbox, name: str, read_: Read, change: Mapping[str, Any]
) -> None:
    def worse(call: Call) -> Answer | None:
        if not call.key.endswith(f"/{name}"):
            return None
        given = {"id": f"{call.path}/one", "properties": {**GOOD[name], **change} if change else None}
        return json({"value": [given]})

    sandbox.instead = worse
    scan = judged(read(sandbox))

    assert {gap.read for gap in scan.unread} == {read_}
    assert all("/vaults/" in gap.scope.key and gap.scope.name.startswith("vault-") for gap in scan.unread)
    assert scan.not_evaluated


def test_a_running_job_that_cannot_be_told_leaves_its_vault_unknown(tmp_path: Path) -> None:
    def worse(call: Call) -> Answer | None:
        if "InProgress" not in call.query.get("$filter", ""):
            return None
        return json({"value": [{"id": f"{call.path}/one", "properties": {"startTime": None}}]})

    estate = Path(__file__).parents[1] / "examples" / "estates" / "control-plane.yaml"
    with embedded(tmp_path, estate=estate) as sandbox:
        sandbox.instead = worse
        scan = judged(read(sandbox))

    assert {gap.read for gap in scan.unread} == {Read.RUNNING_JOBS}
    assert {one.vm.name for one in scan.not_evaluated if one.playbook == "backup-in-progress"} >= {
        "hung1",
        "moved1",
    }
    assert "backup-in-progress" not in {one.playbook.id for one in scan.diagnoses}


GOOD = {
    "backupprotecteditems": {
        "sourceResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v",
        "containerName": "iaasvmcontainerv2;g;v",
        "protectionState": "Protected",
    },
    "backupjobs": {
        "containerName": "iaasvmcontainerv2;g;v",
        "startTime": "2026-11-22T00:00:00Z",
        "status": "Failed",
    },
}


@pytest.mark.parametrize(
    ("type_", "field", "change"),
    [
        pytest.param(
            "microsoft.compute/virtualmachines",
            "vms",
            {"storageProfile": None, "osProfile": 5},
            id="vms with nulls",
        ),
        pytest.param("microsoft.compute/disks", "disks", {}, id="disks without properties"),
        pytest.param(
            "microsoft.compute/disks", "disks", {"diskSizeGB": "big"}, id="disks of a size that is no number"
        ),
        pytest.param(
            "microsoft.network/networkinterfaces", "nics", {}, id="network interfaces without properties"
        ),
    ],
)
def test_other_properties_that_are_null_or_missing_are_no_error(
    sandbox: Sandbox, type_: str, field: str, change: Mapping[str, Any]
) -> None:
    estate = altered(sandbox, list_of(sandbox, type_), change).estate

    assert estate.unread == ()
    assert getattr(estate, field)
    assert evaluate(estate, PLAYBOOKS).protected > 0


def test_a_disk_tells_of_what_kind_it_is_and_the_vm_how_it_is_cached() -> None:
    group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute"
    told = decode.disk(
        {
            "id": f"{group}/disks/data1",
            "location": "westeurope",
            "extendedLocation": {"name": "attatlanta1", "type": "EdgeZone"},
            "zones": ["2"],
            "sku": {"name": "StandardSSD_ZRS", "tier": "Standard"},
            "properties": {
                "encryption": {
                    "type": "EncryptionAtRestWithCustomerKey",
                    "diskEncryptionSetId": f"{group}/diskEncryptionSets/cmk",
                },
                "networkAccessPolicy": "AllowPrivate",
                "publicNetworkAccess": "Disabled",
                "diskAccessId": f"{group}/diskAccesses/access",
            },
        }
    )

    assert told == Disk(
        id=ArmId(f"{group}/disks/data1"),
        sku="StandardSSD_ZRS",
        location="westeurope",
        extended_location="attatlanta1",
        zones=("2",),
        encryption="EncryptionAtRestWithCustomerKey",
        encryption_set=ArmId(f"{group}/diskEncryptionSets/cmk"),
        network_access="AllowPrivate",
        public_access="Disabled",
        disk_access=ArmId(f"{group}/diskAccesses/access"),
    )
    assert decode.disk({"id": "/d", "properties": {"encryption": 5}, "zones": None}) == Disk(ArmId("/d"))
    assert decode.attached({"lun": 3, "name": "data1", "caching": "ReadOnly"}).caching == "ReadOnly"


def test_enum_values_nobody_knows_are_kept_as_text(sandbox: Sandbox) -> None:
    path = list_of(sandbox, "microsoft.compute/virtualmachines")
    estate = altered(sandbox, path, {"provisioningState": "Levitating"}).estate

    assert {vm.provisioning_state for vm in estate.vms} == {"Levitating"}
    assert estate.unread == ()


def test_a_view_without_statuses_does_not_say_that_the_agent_is_absent(sandbox: Sandbox) -> None:
    sandbox.instead = lambda call: json({}) if "instanceview" in call.key else None
    scan = judged(read(sandbox))

    assert {gap.read for gap in scan.unread} == {Read.VIEW}
    assert not any(one.playbook.id == "agent-unresponsive" for one in scan.diagnoses)


def test_a_resource_that_stands_on_two_pages_counts_once(sandbox: Sandbox) -> None:
    path = list_of(sandbox, "microsoft.compute/restorepointcollections")
    held = ask(sandbox, path)["value"]
    sandbox.instead = lambda call: json({"value": held + held}) if call.key == path else None

    assert len(read(sandbox).estate.collections) == len(held)


def test_a_list_whose_pages_bring_nothing_new_ends(sandbox: Sandbox) -> None:
    held = ask(sandbox, list_of(sandbox, "microsoft.network/networksecuritygroups"))["value"]
    pages: list[Call] = []

    def turning(call: Call) -> Answer | None:
        if not call.key.endswith(NSGS):
            return None
        pages.append(call)
        return json(
            {"value": held, "nextLink": f"{sandbox.url}{call.path}?api-version=2024-05-01&page={len(pages)}"}
        )

    sandbox.instead = turning
    [gap] = read(sandbox).estate.unread

    assert (gap.read, gap.code) == (Read.NSGS, "NextLinkLoop")
    assert len(pages) < 5


def test_failed_backups_are_asked_for_and_no_other_jobs(sandbox: Sandbox) -> None:
    read(sandbox)
    [asked, *_] = [unquote(one.path) for one in sandbox.requests if "/backupJobs?" in one.path]

    assert "operation eq 'Backup'" in asked
    assert "status eq 'Failed'" in asked
    assert "backupManagementType eq 'AzureIaasVM'" in asked


def test_a_power_state_that_the_list_leaves_out_comes_from_the_instance_view(sandbox: Sandbox) -> None:
    without = lambda call: json({"value": []}) if "statusonly" in call.query else None  # noqa: E731 - one line says it
    sandbox.instead = without
    estate = read(sandbox).estate

    assert estate.unread == ()
    assert estate.power[next(one.id for one in estate.protected if one.id.name == "dc1")] == "running"


def test_a_power_state_that_nobody_tells_is_a_gap(sandbox: Sandbox) -> None:
    def silent(call: Call) -> Answer | None:
        return (
            json({"value": []})
            if "statusonly" in call.query
            else json({"statuses": []})
            if "instanceview" in call.key
            else None
        )

    sandbox.instead = silent
    estate = read(sandbox).estate

    assert {gap.code for gap in estate.unread} == {"NoPowerState"}


def test_two_vms_of_one_name_keep_their_own_failures(tmp_path: Path) -> None:
    broken = {"code": "UserErrorGuestAgentStatusUnavailable", "hours_ago": 8}
    backup = {"vault": "v", "policy": "daily"}
    estate = {
        "vaults": [{"name": "v", "policies": [{"name": "daily"}]}],
        "vnets": [{"name": "n", "subnets": [{"name": "s"}]}],
        "vms": [
            {"name": "web1", "group": "shop", "backup": backup},
            {
                "name": "web1",
                "group": "test",
                "agent": "not-ready",
                "backup": {**backup, "completed": 50, "failed": broken},
            },
        ],
    }
    with embedded(tmp_path, estate=estate) as sandbox:
        scan = judged(read(sandbox))

    [found] = [one.finding for one in scan.diagnoses]
    assert found.vm.group is not None
    assert (found.vm.group.name.lower(), found.severity) == ("test", Severity.CORROBORATED)
