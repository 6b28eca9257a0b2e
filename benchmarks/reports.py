"""
What a report costs beside the least it could cost: `python benchmarks/reports.py [--findings 25000] [--runs 5]`.

The baseline is `json.dumps` of the same findings. Each format is made of the same document in the same process; the
table shows the median, the ratio to the baseline, which is the figure that counts, and the size.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import zlib
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

from azremedy.playbook import load
from azremedy.report import of_document, render, sarif

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
SEVERITIES = ("blocking", "corroborated", "suspected", "info")
ERROR = ("UserErrorRpCollectionLimitReached", 400163, "The restore point collection has reached its limit.")


def finding(number: int) -> dict[str, Any]:
    card = list(load().values())[number % len(load())]
    vm = f"{SUBSCRIPTION}/resourceGroups/rg{number % 97}/providers/Microsoft.Compute/virtualMachines/vm{number}"
    code, value, text = ERROR if number % 2 else (None, None, None)
    return {
        "fingerprint": sha256(vm.encode()).hexdigest()[:32],
        "playbook": card.id,
        "title": card.title,
        "causes": list(card.causes),
        "severity": SEVERITIES[number % len(SEVERITIES)],
        "vm": vm,
        "resource": f"{vm}/extensions/x",
        "message": f"CanNotDelete lock 'keep-{number}' on group AzureBackupRG_westeurope_{number % 7} keeps points",
        "evidence": {"lock": f"keep-{number}", "points": number % 18, "collections": [vm]},
        "errorCode": code,
        "errorNumber": value,
        "errorText": text,
        "job": f"{SUBSCRIPTION}/backupJobs/{number}" if code else None,
        "remedy": card.remedy,
        "fix": {"class": "guarded", "available": True, "reason": None},
        "suppressed": None,
    }


def document(findings: int) -> dict[str, Any]:
    found = [finding(number) for number in range(findings)]
    vms = [one["vm"] for one in found]
    counted = {"calls": 1, "vms": findings, "protected": findings, "closeLook": findings}
    return {
        "schemaVersion": 1,
        "tool": {"name": "azremedy", "version": "0"},
        "startedAt": "2026-11-22T07:00:00Z",
        "finishedAt": "2026-11-22T07:00:09Z",
        "subscriptions": [
            {"id": SUBSCRIPTION[15:], "name": "x", **counted, "playbooks": list(load()), "protectedVms": vms}
        ],
        "findings": found,
        "unread": [],
        "notEvaluated": [],
        "unexplained": [],
        "summary": {name: sum(one["severity"] == name for one in found) for name in SEVERITIES},
    }


def median(runs: int, work: Callable[[], str]) -> tuple[float, str]:
    taken: list[float] = []
    made = ""
    for _ in range(runs):
        started = time.perf_counter()
        made = work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken), made


def printed(form: str, whole: dict[str, Any]) -> str:
    return render(form, of_document(form, whole))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--findings", type=int, default=25_000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    whole = document(chosen.findings)
    least, _ = median(chosen.runs, lambda: json.dumps(whole["findings"]))
    print(f"json.dumps of {chosen.findings:,} findings: {least:.2f} s\n")
    print("| Format | s | ratio | MB | MB gzipped |")
    print("|---|---|---|---|---|")
    works: dict[str, Callable[[], str]] = {
        "sarif": lambda: sarif.text(whole),
        "inventory": lambda: sarif.inventory(whole),
        **{
            form: partial(printed, form, whole)
            for form in ("junit", "markdown", "json", "csv", "github", "azure-devops")
        },
    }
    for name, work in works.items():
        seconds, made = median(chosen.runs, work)
        held = made.encode()
        size, packed = len(held) / 1e6, len(zlib.compress(held)) / 1e6
        print(
            f"| {name} | {seconds:.2f} | **{seconds / least:.1f}** | {size:.1f} | {packed:.2f} |", flush=True
        )


if __name__ == "__main__":
    main()
