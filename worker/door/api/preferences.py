"""Reads what a client prefers to wait for (RFC 7240): `Prefer: respond-async`, `Prefer: wait=3`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Preferences:
    """`seconds`: None if the client does not say."""

    is_async: bool = False  # the promise of an answer will do
    seconds: int | None = None  # that it is willing to wait

    @classmethod
    def read(cls, headers: Sequence[str]) -> Self:
        """Read all Prefer headers. What is unknown or makes no sense is ignored, as the RFC says."""
        is_async, seconds = False, None
        for preference in ",".join(headers).split(","):
            name, _, value = (part.strip() for part in preference.partition(";")[0].partition("="))
            if name.lower() == "respond-async":
                is_async = True
            elif name.lower() == "wait" and seconds is None and value.isascii() and value.isdecimal():
                seconds = int(value[:9])
        return cls(is_async, seconds)

    def wait(self, longest: float) -> float:
        """Seconds to wait for an answer, before a promise is given."""
        if self.seconds is not None:
            return min(longest, self.seconds)
        return 0.0 if self.is_async else longest
