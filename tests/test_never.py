"""Tries to make happen what must never happen: what is written, and to what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.rest import HttpRequest
from hostile import ALL, POINTS, SENTENCES, Breaking, Meddling, Ward, broken, locks_of, never, ward
from scenes import ADMITTED, LIMIT, NOTES, lock
from staging import EASY

from azremedy import journal as journals
from azremedy.apply import ArmClock, resume
from azremedy.arm import Json, Request, Writer
from azremedy.errors import WriteRefused
from azremedy.journal import Journal
from azremedy.plan import Choices, Outcome, steps
from azremedy.playbook import load
from azremedy.sandbox.answers import Answer, Call, ok

GROUP = "AzureBackupRG_westeurope_1"
LOCKED = broken("sql1", LIMIT, hours=32, points=POINTS, locks=[lock(GROUP)])
SILENT = broken(
    "dc1", "UserErrorGuestAgentStatusUnavailable", agent={"state": "not-ready", "back_after": "restart"}
)
BROKEN = broken(
    "app1", "ExtensionOperationFailedForManagedDisks", snapshot={"state": "failed", "listed": True}
)
CLOSED = broken(
    "web1", "ExtensionSnapshotFailedNoNetwork", os="Linux", nic={"subnet": "servers", "nsg": "closed"}
)
EVERYTHING = Choices(
    allow=ALL,
    lift_subscription_locks=True,
    delete_collection=frozenset({"sql1"}),
    power="on",
    resume_protection=frozenset({"sql1"}),
    exclude_luns={("sql1", 0): "scratch"},
)


def test_every_clause_is_tried() -> None:
    said = "".join(one.read_text(encoding="utf-8") for one in Path(__file__).parent.glob("test_never*.py"))
    tried = {(int(number), clause) for number, clause in re.findall(r'@never\((\d+), "([^"]+)"\)', said)}

    assert tried == {(number, clause) for number, of in SENTENCES.items() for clause in of}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Ward]:
    with ward(tmp_path, "demo") as made:
        yield made


class TestNever1AWriteInAScanOrADryRun:
    @never(1, "a write in a scan")
    @pytest.mark.parametrize("way", ["post", "pipeline", "disguised", "doubly"])
    def test_a_playbook_that_reaches_for_the_network_in_detect_is_refused(self, demo: Ward, way: str) -> None:
        reader = demo.session.reader
        vm = demo.find("/virtualmachines/sql1/instanceview").removesuffix("/instanceview")
        lock_ = demo.find("/locks/keep-everything")
        version = {"api-version": "2024-07-01"}

        def reach(_: object) -> Iterator[Any]:
            match way:
                case "post":
                    reader.post_read(f"{vm}/restart", {}, version)
                case "pipeline":
                    url = f"{demo.sandbox.url}{lock_}?api-version=2020-05-01"
                    reader._client.send_request(HttpRequest("DELETE", url))
                case "disguised":
                    reader.post_read(
                        f"{vm}/restart?x=/providers/microsoft.resourcegraph/resources", {}, version
                    )
                case _:
                    reader.post_read(
                        f"/providers/Microsoft.ResourceGraph/resources/../../..{vm}/restart", {}, version
                    )
            yield from ()

        playbook = replace(load()["restore-point-lock"], detect=reach)
        before = demo.state
        with pytest.raises(WriteRefused):
            demo.session.scan(playbooks=[playbook])

        assert demo.sent == []
        assert demo.state == before

    @never(1, "a write in a dry run")
    def test_nothing_but_the_flag_makes_a_dry_run_write(self, demo: Ward) -> None:
        meant = {f"AZREMEDY_{name}": "1" for name in ("APPLY", "YES", "NOW", "DRY_RUN", "KEEP_UNLOCKED")}
        meant |= {"AZREMEDY_ALLOW": "destructive", "AZREMEDY_CONFIRM": "*", "AZREMEDY_SEVERITY": "info"}
        before = demo.state
        for line in (
            ["scan", "-s", "demo"],
            ["fix", "-s", "demo"],
            ["fix", "-s", "demo", "--allow", "destructive", "--allow", "guarded", "--severity", "suspected",
             "--delete-collection", "sql1", "--lift-subscription-locks", "--as", "az"],
            ["resume"],
            ["runs"],
        ):  # fmt: skip
            assert demo.cli(*line, **meant).code in {0, 1, 2}

        assert demo.sent == []
        assert demo.state == before


class TestNever2ALockLiftedAndNotBack:
    @never(2, "a lifted lock that is not back")
    @pytest.mark.parametrize("nth", range(1, 9))
    def test_not_when_the_run_breaks_and_its_journal_is_torn(self, tmp_path: Path, nth: int) -> None:
        with ward(tmp_path, LOCKED) as made:
            before, seen = locks_of(made.state), made.look(ADMITTED, "restore-point-lock")
            with pytest.raises(MemoryError):
                made.carry_out(seen, wrap=lambda writer: Breaking(writer, nth))
            torn = made.journal.read_bytes()
            made.journal.write_bytes(torn[: -len(torn.splitlines()[-1]) // 2])
            run = journals.read(made.journal)
            with made.session.writer() as writer, Journal.append(made.journal) as journal:
                clock = ArmClock(writer, made.speed)
                resume(run, writer, journal, EASY, clock, made.told.append)

            assert any(one.startswith("DELETE") for one in made.sent)
            assert locks_of(made.state) == before

    @never(2, "a lock that is put back different")
    @pytest.mark.parametrize("member", ["level", "notes"])
    def test_the_lock_that_others_put_there_meanwhile_is_not_overwritten(
        self, tmp_path: Path, member: str
    ) -> None:
        theirs = {"level": "CanNotDelete", "notes": NOTES} | {member: "ReadOnly"}
        with ward(tmp_path, LOCKED) as made:
            name = made.find("/locks/")
            body, seen = made.state[name], made.look(ADMITTED, "restore-point-lock")

            def wrap(writer: Writer) -> Writer:
                return Meddling(writer, lambda: made.change(body["id"], "", {**body, "properties": theirs}))

            made.carry_out(seen, wrap=wrap)

            assert made.state[name]["properties"] == theirs
        assert any("az lock create" in line for line in made.told)

    @never(2, "a lock that is put back different")
    def test_a_lock_goes_back_with_every_letter_of_its_notes(self, tmp_path: Path) -> None:
        notes = "  two  blanks, a\ttab, \"quotes\" 'and' $(more)\nof\u202eit \U0001f512  "
        hard = {**LOCKED, "locks": [{**lock(GROUP), "notes": notes}]}
        with ward(tmp_path, hard) as made:
            before, seen = locks_of(made.state), made.look(ADMITTED, "restore-point-lock")
            made.carry_out(seen)

            assert [one.split()[0] for one in made.sent] == ["DELETE", "POST", "PUT"]
            assert locks_of(made.state) == before
            assert [one["notes"] for one in before.values()] == [notes]


ONLY_HERE = broken("sql1", LIMIT, hours=32, points=POINTS, backup={"instant_only": 18})


class TestNever3APointLostThatOnlyTheSnapshotTierHas:
    @never(3, "a restore point lost that only the snapshot tier has")
    def test_not_without_the_class_however_loudly_it_is_named(self, tmp_path: Path) -> None:
        with ward(tmp_path, {**ONLY_HERE, "locks": [lock(GROUP)]}) as made:
            choices = replace(EVERYTHING, allow=ADMITTED.allow)
            seen = made.look(choices, "restore-point-lock", "restore-point-limit")

        planned = [one.request for group in seen.plan.groups for one in steps(*group.nodes)]
        assert not [one for one in planned if "/restorepointcollections/" in one.id.key]

    @never(3, "a restore point lost that only the snapshot tier has")
    def test_not_point_by_point_even_with_the_class(self, tmp_path: Path) -> None:
        with ward(tmp_path, ONLY_HERE) as made:
            seen = made.look(Choices(allow=ALL), "restore-point-limit")

        assert seen.plan.groups == ()
        assert "of 0 it is sure" in seen.plan.by_hand[0].reason

    @never(3, "a restore point lost that only the snapshot tier has")
    def test_not_when_the_copy_goes_after_the_plan_was_made(self, tmp_path: Path) -> None:
        sick = broken("web2", LIMIT, hours=32, points={"count": 18, "every": 8, "newest": 32})
        with ward(tmp_path, sick) as made:
            seen = made.look(Choices(allow=ALL), "restore-point-limit")
            made.sandbox.instead = without_copies()
            before = [one for one in made.state if "/restorepoints/" in one]
            done = made.carry_out(seen).done

            assert done[0].outcome is Outcome.STALE
            assert made.sent == []
            assert [one for one in made.state if "/restorepoints/" in one] == before

    @never(3, "a restore point lost that only the snapshot tier has")
    def test_what_will_be_lost_is_on_screen_and_in_the_journal(self, tmp_path: Path) -> None:
        with ward(tmp_path, {**ONLY_HERE, "vms": [{**ONLY_HERE["vms"][0], "backup": {
            **ONLY_HERE["vms"][0]["backup"], "instant_only": 3}}]}) as made:  # fmt: skip
            named = ("fix", "-s", "demo", "--allow", "destructive", "--delete-collection", "sql1")
            shown = made.cli(*named, COLUMNS="400").out
            lost = re.findall(r"restore point (\S+) of [^:]+:\d\d UTC: no copy in the vault is known", shown)
            made.cli(*named, "--apply", "--yes", "--confirm", "sql1", "--journal", made.journal, "-o", "none")

            assert len(lost) == 3
            for point in lost:
                assert point in made.journal.read_text(encoding="utf-8").partition('"intend"')[0]


def without_copies() -> Any:
    """Has the vault hold no copy of any recovery point any more."""

    def instead(call: Call) -> Answer | None:
        if "/recoverypoints/" not in call.key:
            return None
        tiers = [{"type": "InstantRP", "status": "Valid"}, {"type": "HardenedRP", "status": "Deleted"}]
        properties = {"recoveryPointTierDetails": tiers, "isInstantIlrSessionActive": False}
        return ok({"id": call.path, "properties": properties})

    return instead


class TestNever4WhatIsNotProvenToBeThatVms:
    @never(4, "a collection touched that is not proven to be the VM's")
    def test_a_collection_of_the_right_name_in_the_right_place_but_of_another_source(
        self, tmp_path: Path
    ) -> None:
        with ward(tmp_path, ONLY_HERE | {"vms": [*two_of("sql1", "sql12")]}) as made:
            other = made.find("/virtualmachines/sql12/instanceview").removesuffix("/instanceview")
            [own] = [
                name
                for name in made.state
                if "/restorepointcollections/azurebackup_sql1_" in name and "/restorepoints/" not in name
            ]
            made.change(own, "properties.source.id", other)
            seen = made.look(EVERYTHING, "restore-point-limit", "restore-point-lock")

        assert not [one for one in planned(seen) if one.id.key.startswith(own)]

    @never(4, "a collection touched that is not proven to be the VM's")
    @pytest.mark.parametrize("whose", ["source", "vmId"])
    def test_a_collection_that_turns_out_to_be_anothers_after_the_plan(
        self, tmp_path: Path, whose: str
    ) -> None:
        sick = broken("web2", LIMIT, hours=32, points={"count": 18, "every": 8, "newest": 32})
        with ward(tmp_path, sick) as made:
            seen = made.look(Choices(allow=ALL), "restore-point-limit")
            for name in [one for one in made.state if "/restorepointcollections/" in one]:
                if whose == "vmId" and "/restorepoints/" in name:
                    made.change(name, "properties.sourceMetadata.vmId", "somebody-else")
                if whose == "source" and "/restorepoints/" not in name:
                    made.change(name, "properties.source.id", "/subscriptions/x/somebody-else")
            done = made.carry_out(seen).done

            assert done[0].outcome is Outcome.STALE
            assert made.sent == []

    @never(4, "a collection touched that is not proven to be the VM's")
    def test_a_whole_collection_with_a_point_of_a_namesake(self, tmp_path: Path) -> None:
        sick = broken("sql1", LIMIT, hours=32, points=POINTS)
        with ward(tmp_path, sick) as made:
            point = made.find("/restorepoints/", "_017")
            made.change(point, "properties.sourceMetadata.vmId", "a-namesake-before-it")
            seen = made.look(EVERYTHING, "restore-point-limit")

        assert seen.plan.groups == ()
        assert "holds points of another VM of that name" in seen.plan.by_hand[0].reason

    @never(4, "an NSG or extension touched that is not proven to be the VM's")
    def test_an_nsg_that_the_vm_does_not_hang_on_any_more(self, tmp_path: Path) -> None:
        with ward(tmp_path, CLOSED) as made:
            wires = [one for one in made.state if "/networkinterfaces/" in one]
            for one in wires:
                made.change(one, "properties.networkSecurityGroup", None)
            seen = made.look(EVERYTHING, "storage-egress")

        assert planned(seen) == []


def two_of(*names: str) -> Iterator[Json]:
    for name in names:
        yield broken(name, LIMIT, hours=32, points=POINTS)["vms"][0]


def planned(seen: Any) -> list[Request]:
    return [one.request for group in seen.plan.groups for one in steps(*group.nodes)]


class TestNever5WhatBelongsToOthers:
    @never(5, "a customer's own restore points touched")
    @pytest.mark.parametrize("name", ["mine", "AzureBackup_mine", "AzureBackup_sql12"])
    def test_a_customers_collection_that_fills_the_limit(self, tmp_path: Path, name: str) -> None:
        held = [{"count": 1, "newest": 32}, {"count": 17, "collection": name}]
        with ward(tmp_path, broken("sql1", LIMIT, hours=32, points=held)) as made:
            seen = made.look(EVERYTHING, "restore-point-limit", "restore-point-lock")

        assert not [one for one in planned(seen) if f"/{name.lower()}" in one.id.key]

    @never(5, "another vendor's extension touched")
    @pytest.mark.parametrize("member", ["publisher", "type"])
    def test_an_extension_that_turns_out_to_be_another_vendors(self, tmp_path: Path, member: str) -> None:
        with ward(tmp_path, BROKEN) as made:
            seen = made.look(ADMITTED, "vmsnapshot-extension")
            made.change(made.find("/extensions/vmsnapshot"), f"properties.{member}", "Acme.Scanner")
            done = made.carry_out(seen).done

            assert [one.outcome for one in done] == [Outcome.STALE]
            assert made.sent == []

    @never(5, "a service-owned lock touched")
    def test_a_lock_that_gets_an_owner_after_the_plan(self, tmp_path: Path) -> None:
        with ward(tmp_path, LOCKED) as made:
            seen = made.look(ADMITTED, "restore-point-lock")
            made.change(made.find("/locks/"), "properties.owners", [{"applicationId": "theirs"}])
            done = made.carry_out(seen).done

            assert done[0].outcome is Outcome.STALE
            assert made.sent == []

    @never(5, "a service-owned lock touched")
    @pytest.mark.parametrize(
        ("sick", "scope"),
        [(LOCKED, GROUP), (LOCKED, "subscription"), (SILENT, "shop"), (BROKEN, "app1"), (CLOSED, "network")],
    )
    def test_a_lock_with_an_owner_in_the_way_of_any_cure(
        self, tmp_path: Path, sick: Mapping[str, Any], scope: str
    ) -> None:
        owned = {**lock(scope, "ReadOnly"), "owners": ["5a6db0c5-0000-4000-8000-0000000000aa"]}
        with ward(tmp_path, {**sick, "locks": [owned]}) as made:
            seen = made.look(EVERYTHING)
            made.carry_out(seen)

            assert not [one for one in made.sent if "/locks/" in one]


class TestNever6AVmChangedAtTheWrongTime:
    @never(6, "a VM changed while a backup of it runs")
    def test_a_backup_that_starts_after_the_plan_and_whatever_now_overrides(self, tmp_path: Path) -> None:
        with ward(tmp_path, SILENT, speed=60) as made:
            seen = made.look(ADMITTED, "agent-unresponsive")
            item = made.find("/protecteditems/vm;iaasvmcontainerv2;shop;dc1")
            item = item.partition(";dc1/")[0] if item.count("/") > 14 else item
            with made.session.writer() as writer:
                writer.get(item, {"api-version": "2024-04-01"})
                body = {"properties": {"objectType": "IaasVMBackupRequest"}}
                writer.send(Request("POST", seen.estate.items[0].id, "backup", body))
            made.sandbox.clear()
            done = made.carry_out(seen, replace(EASY, now=True)).done

            assert done[0].outcome is Outcome.DEFERRED
            assert made.sent == []

    @never(6, "a VM changed while a backup of it is due")
    @pytest.mark.parametrize("minutes", [14, -119])
    def test_shortly_before_the_schedule_and_as_long_as_the_days_job_is_not_seen(
        self, tmp_path: Path, minutes: int
    ) -> None:
        with ward(tmp_path, SILENT, speed=60) as made:
            seen = made.look(ADMITTED, "agent-unresponsive")
            start = made.sandbox.now + timedelta(minutes=minutes)
            times = [f"2024-01-01T{start:%H:%M}:00Z"]
            made.change(
                made.find("/backuppolicies/daily"), "properties.schedulePolicy.scheduleRunTimes", times
            )
            done = made.carry_out(seen, replace(EASY, now=False)).done

            assert done[0].outcome is Outcome.DEFERRED
            assert made.sent == []
