"""The crash matrix: the process is killed before and after each write and at each read in between, then resumed."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pytest
from matrix import SEED, wrong
from scenes import SCENES, Scene, each
from staging import Stage, staged

from azremedy.arm import Accepted, Json, Look, Request, Writer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork, and no SIGKILL")

FEW = 2
"""Reads of each scene at which the sample kills."""
LONGEST = 60.0
"""Seconds that a child may take."""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which the process dies: before the nth `get`, `look` or `send` of its writer, or after it."""

    call: str
    nth: int
    after: bool = False


@dataclass
class Mortal:
    """A writer whose process dies at a point; it notes what it was asked for."""

    writer: Writer
    end: Point | None = None
    calls: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.writer.now

    def get(self, address: str, query: Mapping[str, str] | None = None) -> Json:
        self._at("get", after=False)
        return self.writer.get(address, query)

    def look(self, operation: str) -> Look:
        self._at("look", after=False)
        return self.writer.look(operation)

    @property
    def signed_in_for(self) -> float | None:
        return self.writer.signed_in_for

    def send(self, request: Request, etag: str | None = None) -> Accepted:
        self._at("send", after=False)
        accepted = self.writer.send(request, etag)
        self._at("send", after=True)
        return accepted

    def _at(self, call: str, *, after: bool) -> None:
        if not after:
            self.calls.append(call)
        if self.end == Point(call, self.calls.count(call), after):
            os.kill(os.getpid(), signal.SIGKILL)


def undisturbed(scene: Scene, folder: Path) -> list[str]:
    """Return the calls of a run that lives."""
    with staged(scene, folder) as stage, stage.session.writer() as writer:
        mortal = Mortal(writer)
        stage.carry_out(mortal)
    return mortal.calls


def points(calls: Sequence[str]) -> list[Point]:
    """Return where to kill, from the first write on."""
    return [
        Point(call, calls[: number + 1].count(call), after)
        for number, call in enumerate(calls)
        for after in ((False, True) if call == "send" else (False,))
        if "send" in calls[: number + 1]
    ]


def killed(stage: Stage, end: Point) -> bool:
    """Carry the plan out in a child that dies at a point, and return whether it got there."""
    with warnings.catch_warnings():
        # The threads of this process only wait while it forks, and the child touches none of what is theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        live(stage, end)
    until = time.monotonic() + LONGEST
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail(f"The child that was to die at {end} hangs.")
        time.sleep(0.005)
    code = os.waitstatus_to_exitcode(ended[1])
    assert code in {0, -signal.SIGKILL}
    return code != 0


def live(stage: Stage, end: Point) -> NoReturn:
    code = 1
    try:
        with stage.session.writer() as writer:
            stage.carry_out(Mortal(writer, end))
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may come back from here into the tests of the parent
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)


def lost(scene: Scene, chosen: Sequence[Point], folder: Path) -> list[str]:
    said = []
    for number, point in enumerate(chosen):
        with staged(scene, folder / str(number)) as stage:
            if not killed(stage, point) and point.call == "send":
                said.append(f"{point}: the write did not come up")
            stage.resume()
            said += [f"{point}: {one}" for one in wrong(stage, carried_out="kill")]
    return said


@each(*SCENES)
def test_nothing_is_lost_when_the_process_dies_at_a_write(scene: Scene, tmp_path: Path) -> None:
    all_ = points(undisturbed(scene, tmp_path / "clean"))
    writes = [one for one in all_ if one.call == "send"]
    reads = [one for one in all_ if one.call != "send"]
    chosen = writes + random.Random(f"{SEED} {scene.id}").sample(reads, min(FEW, len(reads)))

    assert lost(scene, chosen, tmp_path) == []


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@each(*SCENES)
def test_nothing_is_lost_wherever_the_process_dies(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    all_ = points(undisturbed(scene, tmp_path / "clean"))
    said = lost(scene, all_, tmp_path)

    with capsys.disabled():
        sys.stdout.write(f"\n{scene.playbook}, {scene.id}: killed at {len(all_)} points, {len(said)} lost\n")
    assert said == []
