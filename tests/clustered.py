"""A Dask cluster on loopback: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from commands import environment

BOUND = ["--host", "127.0.0.1", "--no-dashboard"]
PATIENCE = 60.0
"""Seconds that a process has to be there."""


class Cluster:
    """A scheduler, and the workers that joined it."""

    def __init__(self, folder: Path, protocol: str, environ: Mapping[str, str]) -> None:
        self.folder, self.protocol = folder, protocol
        self.workers: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        arguments = [*BOUND, "--protocol", protocol, "--port", "0", "--scheduler-file", str(file)]
        self.scheduler = self._start("scheduler", arguments, environ)
        until(lambda: file.exists() and file.read_text("utf-8").endswith("}"))
        self.address = str(json.loads(file.read_text("utf-8"))["address"])

    def join(
        self, environ: Mapping[str, str], *, threads: int = 4, python: Sequence[str] = (sys.executable,)
    ) -> subprocess.Popen[bytes]:
        """Start a worker with this environment, and return it once it has joined."""
        arguments = [
            self.address, *BOUND, "--protocol", self.protocol, "--no-nanny", "--nthreads", str(threads), "--local-directory", str(self.folder),
        ]  # fmt: skip
        log = self.folder / f"worker-{len(self.workers)}"
        worker = self._start("worker", arguments, environ, python)
        self.workers.append(worker)
        until(lambda: b"Registered to" in log.read_bytes() or worker.poll() is not None)
        return worker

    def log(self, number: int) -> str:
        return (self.folder / f"worker-{number}").read_text("utf-8")

    def _start(
        self, what: str, arguments: Sequence[str], environ: Mapping[str, str], python: Sequence[str] = (sys.executable,)
    ) -> subprocess.Popen[bytes]:  # fmt: skip
        name = f"worker-{len(self.workers)}" if what == "worker" else what
        with (self.folder / name).open("wb") as log:
            return subprocess.Popen(
                [*python, "-m", "distributed.cli.dask_" + what, *arguments],
                cwd=self.folder,
                env=environment(**environ),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """End every process."""
        for process in (*self.workers, self.scheduler):
            process.send_signal(signal.SIGKILL)
            process.wait()


@contextmanager
def cluster(folder: Path, *, protocol: str = "tcp", **environ: str) -> Iterator[Cluster]:
    """Run a scheduler with these variables; workers are joined to it."""
    folder.mkdir(exist_ok=True)
    made = Cluster(folder, protocol, environ)
    try:
        yield made
    finally:
        made.close()


def until(there: Callable[[], object]) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)
