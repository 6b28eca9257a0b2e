"""
A sandbox as a process of its own, for the benchmarks.

As a program it serves many subscriptions, with the latency and the token buckets that it is told:
`python benchmarks/serving.py STATE SUBSCRIPTIONS VMS SECONDS SIZE REFILL`; a SIZE of 0 is no bucket.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NEEDED = {"AZREMEDY_CLOUD", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID", "REQUESTS_CA_BUNDLE"}


@contextmanager
def sandbox(state: Path, *options: str) -> Iterator[dict[str, str]]:
    """Start `azremedy sandbox` with these options, and yield the environment that it says to export."""
    with started([sys.executable, "-m", "azremedy", "sandbox", "--state", str(state), *options]) as exported:
        yield exported


@contextmanager
def many(
    state: Path, subscriptions: int, vms: int, *, seconds: float = 0.0, size: int = 0, refill: float = 0.0
) -> Iterator[dict[str, str]]:
    """Start this file as a program, and yield the environment that it says to export."""
    numbers = map(str, (subscriptions, vms, seconds, size, refill))
    with started([sys.executable, __file__, str(state), *numbers]) as exported:
        yield exported


@contextmanager
def started(command: Sequence[str]) -> Iterator[dict[str, str]]:
    # Modules are compiled once, as those of an installed package are.
    installed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, env=installed, stdout=subprocess.PIPE, text=True)
    exported: dict[str, str] = {}
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for one line above
        for line in process.stdout:
            if match := re.match(r"\s*export (\w+)=['\"]?([^'\"\n]+)", line):
                exported[match[1]] = match[2]
            if set(exported) >= NEEDED:
                break
        yield {**installed, **exported, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}
    finally:
        process.terminate()
        process.wait()


def main(state: str, *numbers: str) -> None:
    from azremedy.cli.sandbox import announce  # noqa: PLC0415 - whoever only starts it need not load the sandbox
    from azremedy.sandbox import Throttle, serve  # noqa: PLC0415 - as above
    from azremedy.sandbox.generate import fleet  # noqa: PLC0415 - as above

    subscriptions, vms, seconds, size, refill = map(float, numbers)
    first, *others = fleet(int(subscriptions), int(vms), 7)
    slow = {"match": "/subscriptions", "kind": "slow", "seconds": seconds, "times": None}
    faults = [slow] if seconds else []
    throttle = Throttle(int(size), refill) if size else None
    serve(Path(state), estate=[{**first, "faults": faults}, *others], throttle=throttle, listening=announce)


if __name__ == "__main__":
    main(*sys.argv[1:])
