"""
The sandbox's state: ARM resources as JSON, by lower-cased id, in SQLite and in memory.

A write is committed before it is answered, so a sandbox outlives its process. Ages (see `times`) are kept as ages.
Beside the resources stand notes, which no client sees: operations, what is due, how a VM behaves.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right, insort
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from filelock import FileLock, Timeout

from azremedy.arm import ArmId
from azremedy.errors import AzremedyError
from azremedy.sandbox import times
from azremedy.sandbox.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from azremedy.arm import Json

FILE = "sandbox.db"
LOCK = "sandbox.lock"

PATIENCE = 3
"""How many seconds a sandbox waits for one that is just ending."""

TABLES = """
    CREATE TABLE IF NOT EXISTS resources (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS notes (kind TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, name));
    CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

Notes = dict[str, dict[str, bytes]]


def type_of(key: str) -> str:
    """Return the lower-cased type of what an id names; `subscriptions` and `resourcegroups` for scopes."""
    return ArmId(key).type or key.split("/")[-2]


def alone(folder: Path) -> FileLock:
    """Return the lock of a state, held: one sandbox at a time runs on it."""
    lock = FileLock(folder / LOCK, mode=0o600)
    try:
        lock.acquire(PATIENCE)
    except Timeout:
        raise AzremedyError(
            f"Another sandbox runs on the state in {folder}: give its address as --cloud, or choose another folder."
        ) from None
    return lock


class Store:
    """
    The resources and notes of one sandbox, held by one process at a time.

    Lists are in order of id. `clock` goes on from the state's own, at `speed`.
    """

    def __init__(self, folder: Path, speed: float = 1.0) -> None:
        self._lock = alone(folder)
        try:
            path = folder / FILE
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {TABLES}")
            self._load()
            self.about: Mapping[str, Any] = self._read_about()
            self.clock = Clock.going_on(self.about.get("clock"), speed)
            if self.about:
                self._say(clock=msgspec.to_builtins(self.clock))
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        self._database.close()
        self._lock.release()

    def get(self, key: str) -> Json:
        """Return the resource of this lower-cased id, or None. It is shared: copy before changing it."""
        self._refresh()
        if key not in self._bodies:
            if key not in self._texts:
                return None
            self._bodies[key] = msgspec.json.decode(self._dated(self._texts[key]))
        return self._bodies[key]

    def draft(self, key: str) -> Json:
        """Return a resource as it is stored, with its ages, to be changed and put back."""
        return msgspec.json.decode(self._texts[key])

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def keys(self, type_: str, scope: str = "") -> Sequence[str]:
        """Return the ids of this type below `scope`, sorted; both are lower case."""
        keys = self._keys.get(type_, [])
        return below(keys, scope) if scope else keys

    def rendered(self, key: str, view: str, make: Callable[[Json], Json] | None = None) -> bytes:
        """Return the JSON of a resource as `view` shows it, made by `make` from its body and kept."""
        self._refresh()
        views = self._rendered.setdefault(key, {})
        if view not in views:
            text = self._dated(self._texts[key])
            views[view] = text if make is None else msgspec.json.encode(make(self.get(key)))
        return views[view]

    def seed(
        self,
        bodies: Iterable[tuple[str, Json]],
        about: Mapping[str, Any],
        notes: Iterable[tuple[str, str, Any]] = (),
    ) -> None:
        """Start anew with these resources and notes: all of them or, should the process die, those of before."""
        self.clock = Clock.going_on(None, self.clock.speed)
        with self.writing():
            for table in ("resources", "notes", "about"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - three names of our own
            self._database.executemany(
                "INSERT INTO resources VALUES (?, ?)",
                ((id_.lower(), msgspec.json.encode(body).decode()) for id_, body in bodies),
            )
            self._database.executemany(
                "INSERT INTO notes VALUES (?, ?, ?)",
                ((kind, name, msgspec.json.encode(body).decode()) for kind, name, body in notes),
            )
            self._say(**about, written=None, clock=msgspec.to_builtins(self.clock))
        self._load()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Commit all that is written in this block when it ends, or nothing of it when it raises."""
        if self._database.in_transaction:
            yield
            return
        self._database.execute("BEGIN IMMEDIATE")
        before = self._database.total_changes
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            changed = self._database.total_changes != before
            self._database.execute("ROLLBACK")
            if changed:
                self._load()
                self.about = self._read_about()
            raise

    def put(self, id_: str, body: Json) -> None:
        """Write one resource, committed when this returns or the block of `writing` ends."""
        key, text = id_.lower(), msgspec.json.encode(body)
        with self.writing():
            self._database.execute("INSERT OR REPLACE INTO resources VALUES (?, ?)", (key, text.decode()))
            self._written()
            if key not in self._texts:
                insort(self._keys.setdefault(type_of(key), []), key)
            self._texts[key] = text
            self._forget_views(key)

    def delete(self, id_: str) -> None:
        """Delete a resource with everything below it, committed as `put` does."""
        key = id_.lower()
        gone = [key] if key in self._texts else []
        for keys in self._keys.values():
            gone += below(keys, key)
        with self.writing():
            self._database.executemany("DELETE FROM resources WHERE id = ?", ((one,) for one in gone))
            self._written()
            for one in gone:
                keys = self._keys[type_of(one)]
                del keys[bisect_left(keys, one)]
                del self._texts[one]
                self._forget_views(one)

    def note(self, kind: str, name: str, body: Json) -> None:
        """Write down what no client sees, committed as `put` does."""
        text = msgspec.json.encode(body)
        with self.writing():
            self._database.execute(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (kind, name, text.decode())
            )
            self._notes.setdefault(kind, {})[name] = text

    def forget(self, kind: str, name: str) -> None:
        """Delete a note, if it is there."""
        with self.writing():
            self._database.execute("DELETE FROM notes WHERE kind = ? AND name = ?", (kind, name))
            self._notes.get(kind, {}).pop(name, None)

    def noted(self, kind: str, name: str) -> Json:
        """Return a note, or None."""
        self._refresh()
        text = self._notes.get(kind, {}).get(name)
        return None if text is None else msgspec.json.decode(self._dated(text))

    def names(self, kind: str) -> Iterable[str]:
        """Return the names of all notes of a kind, in no order."""
        return self._notes.get(kind, {}).keys()

    def _written(self) -> None:
        if self.about.get("written") is None:
            self._refresh()
            self._say(written=self._since)

    def _say(self, **values: Any) -> None:
        rows = ((name, msgspec.json.encode(value).decode()) for name, value in values.items())
        self._database.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", rows)
        self.about = {**getattr(self, "about", {}), **values}

    def _read_about(self) -> Mapping[str, Any]:
        rows = self._database.execute("SELECT name, value FROM about").fetchall()
        return {name: msgspec.json.decode(value) for name, value in rows}

    def _load(self) -> None:
        self._texts = {
            key: body.encode() for key, body in self._database.execute("SELECT id, body FROM resources")
        }
        self._notes: Notes = {}
        for kind, name, body in self._database.execute("SELECT kind, name, body FROM notes"):
            self._notes.setdefault(kind, {})[name] = body.encode()
        keys: dict[str, list[str]] = {}
        for key in self._texts:
            keys.setdefault(type_of(key), []).append(key)
        self._keys = {type_: sorted(found) for type_, found in keys.items()}
        self._rendered: dict[str, dict[str, bytes]] = {}
        self._bodies: dict[str, Json] = {}
        self._since = self._now = 0

    def _dated(self, text: bytes) -> bytes:
        return times.render(text, self._since, self._now)

    def _forget_views(self, key: str) -> None:
        """Forget how a resource looked, and all that it stands in: a VM shows its extensions, a collection its points."""
        while key:
            self._rendered.pop(key, None)
            self._bodies.pop(key, None)
            key = key.rpartition("/")[0]

    def _refresh(self) -> None:
        now = times.step(self.clock.now())
        if self._now != now:
            self._now, self._since = now, self.about.get("written") or now
            self._rendered.clear()
            self._bodies.clear()


def below(keys: Sequence[str], scope: str) -> Sequence[str]:
    """Return the sorted ids that lie below a scope."""
    return keys[bisect_left(keys, f"{scope}/") : bisect_right(keys, f"{scope}/\U0010ffff")]
