"""
Requests as commands of `az`: each word is one word to bash, and none is more than a word to `az`.

`az` puts the content of a file in the place of any word that starts with `@`, or that goes on so after its first `=`, and
takes a word that starts with `-` for an option. Names and notes from Azure may be such words; what has one is sent
with `az rest`, in which every `@` is written in another way.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Final

from azremedy.addressing import quoted, version
from azremedy.arm import ArmId, Json, Request

BACKSLASH: Final = "\\"
COMMANDS: Final = re.compile("##|::")
"""What begins a command in the log of a build server."""
NAMED: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\", "'": r"\'"}


def word(text: str) -> str:
    """Return a text as bash takes it for one word, with nothing in it that a terminal or a build server would obey."""
    if text.isprintable() and not COMMANDS.search(text):
        return shlex.quote(text)
    written = "".join(map(_written, text))
    return f"$'{COMMANDS.sub(lambda mark: f'{mark[0][0]}{BACKSLASH}x{ord(mark[0][0]):02x}', written)}'"


def _written(char: str) -> str:
    if char in NAMED:
        return NAMED[char]
    if char.isprintable():
        return char
    if ord(char) < 0x80:
        return f"\\x{ord(char):02x}"
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def misread(text: str) -> bool:
    """Whether `az` takes this text for something else than itself."""
    return text.startswith(("-", "@")) or text.partition("=")[2].startswith("@")


def rest(request: Request) -> str:
    """Return the `az rest` that sends a request."""
    url = f"{quoted(request.address)}?api-version={version(request.id)}".replace("@", "%40")
    words = ["az rest --method", request.method.lower(), "--url", word(url)]
    if request.body is not None:
        words += ["--body", word(json.dumps(request.body).replace("@", r"\u0040"))]
    return " ".join(words)


def of_ids(verb: str, request: Request) -> str:
    """Return the command with this verb, which stands for a request to one resource."""
    id_ = request.id.text
    return rest(request) if misread(id_) else f"az {verb} --ids {word(id_)}"


def lock(id_: ArmId, level: str, notes: str | None, owners: Json = None) -> str:
    """Return the command that puts a lock where it was, as it was."""
    scope, group = id_.scope, id_.group
    named = {"--name": id_.name, "--lock-type": level}
    if notes:
        named["--notes"] = notes
    if scope.type:
        named["--resource"] = scope.text
    elif group:
        named["--resource-group"] = group.name
    named["--subscription"] = id_.subscription or ""
    if owners or any(map(misread, named.values())):
        held = {"level": level, "notes": notes, "owners": owners}
        properties = {name: value for name, value in held.items() if value}
        return rest(Request("PUT", id_, body={"properties": properties}))
    return " ".join(["az lock create", *(f"{option} {word(text)}" for option, text in named.items())])
