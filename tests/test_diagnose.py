"""`azremedy diagnose`: why the last backup of one VM failed, on the sandbox, on saved estates, and when it cannot tell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from building import (
    SERVICE_GROUP,
    SUBSCRIPTION,
    VAULT,
    ago,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    points,
    view,
    vm,
    vm_id,
)
from commands import Desk, Ended, azremedy, document, keep, written
from jsonschema import Draft202012Validator

from azremedy.arm import ArmId
from azremedy.catalogue import SYMPTOMS
from azremedy.causes import unfolded
from azremedy.estate import Estate
from azremedy.playbook import load
from azremedy.report.schema import schema
from azremedy.resources import JobError, Read, Unread
from azremedy.sandbox import embedded, reading

DEMO: Mapping[str, Any] = reading.named("demo")[1]
GROUPS = {one["name"]: one["group"] for one in reversed(DEMO["vms"])}
"""The group of each VM of the demo; of two that share a name, the first one's."""
PLANTED = sorted({name for name, _ in DEMO["planted"]})
HOSTILE = "\x1b[31m##vso[task.complete]\u202e[bold]x"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with embedded(tmp_path_factory.mktemp("sandbox"), estate="demo") as running:
        yield Desk(running, tmp_path_factory.mktemp("desk"))


def told(ended: Ended, code: int = 0) -> Mapping[str, Any]:
    """Return the diagnosis that a command wrote as JSON."""
    assert ended.code == code, ended.err
    made = document(ended)
    Draft202012Validator(schema("diagnosis")).validate(made)
    return made


def diagnosed(desk: Desk, name: str, *more: str) -> Mapping[str, Any]:
    return told(desk("diagnose", "--vm", name, "-g", GROUPS[name], *more, "-s", "demo", "-o", "json"))


def of(made: Mapping[str, Any], verdict: str) -> dict[str, Mapping[str, Any]]:
    """Return the causes of a verdict by id."""
    return {one["cause"]: one for one in made["causes"] if one["verdict"] == verdict}


def offline(read: Estate, folder: Path, *arguments: str) -> Ended:
    return azremedy("diagnose", "--estate", keep(read, folder), *(arguments or ("--vm", "sql1")))


held = collection("sql1")
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
    view(),
)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_cause_is_the_cause_and_no_other_is(desk: Desk, name: str) -> None:
    planted = {playbook for vm, playbook in DEMO["planted"] if vm == name}
    made = diagnosed(desk, name)
    named = {playbook for one in of(made, "cause").values() for playbook in one["playbooks"]}
    found = {one["playbook"] for one in made["findings"]}

    assert planted <= found
    assert all(planted & set(one["playbooks"]) for one in of(made, "cause").values())
    assert {one for one in planted if load()[one].causes} <= named
    if made["failure"]:
        [symptom] = [one for one in SYMPTOMS if one.code == made["failure"]["errorCode"]]
        assert of(made, "cause")
        listed = [one["cause"] for one in made["causes"] if one["listed"]]
        assert listed == list(dict.fromkeys(unfolded(symptom.causes)))


TOLD = [
    ("sql1", ["C6", "C13"]), ("web2", ["C13"]), ("app1", ["C5"]), ("web1", ["C1"]), ("app2", ["C1"]),
    ("archive1", ["C7"]), ("dc1", ["C2"]), ("build1", ["C3"]), ("files1", ["C8"]), ("print1", ["C14"]),
    ("hr1", ["C15"]), ("test1", []), ("kiosk1", []), ("jump1", []), ("hana1", []),
]  # fmt: skip
"""The demo's VMs, and what is the cause there."""


@pytest.mark.parametrize(("name", "causes"), TOLD)
def test_the_demo_is_told_cause_by_cause(desk: Desk, name: str, causes: list[str]) -> None:
    assert list(of(diagnosed(desk, name), "cause")) == causes


def test_an_outdated_agent_on_windows_is_the_cause_and_no_other_is(tmp_path: Path) -> None:
    old = view(agent_version="2.7.41491.1001")
    read = estate(vm(), failed_item(), failed_job("GuestAgentSnapshotTaskStatusError"), old)
    made = told(offline(read, tmp_path, "--vm", "sql1", "-o", "json"))

    assert list(of(made, "cause")) == ["C2"]
    assert [one["playbook"] for one in made["findings"]] == ["agent-outdated"]


def test_a_healthy_namesake_is_told_from_the_sick_one(desk: Desk) -> None:
    made = told(desk("diagnose", "--vm", "web1", "-g", "office", "-s", "demo", "-o", "json"))

    assert made["failure"] is None
    assert made["causes"] == []


def test_each_cause_has_its_evidence_or_what_would_tell(desk: Desk) -> None:
    for name in PLANTED:
        for one in diagnosed(desk, name)["causes"]:
            assert one["evidence"] or one["tells"], one
            assert bool(one["tells"]) is (one["verdict"] == "unknown"), one


def test_the_command_it_names_shows_what_it_said(desk: Desk) -> None:
    made = diagnosed(desk, "sql1")
    words = shlex.split(made["cure"]["command"])
    planned = document(desk(*words[1:], "-o", "json"))
    said = [one["summary"] for one in made["cure"]["writes"]]

    assert words[:2] == ["azremedy", "fix"]
    assert said
    assert all(summary in json.dumps(planned, ensure_ascii=False) for summary in said)
    assert made["cure"]["relief"]


def test_it_reads_and_never_writes(desk: Desk) -> None:
    before = desk.sandbox.snapshot()
    desk.sandbox.clear()
    for name in ("sql1", "app1", "web1"):
        diagnosed(desk, name)

    assert written(desk.sandbox) == []
    assert desk.sandbox.snapshot() == before


@pytest.mark.parametrize("name", ["app1", "hana1"])
def test_it_looks_closely_at_the_one_vm_only_and_whatever_the_lists_say(desk: Desk, name: str) -> None:
    desk.sandbox.clear()
    diagnosed(desk, name)
    views = [one.path for one in desk.sandbox.requests if "/instanceview" in one.path.lower()]

    assert len(views) == 1
    assert f"/{name}/" in views[0].lower()


def test_a_vm_is_named_by_its_id_its_item_or_a_failed_job_too(desk: Desk) -> None:
    made = diagnosed(desk, "app1")
    ways = {"--vm": made["vm"]["id"], "--item": made["item"]["id"], "--job": made["failure"]["job"]}
    for flag, id_ in ways.items():
        again = told(desk("diagnose", flag, id_, "-o", "json"))
        assert again["failure"] == made["failure"], flag
        assert of(again, "cause").keys() == {"C5"}
    guid = ways["--job"].rpartition("/")[2]
    assert told(desk("diagnose", "--job", guid, "-s", "demo", "-o", "json"))["vm"] == made["vm"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name one VM: by --vm, or by --item or --job with an id."),
        (("--vm", "sql1", "--vm", "web2"), "Name one VM: by --vm"),
        (("--vm", "sql1", "--job", "x"), "Name one VM: by --vm"),
        (("--vm", "web1"), "2 VMs fit: "),
        (("--vm", "slq1"), "No VM 'slq1' is there. Did you mean 'sql1'?"),
        (("--vm", "sql1", "-g", "office"), "None of the VMs named is in the resource groups named."),
        (("--item", "nothing"), "No protected item 'nothing' is there: give its id"),
        (("--job", "nothing"), "No backup job 'nothing' failed within the last 7 days; --lookback looks further"),
        (("--vm", HOSTILE), "No VM"),
    ],
)  # fmt: skip
def test_what_names_no_vm_or_several_is_refused_in_one_sentence(
    desk: Desk, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = desk("diagnose", *arguments, "-s", "demo")

    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert sentence in ended.err
    assert "\x1b" not in ended.err


def test_candidates_are_named(desk: Desk) -> None:
    ended = desk("diagnose", "--vm", "web1", "-s", "demo")

    assert re.search("office/web1, shop/web1. Name one with --resource-group", ended.err, re.IGNORECASE)


def test_the_screen_says_failure_causes_cure_and_what_to_type(desk: Desk) -> None:
    shown = desk("diagnose", "--vm", "sql1", "-s", "demo", COLUMNS="300").out
    for part in (
        "sql1 (Windows, running, vault vault-shop: Protected), as of", "Backup failed 8 h ago: UserErrorRpCollectionLimitReached",
        "Azure says: ", "The VM has as many restore points as it may have", "Causes, in the documented order:",
        "1. C6  is the cause: A lock keeps old restore points", "CanNotDelete lock 'keep-everything'", "2. C13 is the cause",
        "The cure that azremedy would write:", "guarded  lift the CanNotDelete lock", "relieved only:",
        "see every write:  azremedy fix", "--vm sql1 --allow guarded\n", "--allow guarded --apply\n",
        "--apply --prove\n",
    ):  # fmt: skip
        _, met, shown = shown.partition(part)
        assert met == part


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("print1", ["--power on", "--power off"]),
        ("hr1", ["--resume-protection hr1"]),
        ("archive1", ["--exclude-lun archive1:0=REASON", "--attach-disks archive1:0"]),
    ],
)
def test_a_decision_of_a_person_comes_with_the_whole_command_for_it(
    desk: Desk, name: str, flags: list[str]
) -> None:
    lines = diagnosed(desk, name)["cure"]["decisions"]
    shown = desk("diagnose", "--vm", name, "-s", "demo", COLUMNS="60").out.splitlines()

    assert [line.partition(f"--vm {name} ")[2].partition(" --allow")[0] for line in lines] == flags
    for line in lines:
        assert f"  once decided:  {line}" in shown
        planned = document(desk(*shlex.split(line)[1:], "-o", "json"))
        assert planned["groups"], line
        assert not any("--allow" in one["reason"] for one in planned["byHand"]), line


def test_where_a_vm_lies_is_in_every_command(desk: Desk) -> None:
    made = told(
        desk("diagnose", "--vm", "print1", "-s", "demo", "--tenant", desk.sandbox.tenant, "-o", "json")
    )
    words = shlex.split(made["cure"]["decisions"][0])

    assert words[words.index("--tenant") + 1] == desk.sandbox.tenant


def test_a_saved_estate_says_the_same_without_azure(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "estate.json"
    assert desk("scan", "-s", "demo", "--save-estate", str(file), "-o", "none").code == 0
    for name in ("sql1", "app1", "web1", "dc1"):
        there = azremedy("diagnose", "--estate", file, "--vm", name, "-g", GROUPS[name], "-o", "json")
        made, live = told(there), diagnosed(desk, name)
        assert [(one["cause"], one["verdict"]) for one in made["causes"]] == [
            (one["cause"], one["verdict"]) for one in live["causes"]
        ]


def test_flags_that_read_mean_nothing_beside_a_file(tmp_path: Path) -> None:
    ended = offline(sick, tmp_path, "--vm", "sql1", "-s", "x")

    assert (ended.code, "--subscription means nothing with --estate" in ended.err) == (2, True)


def test_what_could_not_be_read_ends_in_3_and_is_said(tmp_path: Path) -> None:
    gap = Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "not yours", 403, "AuthorizationFailed")
    blind = replace(sick, locks=(), unread=(gap,))
    made = told(offline(blind, tmp_path, "--vm", "sql1", "-o", "json"), code=3)

    assert of(made, "unknown")["C6"]["tells"] == ["the right Microsoft.Authorization/locks/read"]
    assert made["unread"][0]["status"] == 403
    assert offline(blind, tmp_path, "--vm", "sql1", "--allow-partial").code == 0


def test_without_a_failed_backup_it_says_so_and_what_azure_complains_of(tmp_path: Path) -> None:
    well = offline(estate(vm(), item(), view()), tmp_path).out
    ill = offline(estate(vm(), item(health="ActionRequired"), view()), tmp_path).out

    assert "No backup of it failed within the last 7 days" in well
    assert "Its last completed one began 8 h ago." in well
    assert "Causes" not in well
    assert "But Azure Backup calls it ActionRequired." in ill


def test_an_older_job_is_judged_for_itself(tmp_path: Path) -> None:
    old = failed_job(
        "UserErrorGuestAgentStatusUnavailable", id=ArmId(f"{VAULT}/backupJobs/old"), started=ago(days=2)
    )
    read = replace(sick, jobs=(*sick.jobs, old))
    newest = told(offline(read, tmp_path, "--vm", "sql1", "-o", "json"))
    made = told(offline(read, tmp_path, "--job", "old", "-o", "json"))

    assert newest["failure"]["errorCode"] == "UserErrorRpCollectionLimitReached"
    assert made["failure"]["errorCode"] == "UserErrorGuestAgentStatusUnavailable"
    assert made["failure"]["completedSince"] is False
    assert made["causes"][0]["cause"] == "C14"


def test_a_job_before_the_last_completed_backup_says_that_it_is_over(tmp_path: Path) -> None:
    read = estate(vm(), item(), view(), failed_job("UserErrorRpCollectionLimitReached", started=ago(days=3)))
    made = told(offline(read, tmp_path, "--job", "job-of-sql1", "-o", "json"))

    assert made["failure"]["completedSince"] is True
    assert of(made, "cause") == {}
    assert "A backup was completed since." in offline(read, tmp_path, "--job", "job-of-sql1").out


def test_an_older_job_of_azure_is_read_closely(desk: Desk, tmp_path: Path) -> None:
    made = diagnosed(desk, "sql1", "--lookback", "30d")
    desk.sandbox.clear()
    told(desk("diagnose", "--job", made["failure"]["job"], "--lookback", "30d", "-o", "json"))
    details = [one.path for one in desk.sandbox.requests if "/backupjobs/" in one.path.lower()]

    assert len(details) == 1


def test_an_error_that_nobody_documents_is_shown_as_azure_words_it(tmp_path: Path) -> None:
    odd = failed_job(4711, errors=(JobError(4711, "Algo", "pasó algo"),))
    ended = offline(estate(vm(), failed_item(), odd, view()), tmp_path)

    assert ended.code == 0
    assert "an error that is not documented" in ended.out
    assert "Azure says: Algo: pasó algo (4711)" in ended.out
    assert "Causes" not in ended.out


def test_a_wrapper_says_to_explain_what_it_wraps(tmp_path: Path) -> None:
    ended = offline(
        estate(vm(), failed_item(), failed_job("UserErrorCrpReportedUserError"), view()), tmp_path
    )

    assert "Read the job's details and paste the text that stands there." in ended.out


def test_a_vm_that_is_gone_is_spoken_of(tmp_path: Path) -> None:
    ended = offline(estate(failed_item(), failed_job("BCMV2VMNotFound")), tmp_path)

    assert ended.code == 0
    assert "prod/sql1 (the VM is gone, vault vault1: Protected)" in ended.out
    assert "1. C17 " in ended.out


def test_the_vm_is_named_by_id_in_the_command_where_its_name_is_not_enough(tmp_path: Path) -> None:
    other = replace(vm(), id=vm_id("sql1", "elsewhere"))
    made = told(offline(replace(sick, vms=(*sick.vms, other)), tmp_path, "--vm", str(vm_id()), "-o", "json"))

    assert f"--vm {vm_id()}" in made["cure"]["command"]


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_hostile_text_from_azure_is_shown_and_not_obeyed(tmp_path: Path, form: str) -> None:
    odd = failed_job("UserErrorRpCollectionLimitReached", dynamic_text=HOSTILE, errors=(JobError(1, HOSTILE, HOSTILE, (HOSTILE,)), JobError(2, "UserErrorRpCollectionLimitReached")))  # fmt: skip
    evil = lock(SERVICE_GROUP, name=HOSTILE)
    read = replace(sick, jobs=(odd,), locks=(evil,))
    ended = offline(read, tmp_path, "--vm", "sql1", "-o", form)

    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "\u202e" not in ended.out
    assert "##vso[" not in ended.out


def test_none_writes_nothing_and_the_schema_is_one(tmp_path: Path) -> None:
    assert offline(sick, tmp_path, "--vm", "sql1", "-o", "none").out == ""
    Draft202012Validator.check_schema(schema("diagnosis"))
    assert schema("diagnosis")["$defs"]["finding"] == schema("scan")["$defs"]["finding"]
    assert json.loads(azremedy("schema", "diagnosis").out) == schema("diagnosis")


def test_what_no_verdict_tells_of_is_named_too(tmp_path: Path) -> None:
    gap = Unread(Read.DISKS, ArmId(SUBSCRIPTION), "not yours", 403, "AuthorizationFailed")
    ended = offline(replace(sick, unread=(gap,)), tmp_path)

    assert ended.code == 3
    assert "Not evaluated:\n" in ended.out
    assert "\n  disk-size: disks not read: not yours\n" in ended.out


def test_a_finding_beside_the_causes_is_named_once(desk: Desk) -> None:
    shown = desk("diagnose", "--vm", "sql1", "-s", "demo", COLUMNS="300").out

    assert shown.count("1024 GiB") == 1
    assert "Also found:\n  info  disk-size  disk" in shown


def test_two_subscriptions_are_one_too_many(desk: Desk) -> None:
    ended = desk("diagnose", "--vm", "sql1", "-s", "demo", "-s", "nothing")

    assert ended.code == 2
