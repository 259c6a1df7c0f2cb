"""What runs inside the Jupyter server: keeping pinned notebooks, and their REST routes. Runs no code of the user's."""

from __future__ import annotations


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from jobkernel.labserver.extension import JobKernelServer  # Jupyter's, slow to import

    return [{"module": "jobkernel.labserver", "app": JobKernelServer}]
