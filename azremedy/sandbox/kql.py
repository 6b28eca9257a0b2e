"""
The part of the Kusto Query Language that the sandbox's Resource Graph takes: `where`, `project`, `order by`, `count`.

`where` compares columns, or what lies in them, with literals by `=~`, `==`, `in~` and `in`, joined by `and`. All else is
refused as Resource Graph refuses what it does not take: with 400 and the place of the first word that makes no sense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from azremedy.sandbox.answers import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from azremedy.arm import Json

    Row = Mapping[str, Json]

TABLES: Final = frozenset({"resources", "resourcecontainers", "recoveryservicesresources"})
COLUMNS: Final = (
    "id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy", "sku", "plan",
    "properties", "tags", "identity", "zones", "extendedLocation",
)  # fmt: skip

TOKEN: Final = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_$][A-Za-z0-9_]*)*)"""
    r"""|(?P<text>'(?:[^'\\\n\r]|\\.)*'|"(?:[^"\\\n\r]|\\.)*")"""
    r"""|(?P<sign>=~|==|in~|[|(),=~]))"""
)
ESCAPED: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
PLAIN: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a query, and where it begins."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Query:
    """A query that makes sense: its table, and what becomes of the rows of it, step by step."""

    table: str
    steps: tuple[Callable[[list[Row]], list[Row]], ...]
    types: frozenset[str] | None = None
    """The types, in lower case, that rows must have to stay; None where any may."""

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """Return what the query makes of the rows of its table."""
        found = list(rows)
        for step in self.steps:
            found = step(found)
        return found


def parse(text: str) -> Query:
    """Return the query of a text. Raises `ArmError` for one that Resource Graph here does not take."""
    return Parser(text).query()


class Parser:
    """The words of a query, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = list(self._read())
        self._next = 0
        self._columns = set(COLUMNS)
        self._types: frozenset[str] | None = None

    def _read(self) -> Iterable[Word]:
        at, end = 0, len(self._text.rstrip())
        while at < end:
            found = TOKEN.match(self._text, at)
            if not found or found.lastgroup is None:
                raise self._refusal("ParserFailure", self._text[at:].strip()[:1], at)
            word, at = found[found.lastgroup], found.end()
            if found.lastgroup == "name" and word == "in" and self._text[at : at + 1] == "~":
                word, at = f"{word}~", at + 1
            yield Word(found.lastgroup, word, found.start(found.lastgroup))

    def query(self) -> Query:
        table = self._take("name")
        if table.text.lower() not in TABLES:
            raise self._refusal("DisallowedLogicalTableName", table.text, table.at)
        steps = []
        while self._next < len(self._words):
            self._sign("|")
            steps.append(self._step())
        return Query(table.text.lower(), tuple(steps), self._types)

    def _step(self) -> Callable[[list[Row]], list[Row]]:
        word = self._take("name")
        match word.text:
            case "where":
                return self._where()
            case "project":
                return self._project()
            case "order":
                return self._order()
            case "count":
                self._columns = {"Count"}
                return lambda rows: [{"Count": len(rows)}]
            case _:
                raise self._refusal("InvalidQueryLanguage", word.text, word.at)

    def _where(self) -> Callable[[list[Row]], list[Row]]:
        terms = [self._term()]
        while self._ahead("and"):
            self._next += 1
            terms.append(self._term())
        return lambda rows: [row for row in rows if all(term(row) for term in terms)]

    def _term(self) -> Callable[[Row], bool]:
        path, sign = self._path(), self._any()
        if sign.text in {"=~", "=="}:
            wanted = [unquoted(self._take("text").text)]
        elif sign.text in {"in~", "in"}:
            wanted = self._list()
        else:
            raise self._refusal("ParserFailure", sign.text, sign.at)
        if list(path) == ["type"] and self._columns == set(COLUMNS):
            types = frozenset(one.lower() for one in wanted)
            self._types = types if self._types is None else self._types & types
        if sign.text.endswith("~"):
            folded = {one.casefold() for one in wanted}
            return lambda row: str(value(row, path)).casefold() in folded if held(row, path) else False
        return lambda row: held(row, path) and str(value(row, path)) in wanted

    def _list(self) -> list[str]:
        self._sign("(")
        found = [unquoted(self._take("text").text)]
        while self._ahead(","):
            self._next += 1
            found.append(unquoted(self._take("text").text))
        self._sign(")")
        return found

    def _project(self) -> Callable[[list[Row]], list[Row]]:
        chosen: dict[str, Sequence[str]] = {}
        while True:
            path = self._path(new=True)
            name = "_".join(path)
            if self._ahead("="):
                self._next += 1
                path = self._path()
            elif path[0] not in self._columns:
                raise self._unknown(path[0], "project")
            chosen[name] = path
            if not self._ahead(","):
                break
            self._next += 1
        self._columns = set(chosen)
        return lambda rows: [{name: value(row, path) for name, path in chosen.items()} for row in rows]

    def _order(self) -> Callable[[list[Row]], list[Row]]:
        by = self._take("name")
        if by.text != "by":
            raise self._refusal("ParserFailure", by.text, by.at)
        keys: list[tuple[Sequence[str], bool]] = []
        while True:
            path, down = self._path(), True
            if self._ahead("asc") or self._ahead("desc"):
                down = self._any().text == "desc"
            keys.append((path, down))
            if not self._ahead(","):
                break
            self._next += 1

        def sort(rows: list[Row]) -> list[Row]:
            for path, down in reversed(keys):
                rows = sorted(rows, key=lambda row, path=path: str(value(row, path)), reverse=down)  # type: ignore[misc]
            return rows

        return sort

    def _path(self, *, new: bool = False) -> Sequence[str]:
        word = self._take("name")
        path = word.text.split(".")
        if not new and path[0] not in self._columns:
            raise self._unknown(path[0], "where")
        return path

    def _ahead(self, text: str) -> bool:
        return (
            self._next < len(self._words)
            and self._words[self._next].text == text
            and self._words[self._next].kind != "text"
        )

    def _any(self) -> Word:
        if self._next >= len(self._words):
            raise self._refusal("ParserFailure", "<EOF>", len(self._text))
        self._next += 1
        return self._words[self._next - 1]

    def _take(self, kind: str) -> Word:
        word = self._any()
        if word.kind != kind:
            raise self._refusal("ParserFailure", word.text, word.at)
        return word

    def _sign(self, text: str) -> None:
        word = self._any()
        if word.kind != "sign" or word.text != text:
            raise self._refusal("ParserFailure", word.text, word.at)

    def _unknown(self, column: str, operator: str) -> ArmError:
        text = f"'{operator}' operator: Failed to resolve column or scalar expression named '{column}'"
        return invalid({"code": "Default", "message": text})

    def _refusal(self, code: str, token: str, at: int) -> ArmError:
        before = self._text[:at]
        place = {"line": before.count("\n") + 1, "characterPositionInLine": at - (before.rfind("\n") + 1)}
        return invalid({"code": code, "message": code, **place, "token": token})


def invalid(detail: Json) -> ArmError:
    """Return Resource Graph's error for a query: what is wrong stands in the details."""
    return refused(
        400,
        {
            "code": "InvalidQuery",
            "message": "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix "
            "the error before retrying.",
        },
        detail,
    )


def refused(status: int, *details: Json, headers: Mapping[str, str] | None = None) -> ArmError:
    """Return an error of Resource Graph."""
    code = {429: "RateLimiting", 403: "AccessDenied"}.get(status, "BadRequest")
    text = "Please provide below info when asking for support: timestamp = 2026-01-01T00:00:00.0000000Z."
    return ArmError(status, code, text, headers, details)


def value(row: Row, path: Sequence[str]) -> Json:
    """Return what lies in a column, or in an object in it; None where there is nothing."""
    found: Json = row
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def held(row: Row, path: Sequence[str]) -> bool:
    return value(row, path) is not None


def unquoted(text: str) -> str:
    """Return what a string literal stands for."""

    def plain(found: re.Match[str]) -> str:
        word = found[1]
        return chr(int(word[1:], 16)) if len(word) > 1 else PLAIN.get(word, word)

    return ESCAPED.sub(plain, text[1:-1])
