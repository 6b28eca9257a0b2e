"""`scan --source graph`: the same findings as from ARM, with the age of their data, and nothing healthy on its silence."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import Desk, Ended, azremedy, document, written
from jsonschema import Draft202012Validator
from sandboxed import estate, vm

from azremedy.arm import ArmId
from azremedy.azure import ClientSecret, find_cloud, open_reader, subscriptions
from azremedy.collect import Graph
from azremedy.collect.kql import BACKUPS, ITEM, POLICY
from azremedy.collect.rows import Rows
from azremedy.report.schema import schema
from azremedy.resources import Read
from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.answers import Answer, Call, ok
from azremedy.sandbox.description import Fault
from azremedy.sandbox.generate import fleet, generate
from azremedy.sandbox.graph import PATH

ESTATES = sorted((Path(__file__).parents[1] / "examples" / "estates").glob("*.yaml"))
WHO = "5a6db0c5-0000-4000-8000-c11e47000009"
POLICIES = [{"name": "daily"}, {"name": "crash", "type": "V2", "consistency": "crash"}]
CRASH = {"vault": "vault1", "policy": "crash"}
BROKEN = [
    vm("sql0", agent="not-ready", backup=CRASH),
    vm(
        "sql1",
        agent="not-ready",
        backup={"completed": 50, "failed": {"code": "UserErrorGuestAgentStatusUnavailable"}},
    ),
    vm("sql2"),
]


def described(*vms: Any, **sections: Any) -> dict[str, Any]:
    """Describe these VMs, or a broken one among others, in a vault whose policies differ."""
    vaults = [{"name": "vault1", "policies": POLICIES}]
    return {**estate(*(vms or BROKEN), **sections), "vaults": vaults}


def both(run: Desk, *arguments: str, **variables: str) -> tuple[Ended, Ended]:
    """Scan from ARM, then through Resource Graph."""
    return (
        run("scan", "-s", "*", "-o", "json", *arguments, **variables),
        run("scan", "-s", "*", "-o", "json", "--source", "graph", *arguments, **variables),
    )


def said(ended: Ended) -> Mapping[str, Any]:
    """Return all that a scan says of the estate, but for the age of the data."""
    whole = document(ended)
    findings = [
        {name: value for name, value in one.items() if name != "dataAge"} for one in whole["findings"]
    ]
    return {
        "code": ended.code,
        "findings": findings,
        **{name: whole[name] for name in ("unread", "notEvaluated", "unexplained", "summary")},
    }


def calls(ended: Ended) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for one in document(ended)["subscriptions"]:
        for kind, number in one["callsByKind"].items():
            found[kind] = found.get(kind, 0) + number
    return found


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param("demo", id="demo"),
        *(pytest.param(path, id=path.stem) for path in ESTATES),
        *(pytest.param(generate(90, seed), id=f"generated {seed}") for seed in (1, 2)),
        pytest.param(fleet(4, 24, 3), id="fleet"),
    ],
)
def test_both_sources_say_the_same(tmp_path: Path, whole: Any) -> None:
    with embedded(tmp_path / "sandbox", estate=whole) as sandbox:
        arm, graph = both(Desk(sandbox, tmp_path))
        reads = written(sandbox)

    assert said(graph) == said(arm)
    assert {one.partition(" ")[2].lower() for one in reads} == {PATH}


@pytest.mark.parametrize(
    "flags", [("--deep",), ("--playbook", "disk-size"), ("-g", "rg-retail-prd")], ids=" ".join
)
def test_both_say_the_same_of_what_is_asked_for(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with embedded(tmp_path / "sandbox", estate=generate(90, 1)) as sandbox:
        arm, graph = both(Desk(sandbox, tmp_path), *flags)

    assert said(graph) == said(arm)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate=described()) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


def test_a_finding_says_how_old_its_data_may_be(run: Desk) -> None:
    arm, graph = both(run)
    [found] = document(graph)["findings"]

    assert [one["dataAge"] for one in document(arm)["findings"]] == [None]
    assert found["dataAge"]["source"] == "resource graph"
    assert "virtual machines" in found["dataAge"]["of"]
    assert found["dataAge"]["askedAt"] <= document(graph)["finishedAt"]
    Draft202012Validator(schema("scan")).validate(document(graph))
    assert not {"instance view", "locks"} & set(found["dataAge"]["of"])
    assert "disks" in document(graph)["subscriptions"][0]["fromGraph"]


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_people_are_told_too(run: Desk, tmp_path: Path, form: str) -> None:
    def told(*flags: str) -> str:
        file = tmp_path / f"report.{form}"
        report = [] if form == "table" else ["--report", f"{form}={file}"]
        ended = run("scan", "-s", "*", *flags, *report, COLUMNS="400")
        return file.read_text("utf-8") if report else ended.out

    assert "Azure Resource Graph told of disks," in told("--source", "graph")
    assert "Resource Graph" not in told()


def test_few_queries_stand_in_for_the_lists_of_many_subscriptions(tmp_path: Path) -> None:
    healthy = [
        estate(vm(), subscription={"name": f"s{nth}", "id": f"5a6db0c5-0000-4000-8000-{nth:012d}"})
        for nth in range(30)
    ]
    with embedded(tmp_path / "sandbox", estate=healthy) as sandbox:
        arm, graph = both(Desk(sandbox, tmp_path))

    asked = calls(graph)
    assert asked["resource graph"] == 5
    assert {kind: number for kind, number in asked.items() if kind not in {"resource graph", "subscription"}} == {
        "permissions": 30, "locks": 30, "vaults": 30,
    }  # fmt: skip
    assert sum(asked.values()) < 0.3 * sum(calls(arm).values())


def test_rows_come_in_pages(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate=generate(30, 1), page_size=40) as sandbox:
        arm, graph = both(Desk(sandbox, tmp_path))

    assert said(graph) == said(arm)
    assert calls(graph)["resource graph"] > 5


def test_its_own_quota_is_obeyed(tmp_path: Path) -> None:
    """Fifteen queries in five seconds: more are needed, and none is refused."""
    with embedded(tmp_path / "sandbox", estate=generate(60, 1), page_size=12) as sandbox:
        ended = Desk(sandbox, tmp_path)("scan", "-s", "*", "-o", "json", "--source", "graph")
        answers = [one.status for one in sandbox.requests if one.path.lower().startswith(PATH)]

    assert ended.code == 0
    assert len(answers) > 20
    assert answers.count(429) <= 1


def test_a_refused_table_is_a_gap_and_never_healthy(run: Desk, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault(f"POST {PATH}", status=403, code="AccessDenied", body="no", times=None)]
    ended = run("scan", "-s", "*", "-o", "json", "--source", "graph")
    gaps = {gap["what"] for gap in document(ended)["unread"]}

    assert ended.code == 3
    assert {
        "virtual machines",
        "disks",
        "protected items",
        "failed jobs",
        "restore point collections",
    } <= gaps
    assert document(ended)["findings"] == []


def rows_without(*gone: str, truncated: str = "") -> Callable[[Call], Answer | None]:
    """Return what hides rows whose id holds one of these, as an index does that is behind."""

    def instead(call: Call) -> Answer | None:
        if call.key != PATH:
            return None
        return hidden(call, gone, truncated=truncated)

    return instead


SHOWN: dict[str, Any] = {}


def hidden(call: Call, gone: tuple[str, ...], *, truncated: str) -> Answer:
    """Answer a query from what was kept of an earlier scan, without some rows; say so, or let the total tell."""
    body = SHOWN[json.loads(call.body)["query"]]
    rows = [row for row in body["data"] if not any(one in row["id"].lower() for one in gone)]
    total = body["totalRecords"] if truncated == "false" else len(rows)
    told = truncated or "false"
    return ok({**body, "data": rows, "count": len(rows), "totalRecords": total, "resultTruncated": told})


@pytest.fixture
def kept(run: Desk, sandbox: Sandbox) -> None:
    """Keep what Resource Graph answers now."""
    from azremedy.sandbox import graph  # noqa: PLC0415 - asked as its own server asks it

    def instead(call: Call) -> Answer | None:
        if call.key == PATH:
            answer = graph.answer(sandbox._arm, call, sandbox._queries)
            SHOWN[json.loads(call.body)["query"]] = json.loads(answer.body)
            return answer
        return None

    SHOWN.clear()
    sandbox.instead = instead
    run("scan", "-s", "*", "--source", "graph")
    sandbox.instead = lambda _: None


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("gone", "read"),
    [
        ("networkinterfaces/sql2-nic", Read.NICS),
        ("disks/sql2", Read.DISKS),
        ("virtualmachines/sql2", Read.VMS),
        ("virtualnetworks/", Read.VNETS),
        ("backuppolicies", Read.POLICIES),
        ("vaults/vault1", Read.ITEMS),
    ],
)
def test_what_no_row_shows_and_others_name_is_read_from_arm(
    run: Desk, sandbox: Sandbox, gone: str, read: Read
) -> None:
    arm = run("scan", "-s", "*", "-o", "json")
    sandbox.instead = rows_without(gone)
    sandbox.clear()
    graph = run("scan", "-s", "*", "-o", "json", "--source", "graph")

    assert said(graph) == said(arm)
    assert sandbox.calls()[read]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("told", ["true", "false"], ids=["as Resource Graph says", "as its own count says"])
def test_a_truncated_result_is_a_gap(run: Desk, sandbox: Sandbox, told: str) -> None:
    sandbox.instead = rows_without("restorepointcollections", "disks/sql2", truncated=told)
    ended = run("scan", "-s", "*", "-o", "json", "--source", "graph")
    [gap] = [gap for gap in document(ended)["unread"] if gap["what"] == "restore point collections"]

    assert ended.code == 3
    assert (gap["code"], "rows" in gap["reason"]) == ("Truncated", True)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("member", ["provisioningState", "networkProfile", "storageProfile"])
def test_a_row_that_makes_no_sense_is_asked_of_arm(run: Desk, sandbox: Sandbox, member: str) -> None:
    arm = run("scan", "-s", "*", "-o", "json")
    for body in SHOWN.values():
        for row in body["data"]:
            if "properties" in row and member in row["properties"]:
                row["properties"][member] = None if member == "provisioningState" else {"x": 1}
    sandbox.instead = rows_without()
    graph = run("scan", "-s", "*", "-o", "json", "--source", "graph")

    assert said(graph)["findings"] == said(arm)["findings"]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("id_", "column"),
    [
        ("kept", None),
        ("kept", "another"),
        (None, 7),
        ("nothing", None),
        ("/subscriptions/another/x", "another"),
    ],
)
def test_a_row_that_does_not_say_whose_it_is_is_asked_of_arm(
    run: Desk, sandbox: Sandbox, id_: str | None, column: Any
) -> None:
    """Each query has one: where not even its id tells, it may be of any subscription and any vault."""
    arm = run("scan", "-s", "*", "-o", "json")
    for body in SHOWN.values():
        for row in sorted(body["data"], key=lambda row: "/disks/" not in row["id"])[:1]:
            row["subscriptionId"] = column
            if id_ != "kept":
                row["id"] = id_
    sandbox.instead = lambda call: ok(SHOWN[json.loads(call.body)["query"]]) if call.key == PATH else None
    sandbox.clear()
    graph = run("scan", "-s", "*", "-o", "json", "--source", "graph")

    assert said(graph) == said(arm)
    assert (sandbox.calls()[Read.DISKS] > 0) is (id_ != "kept")


def test_what_the_identity_may_not_read_is_a_gap_though_resource_graph_says_nothing(tmp_path: Path) -> None:
    """Without the right to collections no row of one comes: ARM is asked, and refuses aloud."""
    arm, graph = both_as(tmp_path, scanning("restorePointCollections"))

    assert graph.code == 3
    assert "restore point collections" in {gap["what"] for gap in document(graph)["unread"]}
    assert said(graph) == said(arm)


@pytest.mark.parametrize("lacking", ["permissions", "virtualMachines/read", "backupPolicies", "nothing"])
def test_what_cannot_be_told_of_rights_is_asked_of_arm(tmp_path: Path, lacking: str) -> None:
    arm, graph = both_as(tmp_path, scanning(lacking))

    assert said(graph) == said(arm)


def both_as(folder: Path, actions: list[str]) -> tuple[Ended, Ended]:
    """Scan from both sources as somebody with a role of these actions."""
    who = {"name": "few", "client_id": WHO, "secret": "s", "actions": actions}
    with embedded(folder / "sandbox", estate=described(identities=[who])) as sandbox:
        signed_in = {"AZURE_CLIENT_ID": WHO, "AZURE_CLIENT_SECRET": "s"}
        return both(Desk(sandbox, folder), **signed_in)


def scanning(without: str) -> list[str]:
    """Return the actions of the role for scans, but for those that hold this."""
    role = json.loads((Path(__file__).parents[1] / "examples" / "roles" / "scan.json").read_text("utf-8"))
    return [one for one in role["Actions"] if without not in one]


def test_a_vault_that_is_closed_to_the_identity_is_a_gap_as_from_arm(tmp_path: Path) -> None:
    path = next(path for path in ESTATES if path.stem == "no-rights-on-a-vault")
    with embedded(tmp_path / "sandbox", estate=path) as sandbox:
        who = next(one for one in sandbox._entra.principals.values() if one.cannot_read)
        signed_in = {"AZURE_CLIENT_ID": who.client_id, "AZURE_CLIENT_SECRET": who.secret}
        arm, graph = both(Desk(sandbox, tmp_path), **signed_in)

    assert graph.code == 3
    assert said(graph) == said(arm)


BIG = {"disks": [{"lun": 0, "size": 40960}]}


@pytest.mark.parametrize(
    "vms",
    [
        pytest.param([vm(**BIG, backup={"excluded_luns": [0]})], id="an excluded disk"),
        pytest.param([vm(**BIG)], id="a disk that is too large"),
        pytest.param([vm(backup={"soft_deleted": True}), vm("sql2")], id="deleted softly"),
        *(
            pytest.param([vm(backup={"state": state})], id=state)
            for state in (
                "IRPending",
                "ProtectionError",
                "ProtectionStopped",
                "ProtectionPaused",
                "BackupsSuspended",
            )
        ),
        pytest.param([vm(backup={"completed": None})], id="never backed up"),
        pytest.param(
            [
                vm(
                    backup={
                        "completed": 500,
                        "failed": {"code": "UserErrorRpCollectionLimitReached", "hours_ago": 480},
                    }
                )
            ],
            id="failed before Resource Graph keeps jobs",
        ),
        pytest.param([{"name": "sql1", "group": "shop", "gone": True, "backup": CRASH}], id="gone"),
        pytest.param([{"name": "web1", "group": "shop"}], id="not protected"),
        pytest.param(
            [vm(extensions=[{"name": "E", "publisher": "P", "type": "T", "state": "Failed"}])],
            id="an extension",
        ),
        pytest.param([vm(snapshot={"state": "failed", "listed": True})], id="an extension that is listed"),
    ],
)
def test_what_resource_graph_does_not_tell_of_an_item_is_known_from_arm(
    tmp_path: Path, vms: list[Any]
) -> None:
    with embedded(tmp_path / "sandbox", estate=described(*vms)) as sandbox:
        arm, graph = both(Desk(sandbox, tmp_path))

    assert said(graph) == said(arm)


def test_answers_that_are_too_long_are_asked_for_in_shorter_pages(run: Desk, sandbox: Sandbox) -> None:
    arm = run("scan", "-s", "*", "-o", "json")
    tops: list[int] = []

    def instead(call: Call) -> Answer | None:
        if call.key != PATH:
            return None
        tops.append(top := json.loads(call.body)["options"]["$top"])
        return None if top < 1000 else too_long()

    sandbox.instead = instead
    graph = run("scan", "-s", "*", "-o", "json", "--source", "graph")

    assert said(graph) == said(arm)
    assert sorted(set(tops)) == [200, 1000]


def too_long() -> Answer:
    detail = {"code": "ResponsePayloadTooLarge", "message": "Response payload size is 18006738."}
    text = "Please provide below info when asking for support: timestamp = 2026-01-01."
    return ok({"error": {"code": "BadRequest", "message": text, "details": [detail]}}, 400)


def test_what_is_wrong_with_a_query_is_told_from_its_details(run: Desk, sandbox: Sandbox) -> None:
    sandbox.instead = lambda call: refused() if call.key == PATH else None
    ended = run("scan", "-s", "*", "-o", "json", "--source", "graph")

    assert {(gap["code"], gap["reason"]) for gap in document(ended)["unread"]} == {
        ("InvalidQuery", "Query is invalid.")
    }


def refused() -> Answer:
    detail = {"code": "InvalidQuery", "message": "Query is invalid."}
    text = "Please provide below info when asking for support: timestamp = 2026-01-01."
    return ok({"error": {"code": "BadRequest", "message": text, "details": [detail]}}, 400)


def test_a_checkpoint_of_one_source_is_none_of_the_other(run: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint"
    run("scan", "-s", "*", "-s", "00000000-0000-4000-8000-00000000dead", "--checkpoint", kept)
    ended = run("scan", "-s", "*", "--source", "graph", "--checkpoint", kept)

    assert (ended.code, "asked for something else" in ended.err) == (2, True)


def test_a_scan_goes_on_from_its_checkpoint_and_asks_about_the_others_only(tmp_path: Path) -> None:
    kept, dead = tmp_path / "checkpoint", "00000000-0000-4000-8000-00000000dead"
    graph = ("--source", "graph", "--checkpoint", kept, "-o", "json")
    with embedded(tmp_path / "sandbox", estate=fleet(4, 5, 1)) as sandbox:
        run = Desk(sandbox, tmp_path)
        ids = [one["id"] for one in document(run("scan", "-s", "*", "-o", "json"))["subscriptions"]]
        run("scan", *(word for one in (*ids[:3], dead) for word in ("-s", one)), *graph)
        sandbox.clear()
        again = run("scan", "-s", "*", *graph)
        asked = [one.body["subscriptions"] for one in sandbox.requests if one.path.lower().startswith(PATH)]
        arm = run("scan", "-s", "*", "-o", "json")

    assert {guid for guids in asked for guid in guids} == {ids[3]}
    assert said(again) == said(arm)
    assert all(one["dataAge"] for one in document(again)["findings"])


def test_a_saved_estate_keeps_how_old_it_may_be(run: Desk, tmp_path: Path) -> None:
    file = tmp_path / "estate.json"
    run("scan", "-s", "*", "--source", "graph", "--save-estate", file)
    again = document(azremedy("scan", "--estate", file, "-o", "json"))

    assert again["findings"][0]["dataAge"]["source"] == "resource graph"


@pytest.mark.parametrize("command", ["gate", "fix", "diagnose", "prove"])
def test_nothing_that_decides_or_changes_takes_resource_graph(command: str) -> None:
    ended = azremedy(command, "--source", "graph")

    assert (ended.code, "No such option" in ended.err) == (2, True)


def test_a_gate_takes_no_estate_that_came_through_it(run: Desk, tmp_path: Path) -> None:
    file = tmp_path / "estate.json"
    run("scan", "-s", "*", "--source", "graph", "--save-estate", file)
    ended = azremedy("gate", "--estate", file)

    assert ended.code == 3
    assert "was read through Azure Resource Graph" in ended.err


def test_a_cluster_reads_one_subscription_each_and_so_from_arm() -> None:
    ended = azremedy(
        "scan", "--source", "graph", "--scheduler", "tcp://127.0.0.1:1", "--cloud", "https://localhost:1"
    )

    assert (ended.code, "--source graph asks about many subscriptions at once" in ended.err) == (2, True)


def test_source_means_nothing_with_a_file(tmp_path: Path) -> None:
    ended = azremedy("scan", "--estate", tmp_path / "none.json", "--source", "graph")

    assert (ended.code, "--source means nothing with --estate" in ended.err) == (2, True)


def test_a_token_that_leads_in_a_circle_is_a_gap(run: Desk, sandbox: Sandbox) -> None:
    token = base64.b64encode(b"0").decode()
    page = {"totalRecords": 9, "count": 0, "data": [], "resultTruncated": "false", "$skipToken": token}
    sandbox.instead = lambda call: ok(page) if call.key == PATH else None
    ended = run("scan", "-s", "*", "-o", "json", "--source", "graph")

    assert ended.code == 3
    assert {gap["code"] for gap in document(ended)["unread"]} == {"NextLinkLoop"}


def test_an_item_whose_policy_no_row_shows_is_asked_of_its_vault() -> None:
    """Nobody knows what a backup needs whose policy is not known."""
    vault = "/subscriptions/5a6db0c5-0000-4000-8000-000000000001/resourceGroups/b/providers/Microsoft.RecoveryServices/vaults/v"
    told = {
        "sourceResourceId": vault.replace("RecoveryServices/vaults/v", "Compute/virtualMachines/sql1"),
        "currentProtectionState": "ProtectionConfigured",
        "lastBackupStatus": "Completed",
        "policyId": f"{vault}/backupPolicies/daily",
    }
    container = f"{vault}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;b;sql1"
    item = {"id": f"{container}/protectedItems/VM;iaasvmcontainerv2;b;sql1", "type": ITEM, "properties": told}
    policy = {"id": f"{vault}/backupPolicies/daily", "type": POLICY, "properties": {}}

    def troubled(*given: Any) -> set[ArmId]:
        rows = Rows()
        for row in given:
            rows.take(row)
        return set(rows.swept({}, 0).troubled)

    assert troubled(item, policy) == set()
    assert troubled(item) == {ArmId(vault)}


def sizes(sandbox: Sandbox) -> list[int]:
    """Return about how many subscriptions each query for backups was, in order."""
    asked = [one.body for one in sandbox.requests if one.path.lower().startswith(PATH)]
    return [len(body["subscriptions"]) for body in asked if body["query"] == BACKUPS]


@pytest.mark.parametrize("census", [True, False], ids=["counted first", "where counting fails"])
def test_subscriptions_are_asked_about_together_as_far_as_they_fit(tmp_path: Path, census: bool) -> None:
    """Five of three VMs each and room for seven: two, two and one, each part when its first is wanted."""
    with embedded(tmp_path / "sandbox", estate=fleet(5, 3, 1)) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        with open_reader(cloud, secret=secret, ca=sandbox.ca, environ={}) as reader:
            found = subscriptions.find(reader, ["*"])
            if not census:
                sandbox.faults = [Fault(f"POST {PATH}", status=403, code="AccessDenied", times=1)]
            graph = Graph(reader, found, room=7)
            told = []
            for one in found:
                assert graph.of(one).lists[Read.VMS]
                told.append(sizes(sandbox))

    parts = [[2], [2], [2, 2], [2, 2], [2, 2, 1]] if census else [[1] * nth for nth in range(1, 6)]
    assert told == parts
