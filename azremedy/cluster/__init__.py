"""
Many machines: a Dask cluster whose workers read and judge subscriptions, each as this machine would.

What travels is a question and the subscription, and back what is said of it. A worker signs in with what its own
environment offers. The subscriptions of a worker that is lost are done again by others.
"""

from __future__ import annotations

from azremedy.errors import AzremedyError

try:
    import distributed as _distributed  # noqa: F401 - whether it is there is the question
except ModuleNotFoundError as missing:
    raise AzremedyError(
        f"--scheduler needs {missing.name}, which is not installed: pip install 'azremedy[fleet]'"
    ) from missing

from azremedy.cluster.client import each
from azremedy.cluster.worker import Answer, Order

__all__ = ["Answer", "Order", "each"]
