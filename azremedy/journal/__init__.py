"""
The journal of a run: what it was about to do, on disk before it did it, and what became of it.

One file a run, one JSON object a line, appended only and flushed to disk line by line. The first line says who runs
what where, the second holds the whole plan, and each further one is an event of a step, which `step` names. Where a run
goes on with its plan in the same file, a further line holds what is left of that:

    intend       about to be sent; `does` is the step, `body` what was read just before, `opens` close or keep
    sent         ARM took it; `operation` is the address of what goes on behind it, `job` the backup it started
    unknown      sent, and nobody knows what became of it
    confirmed, unconfirmed, failed, stale, deferred, skipped, not needed    the outcome
    closing, closed, left, kept open    the lock that a bracket lifted
    undone       taken back by a rollback
    to prove     what is cured is to be proved by a backup
    wave         a wave was looked at again; `wrong` groups had gone wrong by then, `against` keeps the next from beginning
    finished     the run came to its end

Secrets never get here: whoever writes passes whole bodies only of types that hold none.
"""

from __future__ import annotations

from azremedy.journal.process import Applier, folder
from azremedy.journal.reading import Came, Entry, Run, read, runs, unfinished
from azremedy.journal.writing import Header, Journal, header

__all__ = [
    "Applier",
    "Came",
    "Entry",
    "Header",
    "Journal",
    "Run",
    "folder",
    "header",
    "read",
    "runs",
    "unfinished",
]
