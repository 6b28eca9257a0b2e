"""The fault matrix: each request of each cure goes wrong once in each way, and nothing is lost."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from matrix import SEED, WAYS, Spot, key, spots_of, wrong
from scenes import SCENES, Scene, each
from staging import staged

from azremedy.errors import AzremedyError
from azremedy.plan import Outcome
from azremedy.verify import Verdict

WELL = {Outcome.APPLIED, Outcome.NOT_NEEDED}
BETTER = {Verdict.FIXED, Verdict.RELIEVED}
FEW = 1
"""Reads of each scene that are disturbed in the sample, each in one way."""
AT_ONCE = 4
"""Sandboxes at a time."""

Case = tuple[Spot, str]


def undisturbed(scene: Scene, folder: Path) -> list[Spot]:
    """Return the requests of a run in which nothing goes wrong, and see to it that it cures."""
    with staged(scene, folder) as stage:
        with stage.session.writer() as writer:
            done = stage.carry_out(writer).done
        spots = spots_of(stage)
        assert {one.outcome for one in done} <= WELL
        assert wrong(stage) == []
        assert not scene.lasting or stage.verdicts() <= BETTER
    return spots


def disturbed(scene: Scene, spot: Spot, way: str, folder: Path) -> Iterator[str]:
    """Run a scene with one fault, resume it where it did not come to its end, and yield what is wrong then."""
    with staged(scene, folder) as stage:
        stage.sandbox.faults = [spot.fault(way)]
        done = None
        try:
            with stage.session.writer() as writer:
                done = stage.carry_out(writer).done
        except AzremedyError:
            pass  # one clear sentence is a fair end
        if spot.writes and spot not in spots_of(stage):
            yield "the write did not come up"
        stage.sandbox.faults = []
        stage.resume()
        yield from wrong(stage, carried_out=way)
        confirmed = {key(one.step.request) for one in stage.entries if one.state == "confirmed"}
        for one in done or ():
            if one.outcome is Outcome.APPLIED and key(one.step.request) not in confirmed:
                yield f"{one.step.summary} is said to be applied, and the journal does not say so"
        well = done is not None and {one.outcome for one in done} <= WELL
        if well and scene.lasting and not stage.verdicts() <= BETTER:
            yield "all is said to be applied, and it is not cured"


def cases(spots: Sequence[Spot]) -> list[Case]:
    return [(spot, way) for spot in spots for way in WAYS]


def sample(scene: Scene, spots: Sequence[Spot]) -> list[Case]:
    """Return every write in every way, and a few of the rest, the same ones each time."""
    chance = random.Random(f"{SEED} {scene.id}")
    rest = [one for one in cases(spots) if not one[0].writes]
    return [one for one in cases(spots) if one[0].writes] + chance.sample(rest, FEW)


def lost(scene: Scene, chosen: Sequence[Case], folder: Path) -> list[str]:
    """Run these cases, some at a time, as most of each is waiting; return what is wrong after them."""

    def run(number: int) -> list[str]:
        spot, way = chosen[number]
        return [f"{spot}, {way}: {said}" for said in disturbed(scene, spot, way, folder / str(number))]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [said for of_one in pool.map(run, range(len(chosen))) for said in of_one]


@each(*SCENES)
def test_nothing_is_lost_when_a_write_goes_wrong(scene: Scene, tmp_path: Path) -> None:
    chosen = sample(scene, undisturbed(scene, tmp_path / "clean"))

    assert lost(scene, chosen, tmp_path) == []


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@each(*SCENES)
def test_nothing_is_lost_whichever_request_goes_wrong(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spots = undisturbed(scene, tmp_path / "clean")
    said = lost(scene, cases(spots), tmp_path)

    with capsys.disabled():
        sys.stdout.write(
            f"\n{scene.playbook}, {scene.id}: {len(spots)} requests x {len(WAYS)} ways, {len(said)} lost\n"
        )
    assert said == []
