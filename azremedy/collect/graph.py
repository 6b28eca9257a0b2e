"""
The first sweep through Azure Resource Graph: a few queries over many subscriptions, in place of many lists of each.

It is asked for so many subscriptions at once as fit into memory, when the first of them is wanted. What it may be behind
in, and what it does not know or does not show, is in `rows`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

from azremedy.arm import Json, PostingReader
from azremedy.collect import kql
from azremedy.collect.rows import KINDS, Rows, Swept
from azremedy.collect.values import arm_id
from azremedy.errors import ReadError
from azremedy.resources import Read, Subscription

ADDRESS = "/providers/Microsoft.ResourceGraph/resources"
API = {"api-version": "2021-03-01"}

TOPS = (1000, 200, 40)
"""Rows of a page: as many as there may be, fewer where their text is too long for an answer."""
AT_ONCE = 300
"""Subscriptions that one query is about at most."""
ROOM = 2_000
"""VMs of the subscriptions that are asked about together."""

ANSWERED_BY = {
    kql.RESOURCES: KINDS - {Read.ITEMS, Read.JOBS, Read.POLICIES},
    kql.EXTENSIONS: frozenset({Read.VMS}),
    kql.BACKUPS: frozenset({Read.ITEMS, Read.POLICIES}),
    kql.JOBS: frozenset({Read.JOBS}),
}
"""The queries of a sweep, and the kinds that each answers."""


class Graph:
    """What Resource Graph holds of some subscriptions, for as many threads as want it; `room` is in VMs."""

    def __init__(
        self, reader: PostingReader, subscriptions: Sequence[Subscription], room: int = ROOM
    ) -> None:
        self._reader = reader
        self._subscriptions = subscriptions
        self._room = room
        self._lock = Lock()
        self._batches: dict[str, Batch] = {}
        self._queries = 0

    def of(self, subscription: Subscription) -> Swept:
        """Return what it holds of a subscription; those of the others that fit beside it are asked about with it."""
        guid = guid_of(subscription)
        with self._lock:
            if not self._batches:
                for batch in self._cut():
                    self._batches.update((one, batch) for one in batch.guids)
            queries, self._queries = self._queries, 0
            batch = self._batches.pop(guid) if guid in self._batches else Batch(self._reader, [guid])
        return batch.of(guid, queries)

    def _cut(self) -> Iterator[Batch]:
        """Yield the subscriptions in parts that are asked about together."""
        guids = [guid_of(one) for one in self._subscriptions]
        vms = self._census(guids) if len(guids) > 1 else Counter[str]()
        part, room = list[str](), 0
        for guid in guids:
            if part and (len(part) == AT_ONCE or room + vms[guid] > self._room):
                yield Batch(self._reader, part)
                part, room = [], 0
            part.append(guid)
            room += vms[guid]
        if part:
            yield Batch(self._reader, part)

    def _census(self, guids: Sequence[str]) -> Counter[str]:
        """Count the VMs of each subscription; where that fails, each is taken to fill all room."""
        found: Counter[str] = Counter()

        def count(page: list[Json]) -> None:
            found.update(str(row.get("subscriptionId")).lower() for row in page)

        try:
            for part in parts(guids):
                self._queries += ask(self._reader, kql.VMS, part, count)
        except ReadError:
            return Counter(dict.fromkeys(guids, self._room))
        return found


class Batch:
    """Subscriptions that are asked about together, when the first of them is wanted."""

    def __init__(self, reader: PostingReader, guids: Sequence[str]) -> None:
        self.guids = guids
        self._reader = reader
        self._lock = Lock()
        self._swept: dict[str, Swept] | None = None

    def of(self, guid: str, queries: int) -> Swept:
        with self._lock:
            if self._swept is None:
                self._swept = self._sweep(queries)
            return self._swept.pop(guid)

    def _sweep(self, queries: int) -> dict[str, Swept]:
        rows, mutex = {guid: Rows() for guid in self.guids}, Lock()

        def take(told: frozenset[Read], page: list[Json]) -> None:
            with mutex:
                for row in page:
                    if of := owner(rows, row):
                        of.take(row, told)
                    else:
                        for one in rows.values():
                            one.doubt(row, told)

        refused: dict[Read, ReadError] = {}
        at = self._reader.now
        with ThreadPoolExecutor(len(ANSWERED_BY)) as threads:
            asked = {
                text: threads.submit(ask, self._reader, text, self.guids, partial(take, told))
                for text, told in ANSWERED_BY.items()
            }
            for text, future in asked.items():
                try:
                    queries += future.result()
                except ReadError as error:
                    queries += 1
                    refused.update((read, error) for read in ANSWERED_BY[text])
        first = self.guids[0]
        return {guid: held.swept(refused, queries if guid == first else 0, at) for guid, held in rows.items()}


def owner(rows: Mapping[str, Rows], row: Json) -> Rows | None:
    """Return the rows of the subscription that a row is of, as its id says or else its column; None where neither does."""
    id_ = arm_id(row.get("id"))
    return rows.get((id_ and id_.subscription) or "") or rows.get(str(row.get("subscriptionId")).lower())


def guid_of(subscription: Subscription) -> str:
    return subscription.id.subscription or ""


def parts(guids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield subscriptions in as many as one query may be about."""
    return (guids[at : at + AT_ONCE] for at in range(0, len(guids), AT_ONCE))


def ask(reader: PostingReader, query: str, guids: Sequence[str], take: Callable[[list[Json]], None]) -> int:
    """
    Hand each page of the rows of a query to `take`, and return how many requests that took.

    Raises `ReadError` where not all rows came. Where an answer would be too long, all of it is asked for again in
    shorter pages: rows may come twice.
    """
    sent = 0
    for top in TOPS:
        try:
            for page in pages(reader, query, guids, top):
                sent += 1
                take(page)
        except ReadError as error:
            if top == TOPS[-1] or not too_long(error):
                raise
            sent += 1
        else:
            return sent
    return sent


def first_number(reader: PostingReader, query: str, guids: Sequence[str]) -> int:
    """Return the number that a query for one number is answered with. Raises `ReadError`."""
    body = {"subscriptions": list(guids), "query": query, "options": {"resultFormat": "objectArray"}}
    data = reader.post_read(ADDRESS, body, API).get("data")
    row = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    number = next((one for one in row.values() if isinstance(one, int)), None)
    if number is None:
        raise ReadError("Resource Graph counted nothing that can be read.", status=200, code="NoCount")
    return number


def too_long(error: ReadError) -> bool:
    return error.code.lower() == "responsepayloadtoolarge"


def pages(reader: PostingReader, query: str, guids: Sequence[str], top: int) -> Iterator[list[Json]]:
    """Yield the pages of the rows of a query. Raises `ReadError`, also in their midst and at their end."""
    options: dict[str, Json] = {"resultFormat": "objectArray", "$top": top}
    seen, came = set[str](), 0
    while True:
        body = {"subscriptions": list(guids), "query": query, "options": options}
        answer = reader.post_read(ADDRESS, body, API)
        data, token, total = answer.get("data"), answer.get("$skipToken"), answer.get("totalRecords")
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise ReadError("the answer of Resource Graph has no rows", status=200, code="NotAList")
        yield data
        came += len(data)
        if not token:
            if str(answer.get("resultTruncated")).lower() == "true" or (
                isinstance(total, int) and came < total
            ):
                told = f"Resource Graph showed {came} of {total} rows"
                raise ReadError(told, status=200, code="Truncated")
            return
        if token in seen or not isinstance(token, str):
            raise ReadError("the pages of Resource Graph never end", status=200, code="NextLinkLoop")
        seen.add(token)
        options = {**options, "$skipToken": token}
