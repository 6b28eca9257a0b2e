"""The sandbox's own certificate authority, kept in its state folder so that it has to be trusted only once."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme

from azremedy.errors import AzremedyError

if TYPE_CHECKING:
    from pathlib import Path


def authority(folder: Path) -> trustme.CA:
    """Return the certificate authority of this folder, made when there is none yet."""
    certificate, key = folder / "ca.pem", folder / "ca.key"
    if certificate.exists() and key.exists():
        try:
            return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
        except (OSError, ValueError) as error:
            raise AzremedyError(
                f"The sandbox's certificate authority in {folder} cannot be read; delete ca.pem and ca.key there."
            ) from error
    made = trustme.CA(organization_name="azremedy sandbox")
    for path, text in ((key, made.private_key_pem.bytes()), (certificate, made.cert_pem.bytes())):
        path.touch(mode=0o600)
        path.write_bytes(text)
    return made


def context(folder: Path) -> ssl.SSLContext:
    """Return what a server on loopback needs to speak TLS, with a certificate that is made for this run."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    authority(folder).issue_cert("localhost", "127.0.0.1", "::1").configure_cert(made)
    return made
