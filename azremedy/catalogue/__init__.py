"""
What failed backups say of themselves: every documented code, with its texts and the causes listed for it.

The documents changed their minds over the years, so causes stand by edition: `2018-01` is the origin document,
`2018-06`, `2019` and `2025` are its later states, `2018-08` and `2022` are states of the page beside it, `2023` is
compute's own page on restore points. Cause ids are those of `azremedy.causes`, source tags those of `docs/sources.md`.
"""

from __future__ import annotations

from azremedy.catalogue.compute import COMPUTE
from azremedy.catalogue.extension import EXTENSION
from azremedy.catalogue.origin import ORIGIN
from azremedy.catalogue.results import EXTENSION_RESULTS, ExtensionResult
from azremedy.catalogue.service import SERVICE
from azremedy.catalogue.symptom import Edition, Symptom, named

__all__ = ["EXTENSION_RESULTS", "SYMPTOMS", "Edition", "ExtensionResult", "Symptom", "named"]

SYMPTOMS = (*ORIGIN, *SERVICE, *EXTENSION, *COMPUTE)
"""The codes of the troubleshooting pages, the origin document's six first."""
