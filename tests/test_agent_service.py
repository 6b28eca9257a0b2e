"""The VM agent's service does not run, or is not kept running."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from building import (
    cured,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    linux,
    policy,
    undecided,
    vm,
    windows,
)
from commands import document
from test_guest_cures import UNIT, at, cures, fix
from test_sandbox_guest import WALLS

from azremedy.apply import expect
from azremedy.apply.shapes import refusal
from azremedy.arm import Request
from azremedy.causes import causes
from azremedy.guest import (
    RESTART,
    Script,
    answers,
    keep_agent,
    keep_agents,
    keep_no_agent,
    keep_no_agents,
    restart_agents,
)
from azremedy.guest import windows as scripts
from azremedy.plan import Expect, FixClass, Irreversible, Step, View
from azremedy.plan import Test as Is
from azremedy.playbook import Severity, load
from azremedy.resources import Service
from azremedy.sandbox.description import Fault, Vm
from azremedy.sandbox.guest import linux as on_linux
from azremedy.sandbox.guest import whole
from azremedy.sandbox.guest import windows as on_windows
from azremedy.sandbox.inside import Guest
from azremedy.sandbox.inside import Service as Unit

ID = "agent-service"
S1 = "UserErrorGuestAgentStatusUnavailable"
OTHER = "UserErrorRpCollectionLimitReached"
RD, GA = "RdAgent", "WindowsAzureGuestAgent"
WELL = {RD: Service(RD, "Running", "Auto"), GA: Service(GA, "Running", "Auto")}
RECOVERS = (f"recovery: {RD}", f"recovery: {GA}")


def services(*changed: Service) -> Any:
    """Return a Windows guest with these services of the agent instead of healthy ones."""
    return windows(services=tuple({**WELL, **{one.name: one for one in changed}}.values()))


def unit(state: str = "active", start: str = "enabled", name: str = "waagent", **more: Any) -> Any:
    return linux(agent=Service(name, state, start), **more)


def failed(code: str = S1) -> tuple[Any, ...]:
    return failed_item(), failed_job(code)


@pytest.mark.parametrize(
    ("os", "told", "says"),
    [
        ("Windows", services(Service(RD, "Stopped", "Auto")), "RdAgent is Stopped"),
        ("Windows", services(Service(GA, "Stop Pending", "Auto")), "WindowsAzureGuestAgent is Stop Pending"),
        ("Windows", services(Service(GA, "Running", "Manual")), "its start mode is Manual"),
        ("Windows", services(Service(RD, "Running", "Disabled")), "does not start with Windows"),
        ("Windows", windows(services=(WELL[GA],)), "RdAgent is not there"),
        ("Linux", unit(start="disabled"), "waagent is disabled: it is not started after a restart"),
        ("Linux", unit(start="masked"), "waagent is masked"),
        ("Linux", unit(state="inactive"), "something else has started it"),
        ("Linux", unit(state="failed"), "something else has started it"),
    ],
)  # fmt: skip
def test_a_service_that_does_not_run_or_will_not_is_suspected_and_borne_out_by_a_failed_backup(
    os: str, told: Any, says: str
) -> None:
    [suspected] = found(ID, estate(vm(os=os), item(), told))
    [borne_out] = found(ID, estate(vm(os=os), *failed(), told))
    [unlike] = found(ID, estate(vm(os=os), *failed(OTHER), told))

    assert says in suspected.message
    assert [one.severity for one in (suspected, borne_out, unlike)] == [
        Severity.SUSPECTED, Severity.CORROBORATED, Severity.SUSPECTED,
    ]  # fmt: skip


@pytest.mark.parametrize("restart", ["no", "on-success", "NO"])
def test_a_unit_that_is_not_started_again_is_information_unless_a_backup_failed_for_want_of_it(
    restart: str,
) -> None:
    told = unit(restart=restart)
    [news] = found(ID, estate(vm(os="Linux"), *failed(OTHER), told))
    [borne_out] = found(ID, estate(vm(os="Linux"), *failed(), told))

    assert f"Restart={restart}" in news.message
    assert (news.severity, borne_out.severity) == (Severity.INFO, Severity.CORROBORATED)


def test_a_windows_that_names_no_service_of_the_agent_is_not_judged() -> None:
    read = estate(vm(), item(), windows(services=(Service("MSDTC", "Running", "Auto"),)))

    assert found(ID, read) == []
    assert "named no service" in undecided(ID, read)[0].because


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(vm(), *failed(), windows()), id="both services run and start with Windows"),
        pytest.param(
            estate(vm(), item(), services(Service("rdagent", "RUNNING", "AUTO"), Service(GA, "running", "auto"))),
            id="they are spelled otherwise",
        ),
        pytest.param(estate(vm(), item(), services(Service(RD, "Start Pending", "Auto"))), id="one is starting"),
        pytest.param(
            estate(vm(), item(), services(Service("WindowsAzureTelemetryService", "Stopped", "Manual"))),
            id="another service of Azure's is stopped",
        ),
        pytest.param(
            estate(vm(), item(), replace(windows())), id="Windows does nothing when one ends, as nobody advises it"
        ),
        pytest.param(estate(vm(os="Linux"), *failed(), linux()), id="the unit is as it is shipped"),
        pytest.param(estate(vm(os="Linux"), *failed(), unit(restart="on-failure")), id="it is started again when it fails"),
        pytest.param(estate(vm(os="Linux"), item(), unit(start="static")), id="another unit starts it"),
        pytest.param(estate(vm(os="Linux"), item(), unit(start="Enabled", restart="Always")), id="another spelling"),
        pytest.param(estate(vm(os="Linux"), item(), unit(state="activating")), id="it is starting"),
        pytest.param(estate(vm(os="Linux"), *failed(), linux(agent=None, restart=None)), id="there is no systemd"),
        pytest.param(estate(vm(), *failed()), id="nobody asked inside"),
        pytest.param(
            estate(vm(), item(), services(Service(RD, "Stopped", "Auto")), power="deallocated"), id="the VM does not run"
        ),
        pytest.param(
            estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), services(Service(RD, "Stopped", "Auto"))),
            id="the policy is crash-consistent",
        ),
        pytest.param(estate(vm(), services(Service(RD, "Stopped", "Auto"))), id="no vault backs it up"),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), services(Service(RD, "Stopped", "Auto"))),
            id="protection is stopped",
        ),
    ],
)  # fmt: skip
def test_stays_silent_when(healthy: Any) -> None:
    assert found(ID, healthy) == []


def nodes(*read: Any, os: str = "Linux") -> list[Step]:
    made = cured(ID, estate(vm(os=os), *read)).nodes
    assert all(isinstance(one, Step) for one in made)
    return [one for one in made if isinstance(one, Step)]


def guest_of(expected: tuple[Expect, ...]) -> list[tuple[str, Any]]:
    """Return what is expected inside, by path."""
    inside = {View.WINDOWS_GUEST, View.LINUX_GUEST}
    return [(one.path, one.value) for one in expected if one.view in inside]


class TestPlans:
    @pytest.mark.parametrize(
        ("told", "start", "again"),
        [
            (unit(start="disabled"), True, False),
            (unit(start="disabled", restart="no"), True, True),
            (unit(restart="no"), False, True),
        ],
    )
    def test_systemd_keeps_the_agent_up_and_a_way_back_to_how_it_was(
        self, told: Any, start: bool, again: bool
    ) -> None:
        first, second = nodes(*failed(), told)
        paths = [*(["agent.start"] if start else []), *(["restart"] if again else [])]

        assert isinstance(first.undo, Request)
        assert first.request.body == keep_agent(start=start, again=again).body
        assert first.undo.body == keep_no_agent(start=start, again=again).body
        assert [path for path, _ in guest_of(first.before)] == paths
        assert [path for path, _ in guest_of(first.after)] == paths
        assert second.request.body == RESTART.body
        assert first.fix_class is second.fix_class is FixClass.GUARDED
        assert first.changes_vm == second.changes_vm == vm().id

    def test_a_restart_counts_once_the_agent_has_reported_minutes_after_the_script(self) -> None:
        *_, restart = nodes(*failed(), unit(start="disabled"))

        assert isinstance(restart.undo, Irreversible)
        assert [(one.view, one.test, one.value) for one in restart.after] == [
            (View.INSTANCE_VIEW, Is.NEWER, 180),
            (View.LINUX_GUEST, Is.EQUALS, "active"),
        ]

    def test_an_agent_that_no_backup_failed_for_is_not_restarted(self) -> None:
        [step] = nodes(item(), unit(start="disabled"))
        [on_windows_] = nodes(item(), services(Service(RD, "Running", "Manual")), os="Windows")

        assert step.request.body == keep_agent(start=True, again=False).body
        assert on_windows_.request.body == keep_agents({RD: "Automatic"}, [RD, GA]).body

    def test_windows_starts_with_its_agent_and_a_stopped_service_is_started(self) -> None:
        first, second = nodes(item(), services(Service(RD, "Stopped", "Disabled")), os="Windows")

        assert isinstance(first.undo, Request)
        assert first.request.body == keep_agents({RD: "Automatic"}, [RD, GA]).body
        assert first.undo.body == keep_no_agents({RD: "Disabled"}, [RD, GA]).body
        assert guest_of(first.before) == [
            (f"services.{RD}.start", "Disabled"), (f"marks.recovery: {RD}", None), (f"marks.recovery: {GA}", None),
        ]  # fmt: skip
        assert guest_of(first.after) == [
            (f"services.{RD}.start", "Auto"), (f"marks.recovery: {RD}", True), (f"marks.recovery: {GA}", True),
        ]  # fmt: skip
        assert second.request.body == restart_agents([RD]).body
        assert guest_of(second.before) == [(f"services.{RD}.state", "Stopped")]
        assert guest_of(second.after) == [(f"services.{RD}.state", "Running")]

    def test_what_windows_does_already_when_the_agent_ends_is_left_alone(self) -> None:
        stopped = windows(services=(Service(RD, "Stopped", "Auto"), WELL[GA]), marks=RECOVERS)
        [step] = nodes(item(), stopped, os="Windows")

        assert step.request.body == restart_agents([RD]).body

    def test_where_both_run_and_a_backup_failed_both_are_restarted(self) -> None:
        *_, restart = nodes(*failed(), services(Service(GA, "Running", "Manual")), os="Windows")

        assert restart.request.body == restart_agents([RD, GA]).body

    @pytest.mark.parametrize(
        ("os", "told", "says"),
        [
            ("Windows", windows(services=(WELL[GA],)), "RdAgent is not there: install the VM agent anew"),
            ("Windows", services(Service(RD, "Running", "Boot")), "Set-Service -Name RdAgent"),
            ("Linux", unit(start="masked"), "over SSH"),
            ("Linux", unit(state="failed"), "over SSH"),
            ("Linux", unit(state="inactive", start="disabled"), "over SSH"),
        ],
    )
    def test_the_rest_is_left_to_a_person(self, os: str, told: Any, says: str) -> None:
        assert says in left(ID, estate(vm(os=os), *failed(), told)).reason

    def test_where_a_service_is_missing_a_person_is_told_each_step_up_to_the_address_of_the_installer(
        self,
    ) -> None:
        told = left(ID, estate(vm(os="Windows"), *failed(), windows(services=(WELL[RD],)))).reason
        steps = (
            "net stop RdAgent",
            "sc.exe delete RdAgent",
            "Programs and Features",
            "LinkID=394789",
            "msiexec.exe /i",
        )

        assert "WindowsAzureGuestAgent is not there" in told
        assert "delete WindowsAzureGuestAgent" not in told
        places = [told.find(step) for step in steps]
        assert -1 not in places
        assert places == sorted(places)
        assert load()[ID].causes == ("C2", "C3")
        assert any("LinkID=394789" in line for line in causes()["C2"].by_hand)

    def test_every_script_and_its_way_back_may_leave_and_others_like_them_may_not(self) -> None:
        told = (
            unit(start="disabled", restart="no"),
            services(Service(RD, "Stopped", "Disabled"), Service(GA, "Running", "Manual")),
        )
        for os, one in zip(("Linux", "Windows"), told, strict=True):
            for step in nodes(*failed(), one, os=os):
                assert refusal(step.request) is None
                assert not isinstance(step.undo, Request) or refusal(step.undo) is None
        for lines in (
            scripts.keep_agents({"MSDTC": "Automatic"}, []),
            scripts.keep_agents({RD: "Boot"}, []),
            scripts.keep_agents({}, ["VSS"]),
            scripts.restart_agents(["MSDTC"]),
            tuple(line.replace("what='start'", "what='start; reboot'") for line in keep_agent(start=True, again=False).lines),
        ):  # fmt: skip
            os = "linux" if lines[0].startswith("what") else "windows"
            assert refusal(Script("altered", os, lines).on(vm().id)) is not None


def linux_guest(**given: Any) -> Guest:
    return whole(Vm(name="web1", group="shop", os="Linux", guest=Guest(**given)))


def ran(inside: Guest, script: Script, *, wall: bool = False) -> Any:
    return on_linux.run(inside, "2.11", script.lines, wall=wall)


DROP_IN = "/etc/systemd/system/walinuxagent.service.d/azremedy-restart.conf"
BARE = {"services": {"walinuxagent": Unit(start="disabled", restart="no")}}


@pytest.mark.parametrize("wall", WALLS)
class TestOnLinux:
    def test_the_unit_is_enabled_and_started_again_and_back_as_if_nothing_had_been(self, wall: bool) -> None:
        before = linux_guest(**BARE)
        after = ran(before, keep_agent(start=True, again=True), wall=wall)
        again = ran(after.guest, keep_no_agent(start=True, again=True), wall=wall)

        assert after.guest.services["walinuxagent"].start == "automatic", after.err
        assert after.guest.files[DROP_IN] == "[Service]\nRestart=always\nRestartSec=5\n"
        assert (after.cut, after.restarts) == (False, False)
        assert again.guest == before

    def test_only_what_is_named_is_changed(self, wall: bool) -> None:
        before = linux_guest(**BARE)
        enabled = ran(before, keep_agent(start=True, again=False), wall=wall).guest
        again = ran(before, keep_agent(start=False, again=True), wall=wall).guest

        assert (enabled.services["walinuxagent"].start, DROP_IN in enabled.files) == ("automatic", False)
        assert (again.services["walinuxagent"].start, DROP_IN in again.files) == ("disabled", True)

    def test_somebody_elses_file_that_says_otherwise_wins_and_is_told_of(self, wall: bool) -> None:
        theirs = DROP_IN.replace("azremedy-restart", "local")
        before = linux_guest(**BARE, files={theirs: "[Service]\nRestart=no\n"})
        after = ran(before, keep_agent(start=False, again=True), wall=wall)

        assert "another file" in after.err
        assert after.guest == before

    def test_the_way_back_leaves_somebody_elses_file(self, wall: bool) -> None:
        theirs = DROP_IN.replace("azremedy-restart", "a-local")
        before = linux_guest(**BARE, files={theirs: "[Service]\nMemoryMax=1G\n"})
        kept = ran(before, keep_agent(start=False, again=True), wall=wall)

        assert ran(kept.guest, keep_no_agent(start=False, again=True), wall=wall).guest == before

    def test_the_restart_comes_once_the_script_is_over(self, wall: bool) -> None:
        after = ran(linux_guest(), RESTART, wall=wall)

        assert (after.cut, after.restarts) == (False, True)
        assert after.out == "walinuxagent is restarted in half a minute\n"

    def test_an_agent_without_a_unit_is_left_alone(self, wall: bool) -> None:
        bare = linux_guest(services={"walinuxagent": None})
        for script in (RESTART, keep_agent(start=True, again=True), keep_no_agent(start=True, again=True)):
            assert "no unit" in ran(bare, script, wall=wall).err


class TestOnWindows:
    @staticmethod
    def guest(**held: Unit) -> Guest:
        return whole(Vm(name="sql1", group="shop", guest=Guest(services=held)))

    def test_services_start_with_windows_and_recover_and_back(self) -> None:
        before = self.guest(RdAgent=Unit(state="stopped", start="disabled"))
        after = on_windows.run(before, keep_agents({RD: "Automatic"}, [RD, GA]).lines)
        back = on_windows.run(after.guest, keep_no_agents({RD: "Disabled"}, [RD, GA]).lines)

        def told(inside: Guest) -> Any:
            lines = on_windows.run(inside, scripts.PROBE).out
            return answers.answer(lines, "windows")

        assert (after.err, after.cut, after.restarts) == ("", False, False)
        assert told(after.guest)["services"][RD] == ["Stopped", "Auto"]
        assert set(told(after.guest)["marks"]) == set(RECOVERS)
        assert told(back.guest) == told(before)

    def test_a_task_starts_what_is_stopped_and_the_agent_comes_back(self) -> None:
        after = on_windows.run(self.guest(RdAgent=Unit(state="stopped")), restart_agents([RD]).lines)

        assert (after.cut, after.restarts) == (False, True)
        assert after.guest.services[RD] == Unit()

    def test_a_script_that_restarts_the_agent_itself_is_cut_off(self) -> None:
        assert on_windows.run(
            self.guest(), [f"Restart-Service -Name '{RD}' -Force -ErrorAction SilentlyContinue"]
        ).cut


@pytest.mark.parametrize(("seconds", "holds"), [(None, True), (179, True), (180, False), (600, False)])
def test_a_time_can_be_expected_some_seconds_after_the_send(seconds: int | None, holds: bool) -> None:
    sent = expect.when("2026-11-22T07:00:00Z")
    told = {"time": "2026-11-22T07:03:00Z"}

    assert expect.holds(Expect(vm().id, "time", Is.NEWER, seconds), told, sent) is holds


class TestWhetherARestartWasCarriedOut:
    def test_is_told_by_a_service_that_was_stopped_and_runs(self) -> None:
        *_, start = nodes(item(), services(Service(RD, "Stopped", "Auto")), os="Windows")

        assert expect.telling(start)

    def test_is_not_told_by_an_agent_that_reports_as_it_did_before(self) -> None:
        *_, restart = nodes(*failed(), unit(start="disabled"))

        assert not expect.telling(restart)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
def test_a_restart_whose_answer_is_lost_is_not_said_to_be_done_nor_sent_twice(
    tmp_path: Path, kind: Any
) -> None:
    with at(tmp_path, UNIT) as desk:
        # The sixth script: those before are the scan's probe, a look before and after the first step, and one before this.
        desk.sandbox.faults = [Fault(match="POST .*/runCommand", kind=kind, nth=6)]
        done = document(fix(desk, UNIT, "--apply", "--yes"))

        assert [one["outcome"] for one in done["steps"]] == ["applied", "unconfirmed"]
        assert "Nothing that can be read tells" in done["steps"][1]["reason"]
        assert len(cures(desk)) == 2
