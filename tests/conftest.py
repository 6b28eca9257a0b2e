"""What every test may rely on: nobody's proxies and certificate authorities but its own."""

from __future__ import annotations

import os

for name in list(os.environ):
    if name.upper() in {
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
    }:
        del os.environ[name]
    if name.startswith(("AZREMEDY_", "AZURE_")):
        del os.environ[name]
