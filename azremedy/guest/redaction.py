"""
Which lines of a log are worth a look, and what never leaves a VM with them: tokens, signatures, keys, certificates, passwords.

Each pattern means the same to `grep -E` and `sed -E`, to .NET and to Python: classes, groups, alternatives and repetitions,
and nothing else, without case. What is taken out is rather too much than too little: whatever follows a word that announces
a secret, to the end of the line, and every long run of letters and digits that could be a key.
"""

from __future__ import annotations

import re
from typing import Final

from azremedy.catalogue import EXTENSION_RESULTS, SYMPTOMS

MARK: Final = "[redacted]"

FAULTS: Final = (
    "error", "fail", "exception", "time[ds]? ?out", "unable", "could not", "cannot", "can't", "refused", "unreachable",
    "denied", "not found", "not supported", "not allowed", "not responding", "fatal", "traceback", "critical", "warn",
    "stuck", "freeze", "corrupt", "no space", "168[.]63[.]129[.]16",
)  # fmt: skip
"""The words of a fault, as agents, extensions and Windows write them."""

NAMES: Final = tuple(
    dict.fromkeys(
        name.lower()
        for name in (
            *(one.code for one in SYMPTOMS),
            *(spelling for one in SYMPTOMS for spelling in one.spellings),
            *(one.name for one in EXTENSION_RESULTS),
        )
        if name and not re.search("|".join(FAULTS), name, re.IGNORECASE)
    )
)
"""The names of the catalogue in which none of these words is."""

MATCH: Final = "|".join((*FAULTS, *NAMES))
"""What a line says that is worth a look."""

SECRETS: Final = (
    "password|passwd|passphrase|passcode|pwd|contrase|passwort|kennwort|secret|token|bearer|authorization|cookie"
    "|credential|sharedaccess|private.?key|protectedsettings|publicsettings"
    "|connectionstring|certificate|thumbprint"
    "|(access|account|api|app|client|encryption|function|host|master|primary|secondary|shared|signing|storage|subscription)[_.-]?key"
)
"""How a word begins that announces a secret."""

RUN: Final = "[A-Za-z0-9+_~-]"

REDACTIONS: Final = (
    "()-----BEGIN.*",
    "(://)[^/@ ]*@",
    "([?])[^ ]*=[^ ]*",
    f"(({SECRETS})[A-Za-z]*)[^A-Za-z].*",
    "((^|[^A-Za-z])pass)[^A-Za-z].*",
    "((^|[^A-Za-z])(sig|signature)[^A-Za-z0-9]{0,3}([:=>]|%3d)).*",
    "((key|clave)s?([_-][A-Za-z0-9_-]{0,20})?[^A-Za-z0-9]{0,3}([:=>]|%3d)).*",
    "((key|clave)s? +[^A-Za-z0-9 ]{0,1}[\"'])[^\"'[\\\\]+[\\\\]{0,1}[\"']",
    "((^|[^A-Za-z0-9-])-p[ =:]+[\"']?)([0-9]*[A-Za-z_!%&*+@^~]|[0-9]{6})[^ ]*",
    "((^| )-u *[^ ]+ +-p)[^ ]+",
    "(^|[^A-Za-z])eyJ[A-Za-z0-9_=.-]*",
    "()[A-Za-z0-9+/]{48,}={0,2}",
    "()[A-Za-z0-9/]*[+][A-Za-z0-9+/]{7,}={0,2}",
    "()[A-Za-z0-9+/]{20,}={1,2}",
    f"()[A-Za-z+_~-]*[0-9]{RUN}{{15,}}",
    f"(){RUN}{{19,}}[0-9]{RUN}*",
    f"(){RUN}{{9,}}[0-9]{RUN}{{9,}}",
    f"(){RUN}{{56,}}",
)
"""What is taken out, one after the other; what the first group holds stays, with the mark behind it."""


def redacted(line: str) -> str:
    """Return a line without what must not leave a VM."""
    for pattern in REDACTIONS:
        line = re.sub(pattern, rf"\1{MARK}", line, flags=re.IGNORECASE | re.ASCII)
    return line
