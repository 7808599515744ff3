"""Links that letters hold: to a listing's page, and signed ones that need no sign-in."""

from __future__ import annotations

from datetime import datetime

from itsdangerous import BadData, URLSafeSerializer

from .errors import NotFound
from .messages import N_


class Links:
    """Addresses below the public one. What is signed holds as long as SECRET_KEY does."""

    def __init__(self, public_url: str, secret_key: str) -> None:
        self.public_url = public_url
        self._signer = URLSafeSerializer(secret_key, salt="still valid")

    def listing(self, kind: str, listing_id: int) -> str:
        """A listing's page."""
        return f"{self.public_url}/{kind}s/{listing_id}"

    def own(self, kind: str, listing_id: int) -> str:
        """Where a listing's own side changes it."""
        return f"{self.listing(kind, listing_id)}/edit"

    def still_valid(self, listing_id: int, user_id: int, confirmed_at: datetime) -> str:
        """Lets one person say once that a listing still holds: confirming it changes what the link was made of."""
        return f"{self.public_url}/still-valid/{self._signer.dumps([listing_id, user_id, confirmed_at.isoformat()])}"

    def read_still_valid(self, token: str) -> tuple[int, int, datetime]:
        """The listing, the person and the moment in a link's last part. Raises NotFound for one that is not ours."""
        try:
            listing_id, user_id, moment = self._signer.loads(token)
            return int(listing_id), int(user_id), datetime.fromisoformat(moment)
        except (BadData, ValueError) as error:
            raise NotFound(N_("This link is not complete. Copy the whole of it from the letter.")) from error
