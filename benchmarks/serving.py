"""A sandbox as a process of its own, for the benchmarks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = {"AZREMEDY_CLOUD", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID", "REQUESTS_CA_BUNDLE"}


@contextmanager
def sandbox(state: Path, *options: str) -> Iterator[dict[str, str]]:
    """Start `azremedy sandbox` with these options, and yield the environment that it says to export."""
    command = [sys.executable, "-m", "azremedy", "sandbox", "--state", str(state), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    exported: dict[str, str] = {}
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for one line above
        for line in process.stdout:
            if match := re.match(r"\s*export (\w+)=['\"]?([^'\"\n]+)", line):
                exported[match[1]] = match[2]
            if set(exported) >= NEEDED:
                break
        yield {**os.environ, **exported, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}
    finally:
        process.terminate()
        process.wait()
