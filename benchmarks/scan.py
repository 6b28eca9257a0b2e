"""
What a scan costs beside the least it could cost: `python benchmarks/scan.py [--vms 50 500 5000 50000] [--runs 3]`.

Each size gets a sandbox as a process of its own. The baseline (`benchmarks/baseline.py`), the SDK's own typed lists
(`benchmarks/typed.py`) and `azremedy scan` then take turns on it; the table shows the median of each, and their ratios,
which are the figures that count: the seconds are this machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving import sandbox

HERE = Path(__file__).parent
REQUEST = re.compile(r"GET (https://\S+)")


@dataclass(frozen=True, slots=True)
class Run:
    """One process: wall and CPU seconds, and the most memory it held, in MB."""

    wall: float
    cpu: float
    memory: float


def measured(command: Sequence[str], environ: Mapping[str, str]) -> Run:
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        message = process.stderr.read().decode() if process.stderr else ""
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {message}")
    if process.stderr:
        process.stderr.close()
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(runs: Sequence[Run]) -> Run:
    return Run(*(statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "memory")))


def addresses(scan: Sequence[str], environ: Mapping[str, str]) -> dict[str, list[str]]:
    """What a scan asks for, from its own log: the first page of each list, and every single read."""
    ran = subprocess.run([*scan, "--debug"], env=environ, check=True, capture_output=True, text=True)
    asked = [
        url
        for url in REQUEST.findall(ran.stderr)
        if "/metadata/" not in url and "skiptoken" not in url.lower()
    ]
    single = re.compile(
        r"/instanceView\?|/backupJobs/[^?]+\?|restorePoints|/subscriptions/[^/?]+\?", re.IGNORECASE
    )
    return {
        "lists": [url for url in asked if not single.search(url)],
        "singles": [url for url in asked if single.search(url)],
    }


def compare(vms: int, runs: int) -> str:
    with (
        tempfile.TemporaryDirectory() as name,
        sandbox(Path(name) / "state", "--vms", str(vms), "--seed", "7") as environ,
    ):
        endpoint = environ["AZREMEDY_CLOUD"]
        scan = [sys.executable, "-m", "azremedy", "scan", "--subscription", "*", "--output", "json"]
        asked = addresses(scan, environ)
        plan = Path(name) / "addresses.json"
        plan.write_text(json.dumps(asked), encoding="utf-8")
        others = [
            [sys.executable, str(HERE / one), str(plan), endpoint] for one in ("baseline.py", "typed.py")
        ]
        turns = [[measured(one, environ) for one in (*others, scan)] for _ in range(runs)]
    baseline, typed, ours = (median([turn[place] for turn in turns]) for place in range(3))
    return (
        f"| {vms:,} | {len(asked['lists'])} + {len(asked['singles'])} "
        f"| {baseline.wall:.2f} | {typed.wall:.2f} | {ours.wall:.2f} "
        f"| **{ours.wall / baseline.wall:.2f}** | {ours.cpu / baseline.cpu:.2f} | {ours.wall / typed.wall:.2f} "
        f"| {baseline.memory:.0f} | {typed.memory:.0f} | {ours.memory:.0f} | {ours.cpu / vms * 1e6:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vms", type=int, nargs="+", default=[50, 500, 5000, 50000])
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    print(
        "| VMs | lists + singles | baseline s | typed s | scan s | wall ratio | CPU ratio | of typed "
        "| baseline MB | typed MB | scan MB | CPU µs a VM |"
    )
    print(f"|{'---|' * 12}")
    for vms in chosen.vms:
        print(compare(vms, chosen.runs), flush=True)


if __name__ == "__main__":
    main()
