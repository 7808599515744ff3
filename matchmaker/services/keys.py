"""Keys that open something for whoever holds them; only their hashes are stored, so that a database opens nothing."""

from __future__ import annotations

import hashlib
import secrets


def made() -> str:
    """A new key, for an address or a cookie."""
    return secrets.token_urlsafe(32)


def hashed(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
