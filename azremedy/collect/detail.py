"""The errors of one failed backup that nobody looked at closely, because a newer one failed since."""

from __future__ import annotations

from azremedy.arm import Reader
from azremedy.collect import by_read, pool, sources
from azremedy.collect.sweep import Sweep, merged
from azremedy.estate import Estate, Protected
from azremedy.resources import Job


def read_job(reader: Reader, estate: Estate, of: Protected, job: Job) -> Estate:
    """Return the estate with the errors of this job; what has no usable answer is an `Unread` of it."""
    with pool(1) as requests, pool(1) as lists:
        sweep = Sweep(reader, requests, lists, None)
        detailed = sweep.submit(sources.job_detail(of, job)).result()
    jobs = tuple(merged(one, detailed) if one.id == job.id else one for one in estate.jobs)
    unread = tuple(sorted({*estate.unread, *sweep.unread}, key=by_read))
    return estate.changed(jobs=jobs, unread=unread)
