"""
The insides of VMs: services, registry, files and packages, which scripts read and change.

`state` makes a whole guest of what a description says of it. `linux` runs a script by the `sh` of this machine in a
throw-away root that holds the guest's files; `windows` carries out the statements that azremedy's own scripts for
Windows are made of. What a script changed is the guest's state from then on.
"""

from __future__ import annotations

from azremedy.sandbox.guest.outcome import Outcome, Uncared
from azremedy.sandbox.guest.state import whole

__all__ = ["Outcome", "Uncared", "whole"]
