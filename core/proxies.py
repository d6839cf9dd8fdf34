"""Which proxy a connection goes through.

1. `Connection.proxy` goes first: "none", or the address of an HTTP proxy for everything that it asks.
2. Else the environment says it, in small letters or capitals: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, and NO_PROXY
   with the hosts that are asked directly. It is the engine's environment, from when it was started.

The three libraries that carry requests read the environment each in its own way; what they leave out (botocore
knows no ALL_PROXY) is added here. Only HTTP proxies are spoken to: httpx and botocore need another library for
SOCKS. A password may stand in the environment only, and never reaches a log.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from core.errors import FatalTrouble
from core.log import register_secret
from core.model import NO_PROXY

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


def proxy_for(url: str, proxy: str) -> str:
    """The address of the proxy that a URL is asked through, with its password if it has one; empty: directly.

    `proxy` as Connection.proxy. Raises FatalTrouble where the environment names one that cannot be used.
    """
    if proxy:
        return "" if proxy == NO_PROXY else proxy
    parts = urlsplit(url)
    proxies = getproxies_environment()
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not found or proxy_bypass(_with_port(parts.hostname or "", parts.port)):
        return ""
    if "://" not in found:
        found = f"http://{found}"
    if not found.startswith(("http://", "https://")):
        raise unusable()
    return found


def unusable() -> FatalTrouble:
    """The error to raise for a proxy of the environment that is not an HTTP proxy."""
    return FatalTrouble(
        "the environment names a proxy that cannot be used: only HTTP proxies can, no SOCKS (HTTP_PROXY, "
        "HTTPS_PROXY, ALL_PROXY of the engine). Start the engine without it, or give the connection a proxy of "
        "its own, or none"
    )


def without_password(proxy: str) -> str:
    """The address of a proxy for people."""
    scheme, there, rest = proxy.partition("://")
    return f"{scheme}{there}{rest.rpartition('@')[2]}"


def keep_passwords_out_of_logs(environ: Mapping[str, str] = os.environ) -> None:
    """Register what stands as passwords in the environment's proxies, as they are and as they are sent."""
    for name in _VARIABLES:
        for written in (environ.get(name, ""), environ.get(name.upper(), "")):
            before, at, _ = written.rpartition("@")
            user, colon, password = before.partition("://")[2].partition(":")
            if not at or not colon:
                continue
            register_secret(password)
            register_secret(unquote(password))
            sent = f"{unquote(user)}:{unquote(password)}".encode()
            register_secret(base64.b64encode(sent).decode())


def _with_port(host: str, port: int | None) -> str:
    return host if port is None else f"{host}:{port}"
