"""
Which backups a planned change would break: `terraform show -json` or `az deployment … what-if`, laid over an estate.

    from azremedy import change, playbook

    planned = change.read(Path("change.json").read_bytes())
    judged = change.judge(estate, planned, tuple(playbook.load().values()))
    for one in judged.diagnoses:
        print(one.finding.severity, one.finding.vm.name, one.finding.message)

The playbooks are asked twice, before the change and after it, and only what gets worse is told, of the VMs that were
protected before. Nothing is written anywhere, and nothing of the change is kept but what a verdict looks at.

**Severity.** In an estate severity is evidence: a failed backup bears a finding out. Nothing can bear out a change
that was not made, and whoever asks may still leave it. So what a change would bring about has severities of its own,
each the finding's own or the one below, whichever is higher:

- A lock on what holds a VM's service restore points: *corroborated*, as every backup fails once the limit is reached,
  in days that can be counted (SEED, T25). A ReadOnly lock: *blocking*, it forbids the very next point (LOCK24).
- An NSG that denies the way to Storage, to a VM whose backups need its guest: *corroborated*. Most backups do without
  today (FAQ25), and in an estate it is information; but closing a documented way is a decision to take knowingly.
- A route that drops that way, or a private subnet without any: *corroborated*, for the same reason. A route to a
  firewall or gateway: *suspected*, as what they let pass ARM does not show.
- Extension operations forbidden on a VM whose backups need them: *blocking*.
- Protection stopped or deleted, and a disk over the limit of today's service: *blocking*, as in an estate. Size alone
  decides that, so smaller disks stay what they are there.

What is not known before the change is made, and what could matter and is not looked at, is `not_evaluated`. A change
that Azure would refuse is judged as if it were made.
"""

from __future__ import annotations

from azremedy.change.data import Change, Edit, Entry, Gap
from azremedy.change.judging import Judged, judge
from azremedy.change.laying import After, laid_over
from azremedy.change.reading import read

__all__ = ["After", "Change", "Edit", "Entry", "Gap", "Judged", "judge", "laid_over", "read"]
