"""What every page is watched for while a browser shows it."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import BrowserContext, ConsoleMessage


@dataclass(frozen=True)
class Site:
    """A filled marketplace that answers at an address."""

    address: str
    numbers: dict[str, int]


class Watch:
    """What a browser must never do on any page. `refused` are answers the test itself asks for."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.refused = 0
        context.on("request", lambda request: self._see_request(request.url, site.address))
        context.on("console", self._see_message)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _see_request(self, address: str, own: str) -> None:
        if not address.startswith((f"{own}/", "data:")):
            self.foreign.append(address)

    def _see_message(self, message: ConsoleMessage) -> None:
        if self.refused and "responded with a status of 4" in message.text:
            self.refused -= 1
        elif message.type in ("error", "warning"):
            self.complaints.append(message.text)
