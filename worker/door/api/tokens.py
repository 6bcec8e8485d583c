"""Tokens that clients present as `Authorization: Bearer …` (RFC 6750)."""

import base64
import binascii
import hmac
from collections.abc import Sequence

from worker.door.problems import Refusal


class Tokens:
    """The tokens that are accepted; without any, everybody is."""

    def __init__(self, accepted: Sequence[str]) -> None:
        self._accepted = [token.encode() for token in accepted]

    def check(self, authorization: str | None, *, for_browsers: bool = False) -> None:
        """Raise Refusal unless the header names a token. How long that takes tells nothing of the tokens.

        `for_browsers`: it may be a password, whatever the name beside it (RFC 7617), for which browsers ask.
        """
        if not self._accepted:
            return
        scheme, _, token = (authorization or "").partition(" ")
        if for_browsers and scheme.lower() == "basic":
            scheme, token = "bearer", _password(token)
        given = token.strip().encode()
        matches = [hmac.compare_digest(given, one) for one in self._accepted]
        if scheme.lower() != "bearer" or not any(matches):
            challenge = {"WWW-Authenticate": 'Basic realm="photo scoring"' if for_browsers else "Bearer"}
            raise Refusal("unauthorized", "send Authorization: Bearer with a valid token", headers=challenge)


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode(errors="replace").partition(":")[2]
    except binascii.Error:
        return ""
