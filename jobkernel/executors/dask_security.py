"""Keeps other users of this machine out of a kernel's own Dask cluster: who connects has to show its certificate.

The certificate is made for one cluster, and stands in its folder, which nobody else may enter. Called by both sides.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

_CERTIFICATE: Final = "certificate.pem"
_KEY: Final = "key.pem"


def make_security(folder: Path) -> Any:
    """Return what a scheduler of our own listens with, None where ``cryptography`` is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        return None
    from distributed import Security

    made: Any = Security.temporary()  # type: ignore[no-untyped-call]
    for name, text in ((_CERTIFICATE, made.tls_scheduler_cert), (_KEY, made.tls_scheduler_key)):
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    return security_in(folder)


def security_in(folder: Path) -> Any:
    """Return what a worker of the cluster connects and listens with, None where there is no certificate."""
    certificate, key = str(folder / _CERTIFICATE), str(folder / _KEY)
    if not os.path.exists(key):
        return None
    from distributed import Security

    security: Any = Security
    return security(
        require_encryption=False,  # the kernel itself comes by a way inside its process, which has none
        tls_ca_file=certificate,
        tls_scheduler_cert=certificate,
        tls_scheduler_key=key,
        tls_worker_cert=certificate,
        tls_worker_key=key,
    )
