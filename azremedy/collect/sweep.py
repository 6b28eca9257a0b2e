"""The reading of one subscription while it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Lock as Mutex
from typing import Any

from azremedy.arm import ArmId, Json, Reader
from azremedy.collect import decode, sources
from azremedy.collect.given import NOTHING, Given
from azremedy.collect.sources import Single, Source
from azremedy.collect.suspects import contended, failed_jobs, slow_jobs, uncounted
from azremedy.errors import ReadError
from azremedy.estate import Estate, Protected
from azremedy.resources import PER_VAULT, PowerState, Read, RunningJobs, Subscription, Unread, Vault

Progress = Callable[[Read, int], None]
"""Called with a kind and the number of requests of that kind so far, from any thread."""

FIELDS: Mapping[Read, str] = {
    Read.VMS: "vms",
    Read.POWER: "power_states",
    Read.DISKS: "disks",
    Read.NICS: "nics",
    Read.NSGS: "nsgs",
    Read.VNETS: "subnets",
    Read.ROUTE_TABLES: "route_tables",
    Read.LOCKS: "locks",
    Read.GROUPS: "groups",
    Read.COLLECTIONS: "collections",
    Read.VAULTS: "vaults",
    Read.ITEMS: "items",
    Read.JOBS: "jobs",
    Read.POLICIES: "policies",
}
IDLE = 100
"""Empty pages in a row after which a list is taken to lead nowhere; ARM may send a few where it filters."""

NONSENSE = (ValueError, TypeError, AttributeError, KeyError)
"""What decoding raises on JSON of another shape than ARM's."""


class Sweep:
    """
    The reading of one subscription while it goes on: what was asked, and what had no answer.

    Lists run on threads of their own, because each waits for its next page; all requests share the other pool.
    """

    def __init__(
        self,
        reader: Reader,
        requests: ThreadPoolExecutor,
        lists: ThreadPoolExecutor,
        progress: Progress | None,
    ) -> None:
        self.reader = reader
        self.requests = requests
        self.lists = lists
        self.progress = progress
        self.calls: Counter[Read] = Counter()
        self.unread: list[Unread] = []
        self.mutex = Mutex()

    def everything(
        self,
        subscription: Subscription,
        reads: frozenset[Read],
        lookback: timedelta,
        sized: Callable[[int], object] = lambda _: None,
        given: Given = NOTHING,
    ) -> dict[str, Any]:
        """
        Read the lists that are not `given`, vaults first, since theirs can start only when they are known.

        `sized` is told the number of VMs.
        """
        asked = reads | ({Read.VAULTS} if reads & PER_VAULT else frozenset())
        running = {
            source.read: self.lists.submit(self.held, source)
            for source in sources.of_subscription(subscription.id)
            if source.read in asked - given.lists.keys() - given.refused
        }
        vaults = list(running[Read.VAULTS].result().values()) if Read.VAULTS in running else []
        per_vault = self.asked_of(vaults, asked - given.refused, lookback, besides=given.vaults)
        found: dict[str, dict[str, Any]] = {field: {} for field in FIELDS.values()}
        for read, told in (*given.lists.items(), *given.of(vaults)):
            found[FIELDS[read]].update((by_id(one), one) for one in told)
        if Read.VMS in running or Read.VMS in given.lists:
            sized(len(running[Read.VMS].result()) if Read.VMS in running else len(given.lists[Read.VMS]))
        for read, future in (*running.items(), *per_vault):
            found[FIELDS[read]].update(future.result())
        return {field: tuple(values[id_] for id_ in sorted(values)) for field, values in found.items()}

    def asked_of(
        self,
        vaults: Iterable[Vault],
        reads: frozenset[Read],
        lookback: timedelta,
        besides: Collection[ArmId] = (),
    ) -> list[tuple[Read, Future[dict[str, Any]]]]:
        """Start to read the lists of these vaults, but for those `besides`."""
        return [
            (source.read, self.lists.submit(self.held, source))
            for vault in vaults
            if vault.id not in besides
            for source in sources.of_vault(vault, self.reader.now, lookback)
            if source.read in reads
        ]

    def listed(self, source: Source) -> list[Any]:
        """Return what one list holds, in the order it came (see `held`)."""
        return list(self.held(source).values())

    def held(self, source: Source) -> dict[str, Any]:
        """
        Return what one list holds by id, each resource once, even where it moved from one page to the next meanwhile.

        Where the list breaks off, what came before stays and the gap is noted.
        """
        held: dict[str, Any] = {}
        try:
            for page in self.pages(source):
                for element in page:
                    for resource in self.decoded(source, element):
                        held[by_id(resource)] = resource
        except ReadError as error:
            self.gap(source.read, source.scope, error)
        return held

    def decoded(self, source: Source, element: Json) -> Iterable[Any]:
        try:
            return source.decode(element)
        except NONSENSE as error:
            self.gap(source.read, veiled(source, own_id(element)), malformed("an element", error))
            return ()

    def pages(self, source: Source) -> Iterator[list[Json]]:
        """Yield the pages of a list, the next one already under way while one is decoded."""
        asked, seen, idle = {source.address}, set[str](), 0
        body = self.get(source.read, source.address, source.query)
        while True:
            values, link = body.get("value"), body.get("nextLink")
            if not isinstance(values, list):
                raise ReadError("the answer is no list: it has no 'value'", status=200, code="NotAList")
            if link and (not isinstance(link, str) or link in asked):
                raise ReadError("the list leads back to a page it came from", status=200, code="NextLinkLoop")
            asked.add(link or "")
            named = {id_ for one in values if (id_ := own_id(one))}
            idle = idle + 1 if named <= seen else 0
            seen |= named
            if link and idle > (IDLE if not named else 0):
                raise ReadError("the list goes on and brings nothing new", status=200, code="NextLinkLoop")
            waiting = self.requests.submit(self.get, source.read, link) if link else None
            yield values
            if waiting is None:
                return
            body = waiting.result()

    def closer(self, estate: Estate, looked_at: tuple[Protected, ...]) -> Estate:
        """Read the instance view and the newest failed job of each suspect."""
        views = [
            self.submit(sources.instance_view(one.id))
            for one in looked_at
            if Read.VIEW in estate.reads and one.vm is not None
        ]
        details = [
            self.submit(sources.job_detail(one, job))
            for one, job in failed_jobs(estate, looked_at)
            if Read.JOB_DETAIL in estate.reads
        ]
        read_views = tuple(sorted(answers(views), key=by_id))
        read_jobs = {job.id: job for job in answers(details)}
        return self.powered(
            estate.changed(
                views=read_views,
                jobs=tuple(merged(job, read_jobs.get(job.id)) for job in estate.jobs),
            ),
            looked_at,
        )

    def powered(self, estate: Estate, looked_at: tuple[Protected, ...]) -> Estate:
        """Take a power state that the list left out from the instance view; what neither tells is a gap."""
        if Read.POWER not in estate.reads or estate.not_read(Read.POWER):
            return estate
        told: list[PowerState] = []
        for one in looked_at:
            if one.vm is None or one.power is not None:
                continue
            view = estate.view.get(one.id)
            if view and (state := decode.power_of(one.code for one in view.statuses)):
                told.append(PowerState(one.id, state))
            else:
                self.gap(
                    Read.POWER,
                    one.id,
                    ReadError("ARM reports no power state", status=200, code="NoPowerState"),
                )
        return (
            estate.changed(power_states=tuple(sorted((*estate.power_states, *told), key=by_id)))
            if told
            else estate
        )

    def counted(self, estate: Estate, looked_at: tuple[Protected, ...], *, deep: bool) -> Estate:
        """Count the restore points of the suspects that may be full."""
        counts = [
            self.submit(sources.restore_points(held)) for held in uncounted(estate, looked_at, deep=deep)
        ]
        return estate.changed(restore_points=tuple(sorted(answers(counts), key=by_id)))

    def running(self, estate: Estate, looked_at: tuple[Protected, ...], *, deep: bool) -> Estate:
        """Ask the vaults in which a backup of a suspect may be running, and of old ones what they do."""
        asked = [
            (vault, self.lists.submit(self.listed, sources.running_jobs(vault.id, self.reader.now)))
            for vault in contended(estate, looked_at, deep=deep)
        ]
        found = [RunningJobs(vault.id, tuple(sorted(jobs.result(), key=by_id))) for vault, jobs in asked]
        details = [
            self.submit(sources.job_detail(one, job)) for one, job in slow_jobs(estate, looked_at, found)
        ]
        tasks = {job.id: job.tasks for job in answers(details)}
        told = tuple(
            replace(held, jobs=tuple(replace(job, tasks=tasks.get(job.id, ())) for job in held.jobs))
            for held in found
        )
        return estate.changed(running_jobs=tuple(sorted(told, key=lambda held: held.vault)))

    def submit(self, single: Single) -> Future[Any]:
        """Start one single read; its future holds the decoded resource, or None where there is a gap."""
        return self.requests.submit(self.read_one, single)

    def read_one(self, single: Single) -> Any:
        try:
            return single.decode(self.get(single.read, single.address, single.query))
        except ReadError as error:
            self.gap(single.read, single.scope, error)
        except NONSENSE as error:
            self.gap(single.read, single.scope, malformed("the answer", error))
        return None

    def get(self, read: Read, address: str, query: Mapping[str, str] | None = None) -> Json:
        return self.asked(read, lambda: self.reader.get(address, query))

    def asked(self, read: Read, request: Callable[[], Json]) -> Json:
        """Return the answer to one request, counted and told of."""
        try:
            body = request()
        except ReadError as error:
            if error.status is not None:
                self.count(read)
            raise
        done = self.count(read)
        if self.progress:
            self.progress(read, done)
        return body

    def count(self, read: Read) -> int:
        """Count a request that ARM answered, and return how many of its kind there are."""
        with self.mutex:
            self.calls[read] += 1
            return self.calls[read]

    def gap(self, read: Read, scope: ArmId, error: ReadError) -> None:
        with self.mutex:
            self.unread.append(Unread(read, scope, error.reason, error.status, error.code))


def own_id(element: Json) -> str | None:
    """The id of an element of a list, whatever else of it makes sense."""
    id_ = element.get("id") if isinstance(element, dict) else None
    return id_.lower() if isinstance(id_, str) and id_.startswith("/") else None


def veiled(source: Source, id_: str | None) -> ArmId:
    """
    What is unknown because one element of a list makes no sense.

    A VM or a disk veils itself, a lock what it stands on; an item, a job or a collection that does not tell its VM may
    be any VM's.
    """
    if id_ is None or source.read in {Read.ITEMS, Read.JOBS, Read.RUNNING_JOBS, Read.COLLECTIONS}:
        return source.scope
    return ArmId(id_).scope if source.read is Read.LOCKS else ArmId(id_)


def malformed(what: str, error: Exception) -> ReadError:
    return ReadError(f"{what} makes no sense: {error}", status=200, code="Malformed")


def answers(futures: Iterable[Future[Any]]) -> list[Any]:
    """Return what single reads gave, without those that have no answer."""
    return [answer for future in futures if (answer := future.result()) is not None]


def merged(listed: Any, detailed: Any) -> Any:
    """A job of the list with the errors that only its own address tells."""
    return (
        listed
        if detailed is None
        else replace(listed, errors=detailed.errors, dynamic_text=detailed.dynamic_text)
    )


def by_id(resource: Any) -> str:
    """What keeps an estate in the same order however its pages came in."""
    id_: ArmId = getattr(resource, "id", None) or getattr(resource, "vm", None) or resource.collection
    return id_.key
