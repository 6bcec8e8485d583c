"""Tokens that clients present as `Authorization: Bearer …` (RFC 6750)."""

import base64
import hmac
from collections.abc import Sequence

from worker.door.problems import Refusal

BEARER = "Bearer", "send Authorization: Bearer with a valid token"
BASIC = (
    'Basic realm="photo scoring", charset="UTF-8"',
    "the password is one of this worker's tokens, with any name; load the page again to enter it",
)


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
            challenge, advice = BASIC if for_browsers else BEARER
            raise Refusal("unauthorized", advice, headers={"WWW-Authenticate": challenge})


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode(errors="replace").partition(":")[2]
    except ValueError:  # no base64, or no ASCII
        return ""
