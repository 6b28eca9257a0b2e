"""What a scan says, for a person at a terminal: findings worst first, and below them what is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from azremedy.arm import ArmId
from azremedy.baseline import Comparison, Since
from azremedy.estate import Failure
from azremedy.playbook import Finding, Severity, outside
from azremedy.report import excerpt
from azremedy.report.plain import plain
from azremedy.report.table import WIDTH, columns, drawn, listed
from azremedy.resources import Unread
from azremedy.scan import Diagnosis, Scan, Suppressed, Unexplained

COLORS = {
    Severity.BLOCKING: "bold red",
    Severity.CORROBORATED: "red",
    Severity.SUSPECTED: "yellow",
    Severity.INFO: "cyan",
}


SINGLE = 3
"""Gaps of one kind and one answer that are shown one by one; of more, the first speaks for all."""
NARROW = 90
"""Below this many columns a table's cells would be too narrow to read."""
MAX_NAME = 24
"""Columns for a VM's name; a longer one goes on in the next line."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown beside the findings: how they stand to a baseline, and those that are suppressed."""

    compared: Comparison | None = None
    suppressed: bool = False


def text(
    scans: Sequence[Scan],
    failed: Sequence[Unread] = (),
    shown: Shown = Shown(),
    *,
    width: int = WIDTH,
    color: bool = False,
) -> str:
    """Return the tables of these scans, and the subscriptions that could not be read."""
    parts = [part for scan in scans for part in of(scan, shown, width)]
    if shown.compared:
        parts.append(since(shown.compared))
    if failed:
        parts.append(unread(failed))
    return drawn(parts, width=width, color=color)


def of(scan: Scan, shown: Shown, width: int) -> Iterator[RenderableType]:
    """Yield a scan's head, its findings and its foot."""
    yield Text(head(scan), "bold")
    if scan.diagnoses:
        yield Text()
        yield findings(scan, shown.compared, width)
        yield Text()
    yield verdict(scan)
    if scan.from_graph:
        yield Text(excerpt.from_graph(map(str, scan.from_graph)), "dim")
    if scan.suppressed:
        yield suppressed(scan.suppressed, listing=shown.suppressed)
    if scan.unexplained:
        yield listed(
            Text("Something is wrong, and no finding says what:", "yellow"),
            [unexplained(one, scan.finished) for one in scan.unexplained],
        )
    if scan.unread:
        yield unread(scan.unread)
    if scan.not_evaluated:
        yield listed(Text("Not evaluated:", "yellow"), not_evaluated(scan))
    yield Text(effort(scan), "dim")
    yield Text()


def head(scan: Scan) -> str:
    subscription = scan.subscription
    name = f"{plain(subscription.name)} ({plain(subscription.id.name)})"
    return f"Subscription {name}: {count(scan.vms, 'VM')}, {scan.protected} protected, as of {local(scan.finished)}"


def since(compared: Comparison) -> Text:
    """Return how what was found stands to the baseline."""
    standing = Counter(compared.since.values())
    parts = [f"{standing[one]} {one}" for one in Since] + [f"{len(compared.gone)} gone"]
    if compared.unseen:
        parts.append(f"{len(compared.unseen)} not looked at")
    return Text(f"Since the baseline: {', '.join(parts)}")


def suppressed(of: Sequence[Suppressed], *, listing: bool) -> RenderableType:
    """Return the number of suppressed findings, or each with its reason."""
    if not listing:
        return Text(f"{count(len(of), 'finding')} suppressed (--show-suppressed lists them)", "dim")
    lines = (
        f"{one.diagnosis.finding.severity} {place(one.diagnosis.finding.vm)}: {one.diagnosis.playbook.id}, until"
        f" {one.by.expires}: {one.by.reason}" + (f" ({one.by.owner})" if one.by.owner else "")
        for one in of
    )
    return listed(Text("Suppressed:", "dim"), [plain(line) for line in lines])


def findings(scan: Scan, compared: Comparison | None, width: int) -> RenderableType:
    """Return the findings in columns, or one below the other where columns would be too narrow to read."""
    names = vm_names(one.finding.vm for one in scan.diagnoses)
    if width < NARROW:
        return Group(*(block(one, names[one.finding.vm], scan.finished, compared) for one in scan.diagnoses))
    table = columns("Severity", "VM", "Cause", "Evidence", "What can be done")
    table.expand = True
    table.columns[1].max_width = MAX_NAME
    table.columns[3].ratio, table.columns[4].ratio = 3, 2
    for one in scan.diagnoses:
        table.add_row(
            severity(one.finding.severity).append(newness(one, compared)),
            Text(names[one.finding.vm]),
            Text(one.playbook.id),
            Text("\n".join(evidence(one.finding, scan.finished))),
            Text(remedy(one)),
        )
    return table


def newness(one: Diagnosis, compared: Comparison | None) -> str:
    """Return ` (new)` or ` (worse)` for what the baseline does not know so."""
    standing = compared.since.get(one.fingerprint) if compared else None
    return f" ({standing})" if standing and standing is not Since.UNCHANGED else ""


def block(one: Diagnosis, name: str, now: datetime, compared: Comparison | None) -> Group:
    """Return one finding as a heading and lines."""
    title = (
        severity(one.finding.severity)
        .append(newness(one, compared))
        .append(f" {name}: {one.playbook.id}", "bold")
    )
    return listed(title, [*evidence(one.finding, now), remedy(one)])


def severity(of: Severity) -> Text:
    return Text.assemble((str(of), COLORS[of]))


def evidence(finding: Finding[Any], now: datetime) -> list[str]:
    """Return the message, and the failed backup that bears it out."""
    return [plain(finding.message), *([cause(finding.failure, now)] if finding.failure else [])]


def remedy(one: Diagnosis) -> str:
    return plain(f"by hand: {one.finding.manual}" if one.finding.manual else one.playbook.remedy)


def vm_names(vms: Iterable[ArmId]) -> dict[ArmId, str]:
    """Return what each VM is called: its name, with its group where two of them share it."""
    distinct = set(vms)
    seen = Counter(vm.name.lower() for vm in distinct)
    return {vm: place(vm) if seen[vm.name.lower()] > 1 else plain(vm.name) for vm in distinct}


def place(vm: ArmId) -> str:
    return plain(f"{vm.group.name}/{vm.name}" if vm.group else vm.text)


def unexplained(one: Unexplained, now: datetime) -> str:
    return f"{place(one.vm)}: {cause(one.failure, now) if one.failure else plain(one.because)}"


def cause(failure: Failure, now: datetime) -> str:
    """Return how long ago a backup failed, and with what."""
    started = failure.job.started
    return f"backup failed {age(now - started) if started else 'at an unknown time'}: {plain(named(failure))}"


def named(failure: Failure) -> str:
    """Return the name of an error, or the number and text that Azure gave it."""
    if failure.symptom:
        return failure.symptom.code
    if error := failure.error:
        return " ".join(str(part) for part in (error.code, error.text or error.title) if part is not None)
    return "without an error"


def age(span: timedelta) -> str:
    """Return a span in its largest unit: `8 h ago`."""
    minutes = max(0, int(span.total_seconds()) // 60)
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days ago"


def verdict(scan: Scan) -> Text:
    """Return the counts, or that all is well: only where everything was read and judged."""
    if scan.diagnoses:
        line = Text(", ").join(
            Text(f"{number} {severity}", COLORS[severity] if number else "dim")
            for severity, number in scan.counts().items()
        )
        return line.append(f" on {count(len({one.finding.vm for one in scan.diagnoses}), 'VM')}")
    others = not {one.id for one in outside()} <= set(scan.playbooks)
    looked_for = ", ".join(scan.playbooks)
    doubts = (
        (
            scan.of_change,
            "The change breaks no backup, as far as is known; what is there already was not judged.",
        ),
        (
            scan.unread or scan.not_evaluated,
            "Nothing was found in what could be read; what could not stands below.",
        ),
        (scan.suppressed, "Nothing was found beside what is suppressed."),
        (scan.unexplained, "No known cause was found."),
        (others, f"Nothing was found; looked for: {looked_for}. Other causes were not."),
        (not scan.protected, "Nothing was found, and no VM here is protected by Azure Backup."),
    )
    doubt = next((sentence for holds, sentence in doubts if holds), None)
    return (
        Text(doubt, "yellow")
        if doubt
        else Text("All good: no cause for a backup to fail was found.", "green")
    )


def unread(gaps: Sequence[Unread]) -> Group:
    alike: dict[tuple[str, str], list[Unread]] = {}
    for gap in gaps:
        answer = " ".join(str(part) for part in (gap.status, gap.code) if part is not None)
        alike.setdefault((gap.read, answer), []).append(gap)
    lines: list[str] = []
    for (read, answer), held in alike.items():
        named = held if len(held) <= SINGLE else held[:1]
        tail = f" ({answer})" if answer else ""
        lines += [plain(f"{read} of {gap.scope}: {gap.reason}{tail}") for gap in named]
        if len(held) > SINGLE:
            lines.append(f"{read}: {len(held) - 1:,} more{tail}; all of them stand in the JSON")
    return listed(Text("Not read, so nothing here is known to be healthy:", "bold yellow"), lines)


def not_evaluated(scan: Scan) -> list[str]:
    """Return a line for each playbook and reason, with the number of VMs."""
    vms: dict[tuple[str, str], set[ArmId]] = {}
    for one in scan.not_evaluated:
        vms.setdefault((one.playbook, one.because), set()).add(one.vm)
    return [
        f"{playbook} on {count(len(them), 'VM')}: {plain(because)}"
        for (playbook, because), them in vms.items()
    ]


def effort(scan: Scan) -> str:
    """Return how closely it was looked, and what that took."""
    seconds = (scan.finished - scan.started).total_seconds()
    calls = sum(scan.calls.values())
    taken = f"{count(calls, 'call')} to ARM in {seconds:.1f} s" if calls else "no calls to ARM"
    lists = scan.protected - scan.close_look
    closely = f"{lists} of {scan.protected} protected VMs were judged from lists only (--deep reads each); "
    return (closely if lists else "") + taken


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def local(time: datetime) -> str:
    """Return a time as a person reads it, in the local zone, with the zone."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M %Z")
