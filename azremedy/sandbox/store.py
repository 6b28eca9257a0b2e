"""
The sandbox's state: ARM resources as JSON, by lower-cased id, in SQLite and in memory.

A write is committed before it is answered, so a sandbox outlives its process. Ages (see `times`) are kept as ages.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from azremedy.arm import ArmId
from azremedy.sandbox import times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from azremedy.arm import Json

FILE = "sandbox.db"

TABLES = """
    CREATE TABLE IF NOT EXISTS resources (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


def type_of(key: str) -> str:
    """Return the lower-cased type of what an id names; `subscriptions` and `resourcegroups` for scopes."""
    return ArmId(key).type or key.split("/")[-2]


class Store:
    """
    The resources of one sandbox.

    Lists are in order of id.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.executescript(TABLES)
        self._texts: dict[str, bytes] = {}
        self._keys: dict[str, list[str]] = {}
        self._rendered: dict[tuple[str, str], bytes] = {}
        self._bodies: dict[str, Json] = {}
        self._epoch = 0
        self._load()

    def close(self) -> None:
        self._database.close()

    def get(self, key: str) -> Json | None:
        """Return the resource of this lower-cased id, or None. It is shared: copy before changing it."""
        self._refresh()
        if key not in self._bodies:
            if key not in self._texts:
                return None
            self._bodies[key] = msgspec.json.decode(times.render(self._texts[key], self._epoch))
        return self._bodies[key]

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def keys(self, type_: str, scope: str = "") -> Sequence[str]:
        """Return the ids of this type below `scope`, sorted; both are lower case."""
        keys = self._keys.get(type_, [])
        if not scope:
            return keys
        return keys[bisect_left(keys, f"{scope}/") : bisect_right(keys, f"{scope}/\U0010ffff")]

    def rendered(self, key: str, view: str, make: Callable[[Json], Json] | None = None) -> bytes:
        """Return the JSON of a resource as `view` shows it, made by `make` from its body and kept."""
        self._refresh()
        if (key, view) not in self._rendered:
            text = times.render(self._texts[key], self._epoch)
            self._rendered[key, view] = text if make is None else msgspec.json.encode(make(self.get(key)))
        return self._rendered[key, view]

    def seed(self, bodies: Iterable[tuple[str, Json]], about: Mapping[str, Any]) -> None:
        """Start anew with these resources: all of them or, should the process die, those of before."""
        texts = {id_.lower(): msgspec.json.encode(body) for id_, body in bodies}
        with self._database:
            self._database.execute("DELETE FROM resources")
            self._database.execute("DELETE FROM about")
            self._database.executemany(
                "INSERT INTO resources VALUES (?, ?)", ((key, text.decode()) for key, text in texts.items())
            )
            self._note(**about, written=False)
        self._texts = texts
        self._index()

    def put(self, id_: str, body: Json) -> None:
        """Write one resource, committed when this returns."""
        key, text = id_.lower(), msgspec.json.encode(body)
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO resources VALUES (?, ?)", (key, text.decode()))
            self._note(written=True)
        self._texts[key] = text
        self._index()

    def delete(self, id_: str) -> None:
        """Delete a resource with everything below it, committed when this returns."""
        key = id_.lower()
        gone = [one for one in self._texts if one == key or one.startswith(f"{key}/")]
        with self._database:
            self._database.executemany("DELETE FROM resources WHERE id = ?", ((one,) for one in gone))
            self._note(written=True)
        for one in gone:
            del self._texts[one]
        self._index()

    @property
    def about(self) -> Mapping[str, Any]:
        """What the state was seeded with besides resources, and whether anything was `written` since."""
        rows = self._database.execute("SELECT name, value FROM about")
        return {name: msgspec.json.decode(value) for name, value in rows}

    def _note(self, **values: Any) -> None:
        rows = ((name, msgspec.json.encode(value).decode()) for name, value in values.items())
        self._database.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", rows)

    def _load(self) -> None:
        with closing(self._database.execute("SELECT id, body FROM resources")) as rows:
            self._texts = {key: body.encode() for key, body in rows}
        self._index()

    def _index(self) -> None:
        keys: dict[str, list[str]] = {}
        for key in self._texts:
            keys.setdefault(type_of(key), []).append(key)
        self._keys = {type_: sorted(found) for type_, found in keys.items()}
        self._rendered.clear()
        self._bodies.clear()

    def _refresh(self) -> None:
        if self._epoch != (now := times.epoch()):
            self._epoch = now
            self._rendered.clear()
            self._bodies.clear()
