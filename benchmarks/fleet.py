"""
What many subscriptions cost beside an ideal schedule: `python benchmarks/fleet.py [--latency] [--throttling]`.

Latency: 200 subscriptions of 20 VMs, each request of which takes 30 ms, 8 in flight. The ideal is the time of all requests
divided by eight. Throttling: 50 subscriptions of 400 VMs, each with a bucket of 20 requests that gains 2 a second. The
ideal is the time that the largest one's bucket needs for its requests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving import many

LATENCY, IN_FLIGHT = 0.03, 8
SIZE, REFILL = 20, 2.0


def scanned(environ: Mapping[str, str], *options: str) -> tuple[float, list[int], int]:
    """Scan every subscription; return the seconds, the requests of each, and how many were answered 429."""
    command = [sys.executable, "-m", "azremedy", "scan", "-s", "*", "-o", "json", *options, "--debug"]
    began = time.perf_counter()
    ran = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    made: Any = json.loads(ran.stdout)
    return seconds, [one["calls"] for one in made["subscriptions"]], ran.stderr.count("-> 429 in")


def latency(folder: Path) -> str:
    with many(folder, 200, 20, seconds=LATENCY) as environ:
        seconds, calls, _ = scanned(environ, "--in-flight", str(IN_FLIGHT))
    ideal = sum(calls) * LATENCY / IN_FLIGHT
    return (
        f"| latency | 200 x 20 | {sum(calls):,} | {ideal:.1f} | {seconds:.1f} | **{ideal / seconds:.0%}** | |"
    )


def throttling(folder: Path) -> str:
    with many(folder, 50, 400, size=SIZE, refill=REFILL) as environ:
        seconds, calls, refused = scanned(environ)
    ideal = (max(calls) - SIZE) / REFILL
    share = refused / (sum(calls) + refused)
    return (
        f"| throttling | 50 x 400 | {sum(calls):,} | {ideal:.1f} | {seconds:.1f} | **{ideal / seconds:.0%}** "
        f"| {share:.2%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--throttling", action="store_true")
    chosen = parser.parse_args()
    print("| | subscriptions x VMs | requests | ideal s | scan s | of the ideal | answered 429 |")
    print("|---|---|---|---|---|---|---|")
    for name, measure in (("latency", latency), ("throttling", throttling)):
        if getattr(chosen, name) or not (chosen.latency or chosen.throttling):
            with tempfile.TemporaryDirectory() as folder:
                print(measure(Path(folder) / "state"), flush=True)


if __name__ == "__main__":
    main()
