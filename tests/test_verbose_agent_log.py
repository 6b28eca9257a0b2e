"""`azremedy fix --verbose-agent-log`: an agent of Linux logs more where somebody names its VM, and no more afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from building import GUARDED, estate, item, linux, lock, vm, windows
from commands import document, written
from sandboxed import Lab
from sandboxed import vm as machine
from test_agent_service import linux_guest, ran
from test_guest_cures import SPEED, Sick, at, cure_of, cures, inside
from test_sandbox_guest import WALLS

from azremedy.apply.shapes import refusal
from azremedy.arm import Request
from azremedy.guest import Script, verbose_log
from azremedy.plan import ByHand, Choices, steps
from azremedy.planning import plan
from azremedy.resources import Setting

FLAG = "--verbose-agent-log"
CONF = "/etc/waagent.conf"


def planned(told: Any, choices: Choices) -> Any:
    return plan(estate(vm(os="Linux"), item(), told), [], choices)


def named(**vms: bool) -> Choices:
    return Choices(allow=GUARDED.allow, verbose_agent_log=frozenset(vms.items()))


def holding(value: str | None) -> Any:
    return linux(config=() if value is None else (Setting("Logs.Verbose", value),))


class TestPlans:
    @pytest.mark.parametrize(
        ("now", "on", "then"),
        [("n", True, "y"), ("N", True, "y"), (None, True, "y"), ("y", False, "n"), ("Y", False, "n")],
    )
    def test_the_line_is_set_and_the_old_one_or_none_put_back(
        self, now: str | None, on: bool, then: str
    ) -> None:
        [group] = planned(holding(now), named(sql1=on)).groups
        [step] = steps(*group.nodes)

        assert isinstance(step.undo, Request)
        assert (step.request.body, step.undo.body) == (
            verbose_log(now, then).body,
            verbose_log(then, now).body,
        )
        assert [(one.path, one.value) for one in (step.before[-1], step.after[-1])] == [
            ("config.[key=Logs.Verbose].value", now), ("config.[key=Logs.Verbose].value", then),
        ]  # fmt: skip
        assert (refusal(step.request), refusal(step.undo)) == (None, None)
        assert step.changes_vm == vm().id
        assert group.cures[0].findings == ()

    def test_a_vm_is_named_by_its_id_as_well(self) -> None:
        assert len(planned(holding("n"), named(**{vm().id.key: True})).groups) == 1

    @pytest.mark.parametrize(
        ("told", "on"),
        [
            pytest.param(holding("y"), True, id="it logs more already"),
            pytest.param(holding("n"), False, id="it logs no more already"),
            pytest.param(holding(None), False, id="there is no such line"),
            pytest.param(holding("yes"), True, id="a value that could not be put back"),
            pytest.param(linux(config=None), True, id="there is no such file"),
            pytest.param(windows(), True, id="it is Windows"),
        ],
    )
    def test_nothing_is_done_where(self, told: Any, on: bool) -> None:
        made = planned(told, named(sql1=on))

        assert (made.groups, made.by_hand) == ((), ())

    def test_nothing_is_done_at_a_vm_that_is_not_named(self) -> None:
        assert planned(holding("n"), named(sql2=True)).groups == ()
        assert planned(holding("n"), Choices(allow=GUARDED.allow)).groups == ()

    def test_it_is_guarded(self) -> None:
        made = planned(holding("n"), Choices(verbose_agent_log=frozenset({("sql1", True)})))

        assert made.groups == ()
        assert [(one.reason, one.finding) for one in made.by_hand] == [
            ("to have the agent log otherwise needs --allow guarded", "")
        ]

    def test_a_lock_in_its_way_that_may_not_be_lifted_is_told_of(self) -> None:
        read = estate(vm(os="Linux"), item(), holding("n"), lock("", "ReadOnly"))
        [refused] = plan(read, [], named(sql1=True)).by_hand

        assert isinstance(refused, ByHand)
        assert "lock" in refused.reason

    def test_another_value_in_the_script_may_not_leave(self) -> None:
        lines = ("old='n' new='y; reboot'", *verbose_log("n", "y").lines[1:])

        assert refusal(Script("altered", "linux", lines).on(vm().id)) is not None


@pytest.mark.parametrize("wall", WALLS)
class TestTheScript:
    @pytest.mark.parametrize(
        ("before", "old", "new", "after"),
        [
            ("A=1\nLogs.Verbose=n\nB=2\n", "n", "y", "A=1\nLogs.Verbose=y\nB=2\n"),
            ("A=1\nLogs.Verbose=y\n", "y", None, "A=1\n"),
            ("A=1\n", None, "y", "A=1\nLogs.Verbose=y\n"),
            ("A=1", None, "y", "A=1\nLogs.Verbose=y\n"),
            ("# Logs.Verbose=n\nA=1\n", None, "y", "# Logs.Verbose=n\nA=1\nLogs.Verbose=y\n"),
        ],
    )
    def test_changes_this_line_and_restarts_the_agent_later(
        self, wall: bool, before: str, old: str | None, new: str | None, after: str
    ) -> None:
        came = ran(linux_guest(files={CONF: before}), verbose_log(old, new), wall=wall)

        assert came.guest.files[CONF] == after, came.err
        assert (came.cut, came.restarts) == (False, True)
        assert [name for name in came.guest.files if "azremedy" in name] == []

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("Logs.Verbose=y\n", "not as it was"),
            ("A=1\n", "not as it was"),
            ("Logs.Verbose=n\nLogs.Verbose=n\n", "not as it was"),
            ("Logs.Verbose = n\n", "not as it was"),
            (None, "there is no"),
        ],
        ids=["another value", "no such line", "twice", "blanks", "no file"],
    )
    def test_leaves_what_it_did_not_expect(self, wall: bool, content: str | None, says: str) -> None:
        before = linux_guest(files={CONF: content})
        came = ran(before, verbose_log("n", "y"), wall=wall)

        assert says in came.err
        assert (came.guest, came.restarts) == (before, False)


WELL = Sick("agent-service", "C3", machine("web1", os="Linux"))


def told(desk: Any, *flags: str, apply: bool = False) -> Any:
    more = ("--apply", "--yes") if apply else ()
    return desk("fix", "-s", "demo", "--guest", "--now", "--allow", "guarded", "-o", "json", *flags, *more)


@pytest.mark.slow
def test_on_and_off_and_taken_back(tmp_path: Path) -> None:
    with at(tmp_path, WELL) as desk:
        lab = Lab(desk.sandbox, speed=SPEED)
        before = inside(lab, WELL)
        shown = told(desk, FLAG, "web1=on")
        assert (shown.code, len(document(shown)["groups"]), cures(desk)) == (0, 1, [])

        done = told(desk, FLAG, "WEB1=ON", apply=True)
        assert [one["outcome"] for one in document(done)["steps"]] == ["applied"], done.err
        assert done.code == 0, done.err
        assert inside(lab, WELL)["config"]["Logs.Verbose"] == "y"
        assert "logs more already" in told(desk, FLAG, "web1=on").err

        lab.job(name="web1")
        [run] = [
            one["run"] for one in json.loads(desk("runs", "-o", "json").out)
            if one["writes"] and cure_of(desk, one["run"])
        ]  # fmt: skip
        back = desk("rollback", run, "--yes", "--allow", "guarded", AZREMEDY_SUBSCRIPTION="demo")
        assert back.code == 0, back.err + back.out
        assert inside(lab, WELL) == before
        lab.close()


@pytest.mark.slow
def test_a_plan_that_was_saved_says_whom_it_was_asked_for_and_does_it(tmp_path: Path) -> None:
    with at(tmp_path, WELL) as desk:
        file, page = tmp_path / "plan.json", tmp_path / "plan.html"
        shown = told(desk, FLAG, "web1=on", "--save", str(file), "--report", f"html={page}")
        assert document(shown)["choices"]["verboseAgentLog"] == [{"vm": "web1", "on": True}]
        assert "log more" in page.read_text(encoding="utf-8")
        done = desk("fix", "--apply", "--plan", file, "--yes", "--now", "-o", "json")

        assert [one["outcome"] for one in document(done)["steps"]] == ["applied"], done.err


def test_nothing_names_the_vm_where_names_are_masked(tmp_path: Path) -> None:
    with at(tmp_path, Sick("", "", machine("payroll7", os="Linux"))) as desk:
        ended = told(desk, FLAG, "payroll7=on", "--mask")

    [asked] = document(ended)["choices"]["verboseAgentLog"]
    assert (ended.code, len(document(ended)["groups"]), asked["on"]) == (0, 1, True)
    assert "payroll7" not in ended.out + ended.err


class TestRefused:
    @pytest.mark.parametrize(
        ("flags", "says"),
        [
            ((FLAG, "web1=on"), "give --guest"),
            (("--guest", FLAG, "web1"), "is not of the form VM=on"),
            (("--guest", FLAG, "web1=maybe"), "is not of the form VM=on"),
            (("--guest", FLAG, "web1=on", FLAG, "web1=off"), "for on and for off"),
            (("--guest", FLAG, "web1=on", FLAG, "/subscriptions/x/web1=off"), "for on and for off"),
        ],
    )
    def test_before_anything_is_read(self, tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
        with at(tmp_path, WELL) as desk:
            ended = desk("fix", "-s", "demo", *flags)

            assert written(desk.sandbox) == []
        assert ended.code == 2
        assert says in ended.err

    def test_windows_has_no_such_setting(self, tmp_path: Path) -> None:
        with at(tmp_path, Sick("", "", machine("sql1"))) as desk:
            ended = told(desk, FLAG, "sql1=on", apply=True)

            assert cures(desk) == []
        assert ended.code == 2
        assert "sql1 has Windows" in ended.err
        assert "azremedy logs --vm sql1" in ended.err

    def test_a_name_that_is_nowhere(self, tmp_path: Path) -> None:
        with at(tmp_path, WELL) as desk:
            ended = told(desk, FLAG, "web2=on")

        assert ended.code == 2
        assert "No VM 'web2' is there" in ended.err

    @pytest.mark.parametrize(
        ("conf", "flag", "says"),
        [
            ("Logs.Verbose=y\n", "web1=on", "logs more already"),
            ("A=1\n", "web1=off", "logs no more than usual already"),
            ("Logs.Verbose=true\n", "web1=on", "set it by hand"),
            (None, "web1=on", "there is no /etc/waagent.conf"),
        ],
    )
    def test_what_is_left_as_it_is_is_told(
        self, tmp_path: Path, conf: str | None, flag: str, says: str
    ) -> None:
        with at(tmp_path, Sick("", "", machine("web1", os="Linux", guest={"files": {CONF: conf}}))) as desk:
            ended = told(desk, FLAG, flag)

        assert (ended.code, document(ended)["groups"]) == (0, [])
        assert says in ended.err
