"""Tokens that clients present as `Authorization: Bearer …` (RFC 6750)."""

import hmac
from collections.abc import Sequence

from worker.door.problems import Refusal


class Tokens:
    """The tokens that are accepted; without any, everybody is."""

    def __init__(self, accepted: Sequence[str]) -> None:
        self._accepted = [token.encode() for token in accepted]

    def check(self, authorization: str | None) -> None:
        """Raise Refusal unless the header names a token. How long that takes tells nothing of the tokens."""
        if not self._accepted:
            return
        scheme, _, token = (authorization or "").partition(" ")
        given = token.strip().encode()
        matches = [hmac.compare_digest(given, one) for one in self._accepted]
        if scheme.lower() != "bearer" or not any(matches):
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Refusal("unauthorized", "send Authorization: Bearer with a valid token", headers=challenge)
