"""The playbooks that azremedy ships, one cause each. A new one is one line here."""

from __future__ import annotations

from .restore_point_lock import PLAYBOOK as RESTORE_POINT_LOCK

PLAYBOOKS = (RESTORE_POINT_LOCK,)
