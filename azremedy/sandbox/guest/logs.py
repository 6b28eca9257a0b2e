"""The logs of a Windows guest, as azremedy's scripts read them."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azremedy.guest import powershell
    from azremedy.sandbox.guest.windows import Running


def begin_log(running: Running, one: powershell.BeginLog) -> None:
    running.found = {"azremedy": 1, "os": "windows", "log": one.log, "files": [], "lines": []}


def list_files(running: Running, one: powershell.ListFiles) -> None:
    """List files: the sandbox keeps no times of them, so the last by name is the newest."""
    below = f"{one.folder}\\".lower()
    held = {path[1:].replace("/", "\\"): content or "" for path, content in running.guest.files.items()}
    fitting = [
        path
        for path in sorted(held, reverse=True)
        if path.lower().startswith(below) and fnmatchcase(path.rpartition("\\")[2].lower(), one.like.lower())
    ][: one.most]
    running.files = [(path, held[path]) for path in fitting]
    running.found["files"] = [
        [re.sub(r"[^\x20-\x7e]", "", path)[-128:], len(held[path].encode()), 0] for path in fitting
    ]


def read_lines(running: Running, _: Any) -> None:
    for _path, content in reversed(running.files):
        whole = content.encode()
        lines = re.split(r"\r?\n", whole[-262144:].decode(errors="replace"))
        running.lines += lines[1:] if len(whole) > 262144 else lines


def read_events(running: Running, one: powershell.ReadEvents) -> None:
    texts = [
        text
        for text in running.guest.events.get(one.provider, ())
        if fnmatchcase(text.lower(), one.like.lower())
    ]
    running.lines += [
        "2026-01-01 00:00:00 warning or error 1: " + re.sub(r"\s+", " ", text) for text in texts[-40:]
    ]


def keep_lines(running: Running, one: powershell.KeepLines) -> None:
    shown = (re.sub(r"[^\x20-\x7e]", "", line.replace("\t", " ")) for line in running.lines)
    fitting = [line for line in shown if re.search(one.pattern, line, re.IGNORECASE | re.ASCII)][-60:]
    running.lines = [
        line if len(line) < 2000 else re.sub("[^ ]*$", "[cut]", line[:2000], count=1) for line in fitting
    ]


def redact_lines(running: Running, one: powershell.RedactLines) -> None:
    instead = re.sub(r"\$(\d)", r"\\\1", one.instead)
    running.lines = [
        re.sub(one.pattern, instead, line, flags=re.IGNORECASE | re.ASCII) for line in running.lines
    ]


def emit_log(running: Running, _: Any) -> None:
    kept: list[str] = []
    room = 2200
    for line in (one[:300] for one in reversed(running.lines)):
        room -= len(json.dumps(line)) + 1
        if room < 0:
            break
        kept.insert(0, line)
    told = {**running.found, "lines": kept}
    running.out.append(json.dumps(told, separators=(",", ":"), ensure_ascii=False))
