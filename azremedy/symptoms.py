"""Symptoms: what a failed backup says of itself, by code, number or text, and the causes documents list for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azremedy.resources import Job


@dataclass(frozen=True, slots=True)
class Symptom:
    code: str

    def lists(self, *causes: str) -> bool:
        return bool(causes)


def of(job: Job) -> Symptom | None:
    return Symptom(job.errors[0].title or "") if job.errors else None
