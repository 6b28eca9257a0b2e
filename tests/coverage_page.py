"""
The page `docs/coverage.md`: the origin document, section by section, and what azremedy makes of each sentence.

    python tests/coverage_page.py > docs/coverage.md

Messages and causes come from the catalogue, who sees them from the playbooks' cards, tests from the scenes and the demo.
What the document advises stands here, each piece with the playbooks that do it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenes import SCENES, TOLD
from test_diagnose import TOLD as DEMO_CAUSES
from test_diagnose_guest import PAIRS, PLANTED
from test_guest_cures import CASES

from azremedy.catalogue import Symptom
from azremedy.catalogue.origin import ORIGIN
from azremedy.causes import causes, unfolded
from azremedy.cli import COMMANDS
from azremedy.explanation import seers
from azremedy.playbook import Playbook, load
from azremedy.report.markdown import code
from azremedy.report.symptoms_page import linked, prose
from azremedy.sandbox import reading

CARDS = load()
DEMO: Mapping[str, Any] = reading.named("demo")[1]
INSIDE: Mapping[str, Any] = reading.named(Path(__file__).parents[1] / "examples" / "estates" / "inside.yaml")[
    1
]
EXPLAINED = "test_explain.py::test_a_message_of_the_origin_is_known"
DIAGNOSED = "test_diagnose.py::test_a_planted_cause_is_the_cause_and_no_other_is"
DEMO_TOLD = "test_diagnose.py::test_the_demo_is_told_cause_by_cause"
CURED = "test_end_to_end.py::test_a_cause_is_found_shown_cured_proved_and_taken_back"
ALONE = "test_end_to_end.py::test_a_cause_is_diagnosed_as_that_cause_and_no_other"
UNDER = "test_diagnose_guest.py::test_a_cause_is_told_under_each_message_that_lists_it"
FROM_INSIDE = "test_diagnose_guest.py::test_what_is_planted_inside_is_the_cause_and_no_other_is"
CURED_INSIDE = "test_guest_cures.py::test_found_diagnosed_shown_cured_proved_and_taken_back"
ASKED = "test_asking.py::test_finds_each_cause_where_it_is_planted_and_nothing_else"
PROVED = (
    "test_cli_runs.py::test_a_cure_is_proved_by_a_backup_in_the_same_command",
    "test_cli_runs.py::test_a_cure_that_does_not_hold_fails_its_proof_in_the_words_of_the_job",
)
VERBOSE = ("test_verbose_agent_log.py::test_on_and_off_and_taken_back",)
LOGGED = (
    "test_logs.py::test_reads_each_log_with_one_script_that_is_announced_and_journaled",
    "test_logs.py::test_of_xml_files_names_and_times_only",
)


LOGS = "the XML files hold secrets" + (
    "; `azremedy logs` reads the last lines that matter" if "logs" in COMMANDS else ""
)


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that the origin advises against a cause, the playbooks that do it, and what became of it since."""

    cause: str
    text: str
    playbooks: tuple[str, ...]
    since: str = ""
    tests: tuple[str, ...] = ()
    """The tests that show it where no playbook does it."""


ADVICE = (
    Advice("C1", "Allow Azure Storage of the region by its service tag, above the rule that denies the internet", ("storage-egress",)),
    Advice("C1", "Create a path for HTTP traffic: an HTTP proxy, and rules that let it out", ("egress-route",)),
    Advice("C1", "With managed disks, open port 8443 as well", ("storage-egress",), "not needed any more: TCP 443 is enough (PREP20)"),
    Advice("C2", "See whether the service Windows Guest Agent runs, and restart it", ("agent-service", "agent-unresponsive")),
    Advice("C2", "Where the service is missing, uninstall the agent and install the newest MSI", ("agent-service", "agent-unresponsive", "agent-outdated"), "by hand; azremedy tells"),
    Advice("C2", "See that .NET 4.5 is installed", ("dotnet-runtime",)),
    Advice("C3", "Update the agent, from the distribution's repository and not from GitHub", ("agent-outdated",)),
    Advice("C3", "See that the agent runs (`ps -e`), and start it", ("agent-service", "agent-unresponsive")),
    Advice("C3", "Let the agent restart by itself", ("agent-service",), "shipped systemd units do so (WAL)"),
    Advice("C3", "Back up once more for a test", (), "`azremedy prove` does it after every cure", PROVED),
    Advice("C3", "Collect /var/lib/waagent/*.xml, /var/log/waagent.log, /var/log/azure/*", (), LOGS, LOGGED),
    Advice("C3", "Set Logs.Verbose=y in /etc/waagent.conf, restart the agent, and set it back afterwards", (), "no cure, so never unasked: `azremedy fix --verbose-agent-log VM=on`, and `VM=off`", VERBOSE),
    Advice("C4a", "With SQL Server's own backups, set USEVSSCOPYBACKUP to TRUE", ("sql-vss",), "2025 gives the same value the opposite meaning (V25): reported, never set unasked"),
    Advice("C4b", "After a shutdown over RDP look at the VM's state, and shut it down in the portal", ("vm-power-state",)),
    Advice("C4c", "Leave DHCP on inside the guest; set a static address through the platform", ("guest-dhcp",)),
    Advice("C5", "Windows: see that iaasvmprovider is enabled and starts automatically", ("provider-service",)),
    Advice("C5", "Linux: see that VMSnapshot is 1.0.91.0", ("vmsnapshot-extension",), "out of date: no page states an oldest version (EXT)"),
    Advice("C5", "Uninstall the extension; the next backup installs it again", ("vmsnapshot-extension",)),
    Advice("C6", "Take the lock off the resource group", ("restore-point-lock",), "the points lie in another group today (T25)"),
    Advice("C6", "Delete the restore point collection (ARMClient)", ("restore-point-lock", "restore-point-limit"), "with `--delete-collection`, destructive; the service cleans up by itself once the lock is gone"),
    Advice("C6", "Lock the group again, and the problem comes back", ("restore-point-lock",), "lock the VM's group instead (FAQ25)"),
    Advice("C13", "There is a limit of 18 restore points", ("restore-point-limit",), "of a Standard policy; the platform allows 500 (RP23)"),
    Advice("C7", "Attach new disks below 1 TB, copy, see that all is there, remove the large ones, back up", ("disk-size",), "up to 64 TB today (SM25); or leave the disk out"),
)  # fmt: skip
"""The sections of the origin document on causes and solutions, in its order."""

STAGED = [one for one in (*SCENES, *TOLD) if one.lasting]
"""The scenes that are diagnosed, and then cured for good."""

NOTE = Advice(
    "C3",
    "Linux, from 4 January 2018: `sudo rm -f /var/lib/waagent/*.[0-9]*.xml`, then back up again",
    ("stale-goal-state",),
    "gone from the page by June 2018; agents of today need some of these files (WAL)",
)
"""The note under the first message."""

UNSEEN = "its script for Windows: **not run on Windows**"

HEAD = f"""\
# Coverage

The origin document (*Troubleshoot Azure Backup failure: issues with the agent or extension*, 9 January 2018), section by
section: each message, each cause and each piece of advice, which playbook sees it, what the cure is, and the tests that show
it. What a cause is, and what holds today, stands in [symptoms](symptoms.md).

Tests of a playbook: its own file holds what is found, what is left alone and what is planned. Beside it, of a VM that is
planted:

- `demo [VM]` is `{DIAGNOSED}`
  and `{DEMO_TOLD}`;
- `inside.yaml [VM]` is `{ASKED}`;
- `told [VM]` is `{FROM_INSIDE}`;
- `under [code, cause]` is `{UNDER}`;
- `scene [name]` is `{ALONE}` and then
  `{CURED}`;
- `guest [name]` is `{CURED_INSIDE}`.

The last two end with a backup that completes. What a person has to do has no such end.

Scripts for Windows run in the sandbox, which carries out their statements one by one, and are read by PowerShell's parser
where there is one (`test_windows_scripts.py`). A cure with such a script says that it was **not run on Windows**.

Under a message stand the tests in which a backup fails in just this way, and the cause is named as the cause. Where it says
`none`, that cause is shown under another message only: verdicts go by the cause, and by what the message lists. This page is made by
`python tests/coverage_page.py > docs/coverage.md`.
"""


def page() -> str:
    return "\n".join(lines()) + "\n"


def lines() -> Iterator[str]:
    yield HEAD
    yield "## Messages"
    for symptom in ORIGIN:
        yield from message(symptom)
    yield ""
    yield "## Causes and solutions"
    for id_ in dict.fromkeys(one.cause for one in ADVICE):
        yield ""
        yield f"### {id_}: {prose(causes()[id_].title)}"
        yield ""
        yield f"What tells: {prose(causes()[id_].tells)}."
        yield ""
        yield from table(one for one in ADVICE if one.cause == id_)


def message(symptom: Symptom) -> Iterator[str]:
    """Yield a message of the document with the causes that it lists, in its order."""
    listed = next(one.causes for one in symptom.editions if one.name == "2018-01")
    yield ""
    yield f"### {prose(symptom.spanish[0])}"
    yield ""
    yield f"In English {code(symptom.messages[0])}, code `{symptom.code}`. Both are known as they stand, without accents, in capitals"
    yield f"and with a typo: `{EXPLAINED}`."
    yield ""
    yield "| Cause | What it is | Seen by | Class of the cure | Shown under this message by |"
    yield "|---|---|---|---|---|"
    for id_ in unfolded(listed):
        seen = [CARDS[one] for one in seers(causes()[id_], CARDS)]
        yield f"| {linked([id_]).replace('(#', '(symptoms.md#')} | {prose(causes()[id_].title)} | {ids(seen)} | {classes(seen)} | {', '.join(shown(symptom, id_)) or '`none`'} |"
    if symptom is ORIGIN[0]:
        yield ""
        yield "Its note:"
        yield ""
        yield from table([NOTE])


def shown(symptom: Symptom, cause: str) -> list[str]:
    """The VMs whose backup fails in this way, and of which a test says that this is the cause."""
    codes = {symptom.code, *symptom.spellings}
    demo = {one["name"]: one for one in DEMO["vms"]}
    vms = {
        **{f"demo [{name}]": (demo[name], set(told_)) for name, told_ in DEMO_CAUSES},
        **{f"scene [{one.id}]": (vm, set(one.causes)) for one in STAGED for vm in one.estate["vms"]},
        **{f"told [{one.id}]": (one.values[0], {one.values[1]}) for one in PLANTED},
        **{f"guest [{name}]": (one.vm, {one.cause}) for name, one in CASES.items()},
    }
    alone = [name for name, (vm, causes_) in vms.items() if cause in causes_ and failing(vm) in codes]
    return [
        *alone,
        *(f"under [{name}]" for name, (_, *pair) in PAIRS.items() if pair == [symptom.code, cause]),
    ]


def failing(vm: Mapping[str, Any]) -> str | None:
    """The code with which the last backup of a described VM failed."""
    failed = (vm.get("backup") or {}).get("failed") or {}
    return failed.get("code")


def table(advice: Iterable[Advice]) -> Iterator[str]:
    yield "| Advice of 2018 | Seen by | Cure | Class | Since then | Tests |"
    yield "|---|---|---|---|---|---|"
    for one in advice:
        cards = [CARDS[id_] for id_ in one.playbooks if id_ in CARDS]
        cells = (
            prose(one.text),
            ids(cards) or "no playbook",
            "<br>".join(cure(card) for card in cards),
            classes(cards),
            prose(one.since),
            "<br>".join(tests(card.id) for card in cards) or ", ".join(f"`{test}`" for test in one.tests),
        )
        yield f"| {' | '.join(cells)} |"


def cure(card: Playbook[Any]) -> str:
    """Return what a playbook does about its cause, and whether any of it was never seen to run where it is for."""
    return prose(card.remedy) + (f" ({UNSEEN})" if card.id in on_windows() else "")


def on_windows() -> set[str]:
    """The playbooks of which a script is for Windows: what cures inside, and the check of a disk that was copied."""
    return {one.playbook for one in CASES.values() if one.vm.get("os", "Windows") == "Windows"} | {
        "disk-size"
    }


def ids(cards: Iterable[Playbook[Any]]) -> str:
    return ", ".join(f"`{card.id}`" for card in cards)


def classes(cards: Iterable[Playbook[Any]]) -> str:
    return ", ".join(dict.fromkeys(card.fix_class.value for card in cards))


def named() -> set[str]:
    """The playbooks that see a cause of the document, or do something that it advises."""
    seeing = {id_ for one in ADVICE for id_ in seers(causes()[one.cause], CARDS)}
    return seeing | {id_ for one in (*ADVICE, NOTE) for id_ in one.playbooks}


def planted(playbook: str) -> list[str]:
    """The VMs of the demo that have what this playbook sees."""
    return [name for name, planted_ in DEMO["planted"] if planted_ == playbook]


def inside(playbook: str) -> list[str]:
    """The VMs of the example whose causes show only inside."""
    return [name for name, planted_ in INSIDE["planted"] if planted_ == playbook]


def staged(playbook: str) -> list[str]:
    """The scenes in which this playbook cures for good."""
    return [one.id for one in STAGED if one.playbook == playbook]


def told(playbook: str) -> list[str]:
    """The VMs of which `diagnose --guest` says that this is the cause."""
    return [str(one.id) for one in PLANTED if one.values[2] == playbook]


def cured_inside(playbook: str) -> list[str]:
    """The VMs that a script inside cures."""
    return [name for name, one in CASES.items() if one.playbook == playbook]


def tests(playbook: str) -> str:
    """Return the tests that show what a playbook sees and cures."""
    parts = (
        f"`test_{playbook.replace('-', '_')}.py`",
        *(f"demo [{one}]" for one in planted(playbook)),
        *(f"inside.yaml [{one}]" for one in inside(playbook)),
        *(f"told [{one}]" for one in told(playbook)),
        *(f"scene [{one}]" for one in staged(playbook)),
        *(f"guest [{one}]" for one in cured_inside(playbook)),
    )
    return ", ".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
