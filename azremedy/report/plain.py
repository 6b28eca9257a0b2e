r"""
Text from Azure, made harmless for a terminal.

Names, notes and messages can hold anything. Whatever is not plainly visible (control characters, escapes, marks
that turn the direction of writing, line breaks) is shown as `\n`, `\x1b` or `\u202e`, never obeyed.
"""

from __future__ import annotations

from unicodedata import category

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


def plain(text: object) -> str:
    """Return the text of anything on one line, without a character that a terminal would obey."""
    shown = str(text)
    return shown if shown.isprintable() else "".join(c if visible(c) else escaped(c) for c in shown)


def plain_json(text: str) -> str:
    """Return a JSON text that means the same and holds nothing but visible characters and line ends."""
    return "\n".join(
        line if line.isprintable() else "".join(c if visible(c) else json_escaped(c) for c in line)
        for line in text.split("\n")
    )
