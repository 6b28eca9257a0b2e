"""
What more machines bring: `python benchmarks/machines.py [--workers 0 1 4] [--subscriptions 400] [--vms 20]`.

A Dask cluster on loopback reads many subscriptions from a sandbox that lets each request wait 30 ms. Scheduler and
workers are processes of their own, and each worker has at most 4 requests in flight. 0 workers are one process without a
cluster. The throughput beside that of one worker is the figure; the findings must be the same, to the letter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving import many

LATENCY, IN_FLIGHT, THREADS = 0.03, 4, 6
HOST = ("--host", "127.0.0.1", "--no-dashboard")


@dataclass(frozen=True, slots=True)
class Run:
    """The seconds of a scan, its requests, and what it found."""

    wall: float
    calls: int
    found: Any

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.calls / self.wall


@contextmanager
def cluster(workers: int, folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Start a scheduler and so many workers, and yield the scheduler's address once all have joined."""
    with ExitStack() as stack:

        def start(what: str, *arguments: str) -> Path:
            log = folder / f"{what}-{len(list(folder.iterdir()))}"
            command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *HOST, *arguments]
            process = subprocess.Popen(
                command, env=environ, cwd=folder, stderr=stack.enter_context(log.open("wb"))
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return log

        file = folder / "scheduler.json"
        start("scheduler", "--port", "0", "--scheduler-file", str(file))
        while not file.exists():
            time.sleep(0.1)
        address = json.loads(file.read_text(encoding="utf-8"))["address"]
        options = ("--no-nanny", "--nthreads", str(THREADS), "--local-directory", str(folder))
        logs = [start("worker", address, *options) for _ in range(workers)]
        while not all(b"Registered to" in log.read_bytes() for log in logs):
            time.sleep(0.1)
        yield address


def scanned(environ: Mapping[str, str], *options: str) -> Run:
    """Scan every subscription, on a cluster where the options name one."""
    command = [sys.executable, "-m", "azremedy", "scan", "-s", "*", "-o", "json", *options]
    began = time.perf_counter()
    ran = subprocess.run(
        [*command, "--in-flight", str(IN_FLIGHT)], env=environ, check=True, capture_output=True, text=True
    )
    wall = time.perf_counter() - began
    made = json.loads(ran.stdout)
    found = [made[part] for part in ("findings", "unread", "notEvaluated", "unexplained", "summary")]
    return Run(wall, sum(one["calls"] for one in made["subscriptions"]), found)


def measured(workers: int, environ: Mapping[str, str]) -> Run:
    """Return the second of two runs: in the first one workers import what they need. Without workers it is the first."""
    if not workers:
        return scanned(environ)
    with tempfile.TemporaryDirectory() as folder, cluster(workers, Path(folder), environ) as address:
        scanned(environ, "--scheduler", address)
        return scanned(environ, "--scheduler", address)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 4])
    parser.add_argument("--subscriptions", type=int, default=400)
    parser.add_argument("--vms", type=int, default=20)
    chosen = parser.parse_args()
    print("| workers | subscriptions x VMs | requests | s | requests a second | of the ideal | throughput |")
    print("|---|---|---|---|---|---|---|")
    runs: dict[int, Run] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        many(Path(folder) / "state", chosen.subscriptions, chosen.vms, seconds=LATENCY) as environ,
    ):
        for workers in chosen.workers:
            run = runs[workers] = measured(workers, environ)
            if run.found != runs[chosen.workers[0]].found:
                sys.exit(f"{workers} workers found something else than {chosen.workers[0]}.")
            ideal = max(workers, 1) * IN_FLIGHT / LATENCY
            ratio = f"**{run.rate / runs[1].rate:.2f}**" if 1 in runs else ""
            print(
                f"| {workers} | {chosen.subscriptions} x {chosen.vms} | {run.calls:,} | {run.wall:.1f} "
                f"| {run.rate:.0f} | {run.rate / ideal:.0%} | {ratio} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
