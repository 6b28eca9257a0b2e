"""
Carrying out what was planned: the only part of azremedy that is ever handed a writer.

    with guarded() as stop, Applier(subscription), Journal.new(header) as journal:
        check(writer, groups)
        result = carry_out(groups, writer, journal, Settings(), ArmClock(writer), tell, stop=stop)

Every write is preceded by a fresh read and by its intent on disk, and followed until its effect is seen. What was
opened is closed, by `carry_out` or, should the process be killed, by `resume`.
"""

from __future__ import annotations

from azremedy.apply.engine import carry_out, not_back
from azremedy.apply.needs import ArmClock, Clock, Journal, Result, Settings, Stop, Tell
from azremedy.apply.recovery import Back, resume, rollback, ways_back
from azremedy.apply.rights import check, missing
from azremedy.apply.signals import guarded

__all__ = [
    "ArmClock",
    "Back",
    "Clock",
    "Journal",
    "Result",
    "Settings",
    "Stop",
    "Tell",
    "carry_out",
    "check",
    "guarded",
    "missing",
    "not_back",
    "resume",
    "rollback",
    "ways_back",
]
