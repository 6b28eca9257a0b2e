"""From one scan to the next: what is new, worse, gone or due, and what is not known any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from msgspec import structs

from azremedy.baseline import Comparison, Known, Since
from azremedy.errors import AzremedyError
from azremedy.resources import Unread
from azremedy.scan import Diagnosis, Scan, Unexplained
from azremedy.watch.memory import Found, Memory
from azremedy.watch.shown import gap_key, looked_at, scope_of, subscription_of

TOLD_ANEW: Final = (Since.NEW, Since.WORSE)


@dataclass(frozen=True, slots=True)
class Looked:
    """
    How a scan came out.

    `failed` are subscriptions of which nothing could be read, `failure` is why there is no scan at all. `compared` sets what
    was found beside what was known; `at` is when it ended.
    """

    at: datetime
    scans: tuple[Scan, ...] = ()
    failed: tuple[Unread, ...] = ()
    compared: Comparison = field(default_factory=lambda: Comparison({}))
    failure: AzremedyError | None = None

    @property
    def unread(self) -> tuple[Unread, ...]:
        return (*self.failed, *(one for scan in self.scans for one in scan.unread))

    @property
    def diagnoses(self) -> Iterator[Diagnosis]:
        return (one for scan in self.scans for one in scan.diagnoses)

    @property
    def unexplained(self) -> Iterator[Unexplained]:
        return (one for scan in self.scans for one in scan.unexplained)

    @property
    def whole(self) -> bool:
        """Whether all that was asked for was read."""
        return self.failure is None and not self.unread


@dataclass(frozen=True, slots=True)
class News:
    """
    What changed since the last scan that came to something, which ended at `since` (None: there was none).

    `due` are findings that were known, on whose day backups fail and that comes near; a new one has its day, too.
    `read_again` says what can be read again, in the words in which it was told to be unread; `recovered` that a scan came to
    something after one that did not.
    """

    at: datetime
    since: datetime | None
    new: tuple[Diagnosis, ...] = ()
    worse: tuple[Diagnosis, ...] = ()
    gone: tuple[Known, ...] = ()
    due: tuple[Diagnosis, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    unread: tuple[Unread, ...] = ()
    read_again: tuple[str, ...] = ()
    failure: AzremedyError | None = None
    recovered: bool = False

    def __bool__(self) -> bool:
        told = (self.new, self.worse, self.gone, self.due, self.unexplained, self.unread, self.read_again)
        return any(told) or self.failure is not None or self.recovered


def news_of(last: Memory, looked: Looked, within: timedelta) -> News:
    """Return what a scan has to tell beside the last one; a day is near `within` that time."""
    if looked.failure is not None:
        anew = last.failure != looked.failure.exit
        return News(looked.at, last.at, failure=looked.failure if anew else None)
    since = looked.compared.since
    told = {one.fingerprint: one.due for one in last.findings}
    return News(
        at=looked.at,
        since=last.at,
        new=tuple(one for one in looked.diagnoses if since.get(one.fingerprint) is Since.NEW),
        worse=tuple(one for one in looked.diagnoses if since.get(one.fingerprint) is Since.WORSE),
        gone=looked.compared.gone,
        due=tuple(
            one
            for one in looked.diagnoses
            if since.get(one.fingerprint) not in TOLD_ANEW
            and is_near(one, looked.at, within)
            and earlier(one.finding.due, told.get(one.fingerprint))
        ),
        unexplained=tuple(one for one in looked.unexplained if one.vm.key not in last.unexplained),
        unread=tuple(one for one in looked.unread if gap_key(one) not in last.unread),
        read_again=tuple(sorted(read_again(last.unread, looked))),
        recovered=last.failure is not None,
    )


def shown_as(news: News, looked: Looked, shown: Looked, words: Callable[[str], str]) -> News:
    """Return news of what was looked at in the form in which that is shown; `words` is a text in that form."""
    same = dict(zip(map(id, parts(looked)), parts(shown), strict=True))
    failure = news.failure
    if failure is not None:
        failure = AzremedyError(words(str(failure)))
        failure.exit = news.failure.exit if news.failure else failure.exit
    told: dict[str, Any] = {name: tuple(same[id(one)] for one in getattr(news, name)) for name in PARTS}
    return replace(
        news,
        **told,
        read_again=tuple(map(words, news.read_again)),
        failure=failure,
    )


PARTS: Final = ("new", "worse", "gone", "due", "unexplained", "unread")


def parts(looked: Looked) -> Iterator[Any]:
    """Yield whatever news may be made of, in an order that stays."""
    yield from looked.diagnoses
    yield from looked.unexplained
    yield from looked.unread
    yield from looked.compared.gone


def is_near(one: Diagnosis, now: datetime, within: timedelta) -> bool:
    """Whether the day of a finding is one of the next ones."""
    return one.finding.due is not None and one.finding.due <= (now + within).date()


def earlier(due: date | None, told: date | None) -> bool:
    """Whether a day was not told of yet, or only a later one."""
    return due is not None and (told is None or due < told)


def read_again(unread: Iterable[str], looked: Looked) -> frozenset[str]:
    """
    Return what was unread and is not any more.

    That is only what was asked for: not in a subscription that was not looked at, nor below what itself is unread.
    """
    gaps = {gap_key(one) for one in looked.unread}
    above = tuple(f"{one.scope.key}/" for one in looked.unread)
    read = {scan.subscription.id.key for scan in looked.scans} | {None}
    return frozenset(
        one
        for one in unread
        if one not in gaps and subscription_of(scope := scope_of(one)) in read and not scope.startswith(above)
    )


def after(last: Memory, looked: Looked, within: timedelta) -> Memory:
    """
    Return what is known after a scan. What it could not look at stays as it was known.

    One that came to nothing leaves the time as it was, too: it has none by ARM's clock, which may be another than that here.
    """
    if looked.failure is not None:
        return structs.replace(last, failure=int(looked.failure.exit))
    before = {one.fingerprint: one for one in last.findings}
    found = [remembered(one, before.get(one.fingerprint), looked.at, within) for one in looked.diagnoses]
    unseen = [before[one.fingerprint] for one in looked.compared.unseen]
    return Memory(
        at=looked.at,
        succeeded=looked.at if looked.whole else last.succeeded,
        subscriptions=last.subscriptions | looked_at(looked.scans, looked.failed),
        findings=tuple(sorted((*found, *unseen), key=lambda one: one.fingerprint)),
        unread=frozenset(map(gap_key, looked.unread)) | last.unread - read_again(last.unread, looked),
        unexplained=frozenset(one.vm.key for one in looked.unexplained) | still(last.unexplained, looked),
    )


def remembered(one: Diagnosis, before: Found | None, now: datetime, within: timedelta) -> Found:
    told = before.due if before else None
    due = one.finding.due
    if due is None or not is_near(one, now, within):
        told = None
    elif earlier(due, told):
        told = due
    return Found(one.fingerprint, one.playbook.id, one.finding.vm.text, str(one.finding.severity), told)


def still(known: Iterable[str], looked: Looked) -> frozenset[str]:
    """Return those of these VMs, by lower-cased id, whose subscription was not read whole: nothing is known of them."""
    whole = {scan.subscription.id.key for scan in looked.scans if not scan.unread}
    return frozenset(vm for vm in known if subscription_of(vm) not in whole)


def counts(looked: Looked) -> Mapping[str, int]:
    """Return how many findings there are of each severity over all subscriptions, worst first."""
    total: dict[str, int] = {}
    for scan in looked.scans:
        for severity, number in scan.counts().items():
            total[str(severity)] = total.get(str(severity), 0) + number
    return total
