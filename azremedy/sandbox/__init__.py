"""
A sandbox: an Azure Resource Manager on loopback, with backups that fail.

It speaks HTTPS to any client that takes an ARM endpoint: azremedy itself, the Azure SDK, `az`.

    with embedded() as sandbox:
        print(sandbox.url, sandbox.ca)
"""

from __future__ import annotations

from azremedy.errors import AzremedyError

try:
    import aiohttp as _aiohttp  # noqa: F401 - whether it is there is the question
    import trustme as _trustme  # noqa: F401 - the same
except ModuleNotFoundError as missing:
    raise AzremedyError(
        f"The sandbox needs {missing.name}, which is not installed: pip install 'azremedy[sandbox]'"
    ) from missing

from azremedy.sandbox.description import Fault, LockLag
from azremedy.sandbox.generate import generate, planted
from azremedy.sandbox.server import Request, Sandbox
from azremedy.sandbox.start import embedded, reset, serve
from azremedy.sandbox.throttle import Throttle

__all__ = [
    "Fault",
    "LockLag",
    "Request",
    "Sandbox",
    "Throttle",
    "embedded",
    "generate",
    "planted",
    "reset",
    "serve",
]
