"""What a watch knows as OpenMetrics text, for the textfile collector of node_exporter and whatever else reads files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.openmetrics.exposition import generate_latest

from azremedy.arm import ArmId
from azremedy.scan import Scan
from azremedy.watch.memory import Memory
from azremedy.watch.news import Looked

LABELS: Final = ("subscription", "subscription_name")

NUMBERS: Final = {
    "vms": "Virtual machines.",
    "protected_vms": "Virtual machines with backups on.",
    "not_evaluated": "Causes at virtual machines on which no verdict could be given.",
    "unexplained_vms": "Virtual machines whose backup failed, and no finding says why.",
}


def text(looked: Looked, memory: Memory, seconds: float) -> bytes:
    """
    Return the metrics of a scan that took so many seconds.

    Of a subscription that could not be read there are no numbers, and of one that was read in part there is no nought: none
    is not nought. What was known before and could not be looked at counts on. `memory` is what is known after the scan.
    """
    registry = CollectorRegistry()
    about_scan(registry, looked, memory, seconds)
    findings = gauge(registry, "findings", "Findings that are known, suppressed ones left out.", "severity")
    due = gauge(registry, "due_days", "Days until the first backup fails that does not fail yet.")
    unread = gauge(registry, "unread", "Reads that failed.")
    others = {name: gauge(registry, name, said) for name, said in NUMBERS.items()}
    for scan in looked.scans:
        of = scan.subscription.id.subscription or "", scan.subscription.name
        unread.labels(*of).set(len(scan.unread))
        unseen = Counter(
            one.severity for one in looked.compared.unseen if of[0] == ArmId(one.vm).subscription
        )
        for severity, number in scan.counts().items():
            if (known := number + unseen[severity]) or not scan.unread:
                findings.labels(*of, str(severity)).set(known)
        for name, number in numbers(scan).items():
            if number or not scan.unread:
                others[name].labels(*of).set(number)
        if days := tuple(days_left(scan, looked.at)):
            due.labels(*of).set(min(days))
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]  # prometheus-client types all but this


def numbers(scan: Scan) -> Mapping[str, int]:
    """Return what is counted of a scan, by the names of `NUMBERS`."""
    counted = scan.vms, scan.protected, len(scan.not_evaluated), len(scan.unexplained)
    return dict(zip(NUMBERS, counted, strict=True))


def about_scan(registry: CollectorRegistry, looked: Looked, memory: Memory, seconds: float) -> None:
    """Set what is known of the scan itself, also of one that came to nothing."""
    plain = (
        ("azremedy_scan_whole", "Whether all that was asked for was read.", float(looked.whole)),
        ("azremedy_scan_end_timestamp_seconds", "When the last scan ended.", looked.at.timestamp()),
        ("azremedy_scan_duration_seconds", "How long the last scan took.", seconds),
    )
    for name, said, value in plain:
        Gauge(name, said, registry=registry).set(value)
    if looked.failure is None:
        said = "Subscriptions of which nothing could be read."
        Gauge("azremedy_unread_subscriptions", said, registry=registry).set(len(looked.failed))
    if memory.succeeded:
        said = "When a scan last read all that it was asked for."
        one = Gauge("azremedy_scan_whole_timestamp_seconds", said, registry=registry)
        one.set(memory.succeeded.timestamp())


def gauge(registry: CollectorRegistry, name: str, said: str, *labels: str) -> Gauge:
    return Gauge(f"azremedy_{name}", said, (*LABELS, *labels), registry=registry)


def days_left(scan: Scan, now: datetime) -> Iterable[int]:
    """Yield in how many days backups fail, of each finding that tells."""
    return ((one.finding.due - now.date()).days for one in scan.diagnoses if one.finding.due)
