"""Words of a command line, quoted so that a POSIX shell takes them whole and nothing else obeys them."""

from __future__ import annotations

import shlex

from azremedy.report.plain import COMMAND, NAMED, defused, escaped, visible


def quoted(word: str) -> str:
    """Return a word as a shell takes it, and as no terminal and no build server obeys it."""
    if word.isprintable() and not COMMAND.search(word):
        return shlex.quote(word)
    parts = (one if visible(one) and one not in "\\'" else code(one) for one in word)
    return defused(f"$'{''.join(parts)}'", escaped)


def code(char: str) -> str:
    return f"\\{char}" if char in "\\'" else NAMED.get(char) or escaped(char)
