r"""
Text from Azure, made harmless for a terminal and for the log of a build server.

Names, notes and messages can hold anything. Whatever is not plainly visible (control characters, escapes, marks
that turn the direction of writing, line breaks) is shown as `\n`, `\x1b` or `\u202e`, never obeyed. Build servers obey
lines of a log too: the marks of their commands (`##vso[`, `##[`, `::error`) are shown as `#\x23[` and `:\x3aerror`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import category

MARK = r"(?<=#)#(?=(?:vso)?\[)"
COMMAND = re.compile(rf"{MARK}|(?<=:):(?=[0-9a-f]*[g-z-]|[^0-9a-f:/]|$)", re.IGNORECASE)
"""
The second character of what begins a command: Azure DevOps and GitHub look for `##` anywhere in a line, GitHub for `::`
at its start, which a table that breaks a text into lines can make of any place. An IPv6 address is none.
"""

AT_ITS_START = re.compile(rf"{MARK}|(?<=\A:):", re.IGNORECASE)
"""The same of a line that nothing breaks, without the blanks at its start."""

NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(char: str) -> bool:
    """Whether a character shows as itself: a letter, a mark, a sign, or any width of space."""
    return char.isprintable() or category(char) == "Zs"


def escaped(char: str) -> str:
    r"""Return the escape that stands for a character: `\n`, `\x1b`, `\u202e`, `\U000e0001`."""
    if char in NAMED:
        return NAMED[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else json_escaped(char) if code < 0x10000 else f"\\U{code:08x}"


def json_escaped(char: str) -> str:
    r"""Return the escape that JSON and YAML read back as this character: `\u202e`, or a pair of surrogates."""
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def defused(text: str, escape: Callable[[str], str]) -> str:
    """Return a text in which nothing begins a command of a build server."""
    if "##" not in text and "::" not in text:
        return text
    return COMMAND.sub(lambda mark: escape(mark[0]), text)


def plain(text: object) -> str:
    """Return the text of anything on one line, with nothing in it that a terminal or a build server would obey."""
    return defused(seen(str(text)), escaped)


def plain_line(text: str) -> str:
    """
    Return a line to be copied: as it is, but for what nobody would see and for what begins a command where it stands.

    It must be printed whole, since a break could make a start of any place in it.
    """
    shown = seen(text)
    words = shown.lstrip()
    blanks = shown[: len(shown) - len(words)]
    return blanks + AT_ITS_START.sub(lambda mark: escaped(mark[0]), words)


def seen(text: str) -> str:
    """Return a text in which each character that does not show as itself is its escape."""
    return text if text.isprintable() else "".join(c if visible(c) else escaped(c) for c in text)


def plain_json(text: str) -> str:
    """Return a JSON text that means the same and holds nothing but visible characters and line ends."""
    return "\n".join(
        line if line.isprintable() else "".join(c if visible(c) else json_escaped(c) for c in line)
        for line in defused(text, json_escaped).split("\n")
    )
