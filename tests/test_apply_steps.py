"""Carrying out steps against a sandbox: each outcome, and what is known of a write whose answer never came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from applying import (
    EASY,
    ESTATE,
    EXTENSION,
    LOCK,
    NSG,
    PROPERTIES,
    RULE,
    Bench,
    allow,
    backup,
    bench,
    expect,
    gone,
    group,
    header,
    item,
    ladder,
    lift,
    outcomes,
    rung,
    step,
    uninstall,
    vm,
)

from azremedy.apply import Stop, carry_out
from azremedy.arm import ArmId, Request
from azremedy.journal import Journal
from azremedy.plan import Expect, Outcome, View
from azremedy.plan import Test as Is

A, S, D = Outcome.APPLIED, Outcome.STALE, Outcome.DEFERRED
K, U, F = Outcome.SKIPPED, Outcome.UNCONFIRMED, Outcome.FAILED


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def test_applies_a_rule_and_knows_it_by_reading(lab: Bench) -> None:
    [done] = lab.do(allow())

    assert (done.outcome, done.reason) == (A, None)
    rules = lab.body(NSG)["properties"]["securityRules"]
    assert {one["name"] for one in rules} == {"deny", "azremedy-web1"}
    assert lab.writes() == ["PUT securityRules/azremedy-web1"]
    assert lab.journal.finished


def test_follows_an_operation_to_its_end(lab: Bench) -> None:
    assert outcomes(lab.do(uninstall())) == [A]
    assert lab.body(EXTENSION) is None
    [entry] = lab.journal.entries
    assert entry.operation
    assert entry.operation.startswith(lab.sandbox.url)


def test_an_operation_that_fails_is_a_failure_with_its_code(lab: Bench) -> None:
    broken = {**ESTATE, "vms": [{**ESTATE["vms"][1], "agent": "not-ready"}]}
    with bench(lab.file.parent / "broken", broken) as other:
        [done] = other.do(uninstall())

    assert (done.outcome, done.code) == (F, "VMAgentStatusCommunicationError")


def test_a_refused_write_is_a_failure_with_its_code_and_ends_its_group(lab: Bench) -> None:
    point = next(one for one in lab.sandbox.snapshot() if "/restorepoints/" in one)

    done = lab.do(step(Request("DELETE", ArmId(point)), after=(gone(ArmId(point)),)), allow())

    assert outcomes(done) == [F, K]
    assert done[0].code == "ScopeLocked"
    assert len(lab.writes()) == 1


def test_one_group_gone_wrong_holds_up_no_other(lab: Bench) -> None:
    stale = replace(lift(), before=(expect(LOCK, "properties.level", "ReadOnly"),))

    result = lab.run(group(stale, id_="g1"), group(allow(), id_="g2"))

    assert [(one.group, one.outcome) for one in result.done] == [("g1", S), ("g2", A)]


def test_stops_after_so_many_groups_gone_wrong(lab: Bench) -> None:
    stale = replace(lift(), before=(expect(LOCK, "properties.level", "ReadOnly"),))

    result = lab.run(
        group(stale, id_="g1"),
        group(allow(), id_="g2"),
        settings=replace(EASY, stop_after=1, parallel=1),
    )

    assert outcomes(list(result.done)) == [S, K]
    assert lab.writes() == []


def test_what_changed_meanwhile_is_stale_and_nothing_is_sent(lab: Bench) -> None:
    lab.sandbox.change(str(LOCK), "properties.level", "ReadOnly")

    [done] = lab.do(lift())

    assert done.outcome is S
    assert done.reason == "Keep It: properties.level is 'ReadOnly', expected 'CanNotDelete'"
    assert lab.writes() == []
    assert lab.journal.outcomes == {"g1/0": "stale"}


def test_what_is_gone_meanwhile_is_stale(lab: Bench) -> None:
    lab.sandbox.change(str(EXTENSION), "", None)

    assert outcomes(lab.do(uninstall())) == [S]


def test_what_cannot_be_read_is_not_written(lab: Bench) -> None:
    lab.fault("GET .*/locks/Keep It", "status", status=403, code="AuthorizationFailed", times=None)

    [done] = lab.do(lift())

    assert (done.outcome, done.code) == (F, "AuthorizationFailed")
    assert "nothing was sent" in (done.reason or "")
    assert lab.writes() == []


def test_an_effect_that_is_not_seen_in_time_is_unconfirmed(lab: Bench) -> None:
    never = replace(allow(), after=(expect(RULE, "properties.access", "Deny"),), within=timedelta(minutes=1))

    [done] = lab.do(never)

    assert done.outcome is U
    assert "expected 'Deny'" in (done.reason or "")


def test_a_202_that_names_no_operation_is_not_success(lab: Bench) -> None:
    from azremedy.sandbox.answers import Answer  # noqa: PLC0415 - this test alone answers in ARM's place

    lab.sandbox.instead = lambda call: Answer(202) if call.method == "POST" else None

    [done] = lab.do(step(Request("POST", vm("app1"), "reapply")))

    assert done.outcome is U


@pytest.mark.parametrize(
    ("kind", "writes"), [("drop-before", 2), ("drop-after", 1)], ids=["dropped before", "dropped after"]
)
class TestAWriteWithoutAnAnswer:
    def test_a_delete_is_read_then_sent_again_only_where_it_did_not_happen(
        self, lab: Bench, kind: str, writes: int
    ) -> None:
        lab.fault("DELETE .*/locks/", kind)

        assert outcomes(lab.do(lift())) == [A]
        assert lab.body(LOCK) is None
        assert len(lab.writes()) == writes

    def test_a_put_is_read_then_sent_again_only_where_it_did_not_happen(
        self, lab: Bench, kind: str, writes: int
    ) -> None:
        lab.fault("PUT .*/securityRules/", kind)

        assert outcomes(lab.do(allow())) == [A]
        assert len(lab.writes()) == writes
        assert len(lab.body(NSG)["properties"]["securityRules"]) == 2

    def test_a_long_delete_happens_once(self, lab: Bench, kind: str, writes: int) -> None:
        lab.fault("DELETE .*/extensions/", kind)

        assert outcomes(lab.do(uninstall())) == [A]
        assert len(lab.writes()) == writes

    def test_a_post_never_goes_out_twice(self, lab: Bench, kind: str, writes: int) -> None:
        del writes  # whichever way it was lost, there is one
        lab.fault("POST .*/restart", kind)
        ready = expect(
            vm("app1"), "statuses.[code=PowerState/running].code", "PowerState/never", View.INSTANCE_VIEW
        )
        restart = step(Request("POST", vm("app1"), "restart"), after=(ready,), within=timedelta(minutes=1))

        [done] = lab.do(restart)

        assert (done.outcome, done.code) == (U, "FateUnknown")
        assert len(lab.writes()) == 1

    def test_a_backup_is_never_triggered_twice(self, lab: Bench, kind: str, writes: int) -> None:
        del writes  # as above
        lab.fault("POST .*/backup$", kind)

        [done] = lab.do(backup("app1"))

        assert done.outcome is (U if kind == "drop-before" else A)
        assert ('"job":' in lab.file.read_text("utf-8")) is (kind == "drop-after")
        assert len(lab.writes()) == 1


def test_sends_again_what_was_throttled(lab: Bench) -> None:
    lab.fault("DELETE", "status", status=429, code="TooManyRequests", retry_after=0.01)

    assert outcomes(lab.do(lift())) == [A]


def test_a_500_is_a_fate_unknown_and_is_read_first(lab: Bench) -> None:
    lab.fault("DELETE", "status", status=500)

    assert outcomes(lab.do(lift())) == [A]
    assert [one.method for one in lab.sandbox.requests if "locks" in one.path].count("GET") >= 4


def test_the_etag_that_was_read_is_sent(lab: Bench) -> None:
    sent: list[str | None] = []
    lab.sandbox.instead = lambda call: sent.append(call.if_match) if call.method == "PUT" else None
    etag = lab.body(NSG)["etag"]

    lab.do(allow())

    assert sent == [etag]


def test_what_is_rewritten_by_others_again_and_again_is_stale(lab: Bench) -> None:
    lab.fault("PUT .*/securityRules/", "status", status=412, code="PreconditionFailed", times=None)

    [done] = lab.do(allow())

    assert (done.outcome, done.code) == (S, "PreconditionFailed")
    assert len(lab.writes()) == 3
    assert len(lab.body(NSG)["properties"]["securityRules"]) == 1


def test_a_collection_whose_deletion_times_out_is_deleted_again(tmp_path: Path) -> None:
    sql1 = {**ESTATE["vms"][0], "points": {"count": 3, "timeouts": 2}}
    with bench(tmp_path, {**ESTATE, "vms": [sql1], "locks": []}) as lab:
        key = next(
            one for one in lab.sandbox.snapshot() if ArmId(one).type.endswith("restorepointcollections")
        )
        collection = ArmId(lab.body(ArmId(key))["id"])
        drop = step(
            Request("DELETE", collection),
            before=(expect(collection, "properties.source.id", str(vm("sql1"))),),
            after=(gone(collection),),
        )

        assert outcomes(lab.do(drop)) == [A]
        assert len(lab.writes()) == 3


class TestALadder:
    def test_stops_at_the_rung_that_was_enough(self, lab: Bench) -> None:
        done = lab.do(ladder("reapply", "restart", "redeploy"))

        assert outcomes(done) == [A, A, Outcome.NOT_NEEDED]
        assert [one.split("/")[-1] for one in lab.writes()] == ["reapply", "restart"]

    def test_that_was_not_enough_ends_its_group(self, lab: Bench) -> None:
        done = lab.do(ladder("reapply"), allow())

        assert outcomes(done) == [A, K]

    def test_goes_no_further_after_a_rung_of_unknown_fate(self, lab: Bench) -> None:
        lab.fault("POST .*/reapply", "drop-before")
        never = replace(
            rung("reapply"), after=(expect(vm("dc1"), "name", "other"),), within=timedelta(minutes=1)
        )

        done = lab.do(replace(ladder("restart"), rungs=(never, rung("restart"))))

        assert outcomes(done) == [U, K]
        assert len(lab.writes()) == 1


class TestPuttingOff:
    def test_while_a_backup_of_the_vm_runs(self, tmp_path: Path) -> None:
        with bench(tmp_path, speed=30) as lab:
            lab.writer.get(str(vm("app1")), {"api-version": "2024-07-01"})
            lab.writer.send(backup("app1").request)

            [done] = lab.do(uninstall())

        assert done.outcome is D
        assert "a backup of it has been running" in (done.reason or "")
        assert len(lab.writes()) == 1

    @pytest.mark.parametrize(
        ("operation", "status", "words"),
        [
            ("Restore", "InProgress", "a restore of it has been running"),
            ("ConfigureBackup", "InProgress", "a job (ConfigureBackup) of it has been running"),
            ("Backup", "Cancelling", "a backup of it has been running"),
        ],
    )
    def test_while_any_other_job_of_the_vm_runs(
        self, tmp_path: Path, operation: str, status: str, words: str
    ) -> None:
        with bench(tmp_path, speed=30) as lab:
            add_job(lab, "app1", started=lab.sandbox.now, by_user=True, operation=operation, status=status)

            [done] = lab.do(uninstall(), settings=replace(EASY, now=True))

        assert done.outcome is D
        assert words in (done.reason or "")
        assert lab.writes() == []

    def test_shortly_before_the_schedule_unless_told_otherwise(self, tmp_path: Path) -> None:
        with bench(tmp_path, speed=30) as lab:
            soon = lab.sandbox.now + timedelta(minutes=10)
            lab.sandbox.change(
                f"{VAULT_POLICY}",
                "properties.schedulePolicy.scheduleRunTimes",
                [f"2024-01-01T{soon:%H:%M}:00Z"],
            )

            [done] = lab.do(uninstall(), settings=replace(EASY, now=False))
            assert done.outcome is D
            assert f"its backup of {soon:%H:%M} UTC is due" in (done.reason or "")

            lab.file = tmp_path / "again.jsonl"
            assert outcomes(lab.do(uninstall(), settings=EASY)) == [A]

    def test_not_once_the_days_job_was_seen(self, tmp_path: Path) -> None:
        with bench(tmp_path, speed=30) as lab:
            ago = lab.sandbox.now - timedelta(hours=1)
            times = [f"2024-01-01T{ago:%H:%M}:00Z"]
            lab.sandbox.change(VAULT_POLICY, "properties.schedulePolicy.scheduleRunTimes", times)
            assert outcomes(lab.do(uninstall(), settings=replace(EASY, now=False))) == [D]
            add_job(lab, "app1", started=ago + timedelta(minutes=2), by_user=False)

            lab.file = tmp_path / "again.jsonl"
            assert outcomes(lab.do(uninstall(), settings=replace(EASY, now=False))) == [A]

    def test_where_it_cannot_be_read_whether_one_runs(self, lab: Bench) -> None:
        lab.fault("GET .*/backupJobs", "status", status=403, times=None)

        assert outcomes(lab.do(uninstall())) == [D]
        assert lab.writes() == []

    def test_a_backup_beyond_the_days_budget(self, tmp_path: Path) -> None:
        with bench(tmp_path, speed=30) as lab:
            for _ in range(7):
                add_job(lab, "app1", started=lab.sandbox.now, by_user=True)

            done = lab.do(backup("app1"), backup("dc1"))

        assert outcomes(done) == [D, A]
        assert "7 backups of it were started by hand today" in (done[0].reason or "")

    def test_a_restart_until_its_reason_was_seen_twice(self, tmp_path: Path) -> None:
        with bench(tmp_path, speed=60) as lab:
            lab.sandbox.instead = recovers_after(2)
            began = lab.sandbox.now
            done = lab.do(rung("restart"), settings=replace(EASY, settle=timedelta(minutes=1)))

            assert lab.sandbox.now - began >= timedelta(minutes=1)
        assert outcomes(done) == [S]
        assert lab.writes() == []
        [word] = lab.told
        assert "looked at once more in 1 min (--settle), and only then sent" in word


class TestALongWait:
    def test_is_told_of_once_with_what_is_waited_for_and_how_long(self, tmp_path: Path) -> None:
        never = replace(
            allow(), after=(expect(RULE, "properties.access", "Deny"),), within=timedelta(minutes=2)
        )
        with bench(tmp_path, speed=60) as lab:
            [done] = lab.do(never)

        assert done.outcome is U
        [word] = lab.told
        assert word.startswith(f"{never.summary}: waits up to 1.8 min more: ")
        assert "Deny" in word

    def test_that_is_ended_by_the_word_to_stop_is_why_the_next_rung_is_left(self, tmp_path: Path) -> None:
        stop = Stop()
        never = Expect(vm("dc1"), "properties.provisioningState", Is.EQUALS, "Never")
        with bench(tmp_path, speed=60) as lab:

            def told(word: str) -> None:
                lab.told.append(word)
                stop.event.set()

            climbing = replace(ladder("reapply", "restart"), until=(never,))
            with Journal.new(header(lab.sandbox), lab.file) as written:
                done = carry_out(
                    [group(climbing)], lab.writer, written, EASY, lab.clock, told, stop=stop
                ).done

        assert "whether that was enough" in lab.told[0]
        assert [one.outcome for one in done] == [A, K]
        assert done[1].reason == "The run was told to stop."

    def test_that_is_soon_over_is_not_told_of(self, tmp_path: Path) -> None:
        soon = replace(
            allow(), after=(expect(RULE, "properties.access", "Deny"),), within=timedelta(seconds=25)
        )
        with bench(tmp_path, speed=60) as lab:
            lab.do(soon, allow())

        assert lab.told == []

    def test_between_two_looks_is_told_of_from_half_a_minute_on(self, tmp_path: Path) -> None:
        with bench(tmp_path, speed=60) as lab:
            lab.do(rung("restart"), settings=replace(EASY, settle=timedelta(seconds=45)))

        assert any("looked at once more in 0.75 min" in word for word in lab.told)


VAULT_POLICY = f"{item('app1').text.partition('/backupFabrics')[0]}/backupPolicies/daily".replace(
    "/subscriptions/", "/Subscriptions/", 1
)


def recovers_after(reads: int):  # type: ignore[no-untyped-def]  # noqa: ANN201 - the sandbox's own hook, in one test
    """The agent of dc1 is ready from the second look on, as one that was only starting."""
    from azremedy.sandbox.answers import ok  # noqa: PLC0415 - this test alone answers in ARM's place

    seen: list[str] = []

    def instead(call):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as above
        if not call.path.endswith("dc1/instanceView"):
            return None
        seen.append(call.path)
        status = {"code": "ProvisioningState/succeeded", "time": "2026-01-01T00:00:00Z"}
        return ok({"vmAgent": {"statuses": [status]}}) if len(seen) >= reads else None

    return instead


def add_job(
    lab: Bench,
    name: str,
    *,
    started: datetime,
    by_user: bool,
    operation: str = "Backup",
    status: str = "Completed",
) -> None:
    number = len([one for one in lab.sandbox.snapshot() if "/backupjobs/" in one])
    id_ = f"{item(name).text.partition('/backupFabrics')[0]}/backupJobs/added-{number}"
    properties = {
        "containerName": f"iaasvmcontainerv2;shop;{name}",
        "operation": operation,
        "status": status,
        "backupManagementType": "AzureIaasVM",
        "startTime": f"{started:%Y-%m-%dT%H:%M:%S}Z",
        "isUserTriggered": by_user,
        "errorDetails": None,
        "extendedInfo": {},
    }
    lab.sandbox.change(id_, "", {"id": id_, "name": f"added-{number}", "properties": properties})


def test_the_journal_keeps_whole_only_what_holds_no_secret(lab: Bench) -> None:
    lab.do(uninstall(), allow())

    events = [json.loads(line) for line in lab.file.read_text("utf-8").splitlines()]
    kept = {one["step"]: one["body"] for one in events if one["event"] == "intend"}
    assert kept["g1/0"] == {"values": {f"{EXTENSION}#properties.type": "VMSnapshot"}}
    assert kept["g1/1"] == {"whole": None}
    left = next(
        one["left"]["whole"] for one in events if one["event"] == "confirmed" and one["step"] == "g1/1"
    )
    assert left["properties"]["priority"] == PROPERTIES["priority"]


def test_the_journal_holds_no_token(lab: Bench) -> None:
    lab.do(lift(), allow(), uninstall(), backup("app1"))

    text = lab.file.read_text("utf-8")
    assert "Bearer" not in text
    assert "eyJ" not in text
    assert lab.sandbox.client_secret not in text
