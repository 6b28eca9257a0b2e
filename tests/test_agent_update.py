"""The update of a Linux agent: from each distribution's repository, apart from Run Command, or not at all and why."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from building import GUARDED, cured, estate, item, left, linux, view, vm, windows
from commands import document
from test_guest_cures import OUTDATED, Sick, at, cures, fix
from test_sandbox_guest import WALLED, WALLS

from azremedy.guest import UPDATE, answers
from azremedy.plan import Irreversible, Step, View
from azremedy.sandbox.description import Vm
from azremedy.sandbox.guest import Outcome, whole
from azremedy.sandbox.guest import linux as inside
from azremedy.sandbox.inside import Guest, Service

OLD, NEW = "2.2.40-1", "2.11.1.12-1"
CONF = "Extensions.Enabled=y\nLogs.Verbose=y\n"


def guest(id_: str, package: str, unit: str, version: str = "9", **more: Any) -> Guest:
    """Return a Linux guest of a distribution, with an old agent."""
    given = {
        "services": {"walinuxagent": None, unit: Service()},
        "packages": {"walinuxagent": None, package: OLD},
        "available": {"walinuxagent": None, package: NEW},
        "files": {"/etc/os-release": f"ID={id_}\nVERSION_ID={version}\n", "/etc/waagent.conf": CONF},
    }
    return whole(Vm(name="web1", group="shop", os="Linux", guest=Guest(**{**given, **more})))


def ran(inside_: Guest, *, wall: bool) -> Outcome:
    return inside.run(inside_, "2.2.40", UPDATE.lines, wall=wall)


@pytest.mark.parametrize("wall", WALLS)
@pytest.mark.parametrize(
    "distribution",
    [
        ("ubuntu", "walinuxagent", "walinuxagent"),
        ("debian", "waagent", "walinuxagent"),
        ("rhel", "WALinuxAgent", "waagent"),
        ("ol", "WALinuxAgent", "waagent", "7.9"),
        ("azurelinux", "WALinuxAgent", "waagent", "3.0"),
        ("sles", "python-azure-agent", "waagent"),
        ("opensuse-leap", "python3-azure-agent", "waagent"),
    ],
)
class TestEachDistribution:
    def test_updates_its_package_and_restarts_its_unit_once_the_script_is_over(
        self, distribution: tuple[str, ...], wall: bool
    ) -> None:
        _, package, unit, *_ = distribution
        after = ran(guest(*distribution), wall=wall)

        assert after.guest.packages == {package: NEW}, after.err
        assert (after.cut, after.restarts) == (False, True)
        assert after.guest.files["/etc/waagent.conf"] == CONF
        assert after.out == f"{package} is updated in half a minute, and {unit} restarted\n"

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"held": True}, "held"),
            ({"available": {"walinuxagent": None}}, "the repositories do not answer"),
            ({"available": {"bash": "5.2-1", "walinuxagent": None}}, "no newer"),
        ],
        ids=["held", "no repository", "none newer"],
    )
    def test_leaves_all_as_it_is_and_says_why(
        self, distribution: tuple[str, ...], wall: bool, more: Any, says: str
    ) -> None:
        held = (distribution[1],) if more.get("held") else ()
        before = guest(*distribution, **{**more, "held": held})
        after = ran(before, wall=wall)

        assert after.guest.packages == before.packages
        assert (after.restarts, after.out) == (False, "")
        assert says in after.err

    def test_says_that_another_package_manager_is_at_work(
        self, distribution: tuple[str, ...], wall: bool
    ) -> None:
        at_work = {one: Service() for one in ("apt-daily-upgrade", "dnf-automatic", "packagekit")}
        services = {"walinuxagent": None, distribution[2]: Service(), **at_work}
        before = guest(*distribution, services=services)
        after = ran(before, wall=wall)

        assert after.guest.packages == before.packages
        assert (after.restarts, after.out) == (False, "")
        assert after.err == "another package manager is at work: try again once it is done\n"


BUSY = {
    "systemctl": "echo LoadState=loaded",
    "systemd-run": 'touch "$0.called"',
    "timeout": 'shift 3; exec {timeout} 1 "$@"',
}
"""What the script calls, with a second in place of what it grants."""
OF_DEBIAN = {"dpkg-query": "echo install ok installed", "apt-mark": ":", "rpm": "exit 1"}
OF_OTHERS = {"dpkg-query": "exit 1"}
WAITS = "Another app is currently holding the yum lock; waiting for it to exit..."


@pytest.mark.parametrize(
    ("programs", "says"),
    [
        pytest.param({**OF_DEBIAN, "apt-get": "sleep 60"}, "do not answer within two minutes", id="apt-get"),
        pytest.param(
            {**OF_DEBIAN, "apt-get": "case $1 in -qq) ;; *) sleep 60 ;; esac"},
            "do not answer within two minutes",
            id="apt-get, later",
        ),
        pytest.param(
            {**OF_OTHERS, "rpm": '[ "$2" = WALinuxAgent ]', "dnf": "sleep 60"},
            "do not answer within two minutes",
            id="dnf",
        ),
        pytest.param(
            {**OF_OTHERS, "rpm": '[ "$2" = WALinuxAgent ]', "dnf": f"echo '{WAITS}'; sleep 60"},
            "another package manager is at work",
            id="one that waits for another",
        ),
        pytest.param(
            {**OF_OTHERS, "rpm": '[ "$2" = python3-azure-agent ]', "zypper": "sleep 60"},
            "do not answer within two minutes",
            id="zypper",
        ),
        pytest.param(
            {
                **OF_OTHERS,
                "rpm": '[ "$2" = python3-azure-agent ]',
                "zypper": "case $2 in refresh) ;; *) sleep 60 ;; esac",
            },
            "do not answer within two minutes",
            id="zypper, later",
        ),
    ],
)
def test_a_repository_that_hangs_is_not_waited_for_and_no_update_begins_later(
    tmp_path: Path, programs: dict[str, str], says: str
) -> None:
    for name, does in {**BUSY, **programs}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does.replace('{timeout}', str(which('timeout')))}\n")
        (tmp_path / name).chmod(0o755)
    ended = subprocess.run(
        ["sh", "-c", "\n".join(UPDATE.lines)],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert ended.returncode == 1
    assert says in ended.stderr
    assert not (tmp_path / "systemd-run.called").exists()


@WALLED
@pytest.mark.parametrize(
    ("id_", "version", "managers"),
    [
        ("ubuntu", "24.04", ["apt-get"]),
        ("debian", "12", ["apt-get"]),
        ("rhel", "9.4", ["dnf", "yum"]),
        ("rhel", "7.9", ["yum"]),
        ("ol", "7.9", ["yum"]),
        ("azurelinux", "3.0", ["tdnf"]),
        ("mariner", "2.0", ["tdnf"]),
        ("sles", "15.6", ["zypper"]),
    ],
)
def test_a_guest_of_the_sandbox_has_the_package_managers_of_its_distribution(
    id_: str, version: str, managers: list[str]
) -> None:
    asked = "for one in apt-get dnf tdnf yum zypper; do command -v $one | sed -n 's#^/.guest/bin/##p'; done"
    told = inside.run(guest(id_, "x", "waagent", version), "2.2.40", [asked]).out

    assert told.split() == managers


@pytest.mark.parametrize("wall", WALLS)
def test_a_distribution_without_a_package_manager_that_is_known_is_left_alone(wall: bool) -> None:
    odd = guest("rhel", "WALinuxAgent", "waagent", "9", files={"/etc/os-release": "ID=odd\n"})
    after = ran(odd, wall=wall)

    assert "no dnf, tdnf or yum" in after.err
    assert not after.restarts


def test_an_agent_that_came_from_elsewhere_is_left_alone() -> None:
    after = ran(guest("rhel", "WALinuxAgent", "waagent", packages={"walinuxagent": None}), wall=False)

    assert "did not come from the distribution" in after.err
    assert not after.restarts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inside_", "says"),
    [
        ({"held": ["walinuxagent"]}, "walinuxagent is held"),
        ({"available": {"walinuxagent": None}}, "the repositories do not answer"),
    ],
)
def test_what_cannot_be_updated_stays_a_finding_with_the_scripts_own_reason(
    tmp_path: Path, inside_: Any, says: str
) -> None:
    sick = Sick("agent-outdated", "C3", {**OUTDATED.vm, "guest": inside_})
    with at(tmp_path, sick) as desk:
        done = document(fix(desk, sick, "--apply", "--yes"))

        assert [one["outcome"] for one in done["steps"]] == ["unconfirmed"]
        assert " Its script wrote: " in done["steps"][0]["reason"]
        assert done["steps"][0]["reason"].endswith(says)
        assert [one["verdict"] for one in done["verified"]] == ["still there"]
        assert len(cures(desk)) == 1


def test_without_leave_to_ask_inside_a_person_is_told_how(tmp_path: Path) -> None:
    with at(tmp_path, OUTDATED) as desk:
        ended = desk("fix", "-s", "demo", "--playbook", "agent-outdated", "--allow", "guarded", "-o", "json")

    assert "give --guest" in document(ended)["byHand"][0]["reason"]


class TestPlans:
    def test_an_update_that_nothing_takes_back(self) -> None:
        told = linux(package="2.2.40")
        [step] = cured(
            "agent-outdated", estate(vm(os="Linux"), item(), view(agent_version="2.2.40"), told)
        ).nodes

        assert isinstance(step, Step)
        assert isinstance(step.undo, Irreversible)
        assert step.request.body == UPDATE.body
        assert step.changes_vm == vm().id
        assert [(one.view, one.test.value) for one in step.after] == [
            (View.INSTANCE_VIEW, "above"),
            (View.INSTANCE_VIEW, "newer than the send"),
        ]

    def test_nothing_inside_windows(self) -> None:
        read = estate(vm(), item(), view(agent_version="2.6.0.0"), windows())

        assert "installer" in left("agent-outdated", read, GUARDED).reason


class TestAScriptsOwnWords:
    @staticmethod
    def told(out: str, err: str) -> Any:
        return {
            "value": [
                {
                    "code": "ProvisioningState/succeeded",
                    "message": f"Enable succeeded: \n[stdout]\n{out}\n[stderr]\n{err}",
                }
            ]
        }

    @pytest.mark.parametrize(
        ("result", "words"),
        [
            (told("", "it is held\n"), "it is held"),
            (told("well\n", ""), "well"),
            (told("well\n", "but\nlate\n"), "but late"),
            (told("", ""), None),
            (told("", "\x1b[31mred\x00 \u202e"), "[31mred"),
            (told("", "##vso[task.x]y" + "z" * 400), f"…{'z' * 299}"),
            (
                {"value": [{"code": "ComponentStatus/StdOut/succeeded", "message": "well"}, {"code": "ComponentStatus/StdErr/succeeded", "message": "no"}]},
                "no",
            ),
            (None, None),
            ({"value": [1, {"code": 2, "message": ["x"]}]}, None),
        ],
    )  # fmt: skip
    def test_are_one_printable_line_that_is_not_long(self, result: Any, words: str | None) -> None:
        assert answers.words(result) == words
