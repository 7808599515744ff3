"""The domain's errors. Each message says what happened and how to mend it; `status` is its answer over HTTP."""

from __future__ import annotations


class MatchmakerError(Exception):
    """Root of what the product raises on purpose. A message marked by `N_` reaches its reader in their language."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsError(MatchmakerError):
    """A setting is wrong; the product does not start."""


class NotFound(MatchmakerError):
    """The thing is not there, or not for this actor to know of."""

    status = 404


class Forbidden(MatchmakerError):
    """The actor may know of the thing, but not do this to it."""

    status = 403


class Conflict(MatchmakerError):
    """The thing changed since the actor read it."""

    status = 409


class Invalid(MatchmakerError):
    """Input that cannot be used. `problems` maps a field to what is wrong with it."""

    status = 422

    def __init__(self, message: str, problems: dict[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or {}


class Busy(MatchmakerError):
    """Others do what only one at a time may do; later it will work."""

    status = 429


class UnusableFile(Invalid):
    """A file or a map that cannot be read at all."""


class MailRefused(MatchmakerError):
    """A message that no server will ever take."""
