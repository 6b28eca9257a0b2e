"""From Azure to scans, several subscriptions at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from azremedy import fleet, saved
from azremedy.arm import ArmId
from azremedy.cli.options import seconds
from azremedy.cli.output import note, save
from azremedy.cli.progress import Show, counting, progress, reading
from azremedy.cli.seen import Seen
from azremedy.cli.subscriptions import resolved, unread
from azremedy.collect import Graph
from azremedy.errors import AzremedyError, Incomplete
from azremedy.estate import Estate
from azremedy.playbook import Playbook, load, outside
from azremedy.question import Question
from azremedy.resources import Subscription, Unread
from azremedy.scan import Scan, needs
from azremedy.session import WEEK, Session, connect

if TYPE_CHECKING:
    from azremedy.asking import Inside
    from azremedy.checkpoint import Checkpoint
    from azremedy.cli.scan_flags import Flags

Tell = Callable[[Scan], None]


def silent(*_: object) -> None:
    """Show nothing."""


def online(
    flags: Flags, playbooks: Sequence[Playbook[Any]] | None, tell: Tell | None = None
) -> tuple[tuple[Scan, ...], tuple[Unread, ...]]:
    """
    Read subscriptions and judge each; `tell` is called with each scan as soon as it is made.

    One that cannot be read at all is among the second, and the others go on; where it is the only one, its
    `Incomplete` is raised.
    """
    scans: dict[ArmId, Scan] = {}
    log = note if flags.debug else None
    with (
        uncollected(),
        progress(quiet=flags.quiet or flags.debug) as show,
        connect(
            flags.cloud,
            tenant=flags.tenant,
            deadline=seconds(flags.deadline),
            log=log,
            workers=flags.in_flight,
            guests=flags.guest,
        ) as session,
        kept(flags, playbooks) as done,
    ):
        found, failed = resolved(session, flags.subscription, flags.management_group)
        if flags.save_estate and len(found) + len(failed) > 1:
            raise AzremedyError(f"--save-estate keeps one subscription, and {len(found)} were asked for.")
        several = len(found) > 1
        known = done.fresh(datetime.now(UTC)) if done else {}
        unknown = [one for one in found if one.id.key not in known]
        graph = session.graph(unknown) if flags.source == "graph" else None
        looking = Looking(session, flags, playbooks, silent if several else show, done, graph)
        count = counting(len(found), show) if several else silent
        for subscription, result in looking.each(found):
            count()
            if isinstance(result, Incomplete):
                if len(found) + len(failed) == 1:
                    raise result
                failed.append(unread(subscription.id, result))
                continue
            if tell:
                tell(result)
            scans[subscription.id] = result.told if tell and not flags.report else result
            if several and len(scans) % 50 == 0:
                gc.collect()
    if done and not failed:
        done.delete()
    if failed:
        looking.seen.missed()
    looking.seen.check(flags.vm, flags.resource_group)
    looking.seen.check_backups(flags.selection, flags.vault, flags.policy)
    return tuple(scans[one.id] for one in found if one.id in scans), tuple(failed)


@dataclass(slots=True)
class Looking:
    """What it takes to read and judge one subscription, from any thread, or to have it done elsewhere."""

    session: Session
    flags: Flags
    playbooks: Sequence[Playbook[Any]] | None
    show: Show
    done: Checkpoint | None
    graph: Graph | None = None
    seen: Seen = field(default_factory=Seen)
    lock: Lock = field(default_factory=Lock)
    """Held while something is learned that all subscriptions share."""

    @property
    def question(self) -> Question:
        flags = self.flags
        return Question(
            playbooks=None if self.playbooks is None else tuple(self.playbooks),
            lookback=flags.lookback or WEEK,
            deep=flags.deep,
            selection=flags.selection,
            suppressions=flags.accepted,
            whole=flags.save_estate is not None,
        )

    def each(self, found: Sequence[Subscription]) -> Iterator[tuple[Subscription, Scan | Incomplete]]:
        """Yield each subscription with its scan as soon as there is one, or with what kept it from being read."""
        return fleet.each(found, self.at) if self.flags.scheduler is None else self.afar(found)

    def at(self, subscription: Subscription, sized: fleet.Sized) -> Scan:
        """Read one subscription, or take what a checkpoint has of it, and judge it."""
        return self.before(subscription) or self.fresh(subscription, sized)

    def afar(self, found: Sequence[Subscription]) -> Iterator[tuple[Subscription, Scan | Incomplete]]:
        """Have the workers of a cluster do it."""
        from azremedy import cluster  # noqa: PLC0415 - an extra that only this flag needs

        flags, left = self.flags, list[Subscription]()
        for one in found:
            if scan := self.before(one):
                yield one, scan
            else:
                left.append(one)
        order = cluster.Order(
            self.question,
            self.session.cloud,
            flags.tenant,
            flags.in_flight,
            seconds(flags.deadline),
            estates=self.learns,
        )
        for one, answer in cluster.each(str(flags.scheduler), order, left, debug=flags.debug):
            if isinstance(answer, Incomplete):
                yield one, answer
                continue
            scan = replace(answer.scan, calls=self.session.charged(answer.scan.calls))
            if self.done and answer.estate:
                self.done.keep(one.id, answer.estate, sum(scan.calls.values()))
            estate = saved.unpack(answer.estate, "What a worker read") if answer.estate else None
            yield one, self.learned(scan, estate)

    @property
    def naming(self) -> bool:
        """Whether names are given that must be found somewhere."""
        flags = self.flags
        return bool(flags.vm or flags.resource_group or flags.vault or flags.policy)

    @property
    def learns(self) -> bool:
        """Whether what was read is needed here, beside what is said of it."""
        flags = self.flags
        return bool(flags.mask or self.naming or flags.save_estate or flags.change or self.done)

    def before(self, subscription: Subscription) -> Scan | None:
        """Judge what a checkpoint has of a subscription, if it has it."""
        if self.flags.mask:
            with self.lock:
                self.flags.mask.about(subscription)
        estate = self.done and self.done.estate(subscription.id, datetime.now(UTC))
        return self.learned(self.question.judge(estate), estate) if estate else None

    def fresh(self, subscription: Subscription, sized: fleet.Sized) -> Scan:
        estate, scan = self.question.ask(
            self.session,
            subscription,
            progress=reading(subscription.name, self.show),
            sized=sized,
            inside=self.inside(subscription),
            swept=self.graph.of(subscription) if self.graph else None,
        )
        if self.done:
            self.done.keep(subscription.id, saved.pack(estate), sum(scan.calls.values()))
        return self.learned(scan, estate)

    def inside(self, subscription: Subscription) -> Inside | None:
        if not self.flags.guest:
            return None
        from azremedy.cli.inside import asking  # noqa: PLC0415 - what writes a journal is loaded when VMs are asked

        return asking(self.session, subscription, now=self.flags.now)

    def learned(self, scan: Scan, estate: Estate | None) -> Scan:
        """Take in what was read, where that is needed, and return what is said of it."""
        flags = self.flags
        if estate is None:
            return scan
        with self.lock:
            if flags.mask:
                flags.mask.learn(estate)
            if self.naming:
                self.seen.add(estate)
        if flags.save_estate:
            save(flags.save_estate, saved.dump(estate))
        if flags.change is None:
            return scan
        from azremedy.cli.changing import changed  # noqa: PLC0415 - only a gate judges a change

        return changed(scan, estate, flags.change, self.playbooks)


@contextmanager
def kept(flags: Flags, playbooks: Sequence[Playbook[Any]] | None) -> Iterator[Checkpoint | None]:
    """Yield what `--checkpoint` has of an interrupted scan; the file goes once everything was read."""
    if flags.checkpoint is None:
        yield None
        return
    from azremedy import checkpoint  # noqa: PLC0415 - only this flag needs it

    every = load().values() if flags.guest else outside()
    reads = needs(every if playbooks is None else playbooks) | flags.selection.needs
    asked = {
        "cloud": flags.cloud,
        "tenant": flags.tenant,
        "lookback": (flags.lookback or WEEK).total_seconds(),
        "deep": flags.deep,
        "source": flags.source,
        "reads": sorted(map(str, reads)),
        "vms": sorted(flags.vm),
        "groups": sorted(flags.resource_group),
        "vaults": sorted(flags.vault),
        "policies": sorted(flags.policy),
    }
    with checkpoint.opened(flags.checkpoint, asked) as done:
        yield done


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for cycles: an estate has none, lives to the end, and the search costs a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
