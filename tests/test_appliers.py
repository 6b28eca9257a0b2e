"""Two who would write to one subscription at the same time: the second is told so, and sends nothing."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import Ended, command, environment
from hostile import POINTS, Ward, broken, ward
from scenes import LIMIT, lock

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no terminals that a test could make")

LOCKED = broken("sql1", LIMIT, hours=32, points=POINTS, locks=[lock("AzureBackupRG_westeurope_1")])
FIX = ("fix", "-s", "demo", "--playbook", "restore-point-lock", "--allow", "guarded", "--apply", "-o", "none")


@contextmanager
def asked(made: Ward) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A run that waits for a person's answer, and the terminal at which the answer is given."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command(*FIX), env=environment(**made.variables), stdin=theirs, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        while "Carry out" not in os.read(process.stderr.fileno(), 4096).decode():
            assert process.poll() is None
            assert select.select([process.stderr], [], [], 30)[0]
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
        os.close(theirs)


def refused(ended: Ended, first: int) -> bool:
    return ended.code == 2 and ended.err.splitlines()[-1].startswith(
        f"azremedy: Another azremedy (process {first}) is writing to "
    )


def test_the_second_is_refused_in_a_sentence_and_the_first_goes_on(tmp_path: Path) -> None:
    with ward(tmp_path, LOCKED, speed=3000) as made, asked(made) as (first, terminal):
        second = made.cli(*FIX, "--yes")

        assert refused(second, first.pid), second.err
        assert second.err.count("\n") == 1
        assert made.sent == []
        os.write(terminal, b"y\n")
        first.communicate(timeout=60)
        assert first.returncode == 0
        assert [one.split()[0] for one in made.sent] == ["DELETE", "POST", "PUT"]


def test_reading_is_open_to_everyone_meanwhile(tmp_path: Path) -> None:
    with ward(tmp_path, LOCKED) as made, asked(made):
        for line in (("scan", "-s", "demo"), ("fix", "-s", "demo"), ("runs",)):
            assert made.cli(*line).code == 0


def test_who_comes_after_a_killed_one_is_not_refused(tmp_path: Path) -> None:
    with ward(tmp_path, LOCKED, speed=3000) as made, asked(made) as (first, _):
        first.kill()
        first.wait()

        assert made.cli(*FIX, "--yes").code == 0
