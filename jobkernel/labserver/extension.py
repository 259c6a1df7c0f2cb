"""The Jupyter server extension: keeps pinned notebooks going, and answers the Lab panel about them."""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web  # type: ignore[attr-defined]

from jobkernel.labserver.keeper import Keeper
from jobkernel.storage import pins


class JobKernelServer(ExtensionApp):  # type: ignore[misc]
    """Keeps pins while the Jupyter server lives."""

    name = "jobkernel"
    load_other_extensions = True

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend([(r"/jobkernel/pins/?", PinsHandler), (r"/jobkernel/pins/([0-9a-f]{16})/?", PinHandler)])

    async def _start_jupyter_server_extension(self, _serverapp: Any) -> None:
        self.keeper = Keeper()
        self.keeper.start()

    async def stop_extension(self) -> None:
        """End the headless kernels; they are started again with the next Jupyter server."""
        keeper = getattr(self, "keeper", None)
        if keeper is not None:
            keeper.close()


class PinsHandler(ExtensionHandlerMixin, APIHandler):  # type: ignore[misc]
    """All pinned notebooks of this user, and how their kernels are."""

    @web.authenticated  # type: ignore[untyped-decorator]
    def get(self) -> None:
        """Answer with a list: notebook, path, project, automations, digest, pinned_us, state, and error, if any."""
        self.finish(json.dumps({"pins": [_described(pin) for pin in pins.of_user()]}))


class PinHandler(ExtensionHandlerMixin, APIHandler):  # type: ignore[misc]
    """One pinned notebook."""

    @web.authenticated  # type: ignore[untyped-decorator]
    def delete(self, key: str) -> None:
        """Pin it no longer; 404 where it is not."""
        pin = next((each for each in pins.of_user() if each.key == key), None)
        if pin is None:
            raise web.HTTPError(404, "No notebook is pinned by that key.")
        pins.remove(pin)
        self.set_status(204)
        self.finish()


def _described(pin: pins.Pin) -> dict[str, Any]:
    state = pins.state_of(pin)
    return {
        "key": pin.key,
        "notebook": pin.notebook,
        "path": pin.path,
        "project": pin.project,
        "automations": pin.automations,
        "digest": pin.digest,
        "pinned_us": pin.pinned_us,
        "state": state["state"],
        "error": state.get("error"),
    }
