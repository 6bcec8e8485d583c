"""Reads whose trace a photo belongs to: W3C's `traceparent`, and AWS X-Ray's header in the same form. Pure."""

import re
from typing import NamedTuple

LONGEST = 512  # characters; whoever sends a header is hostile
SAMPLED = 0x01  # the only flag of version 00

_TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})"
    r"-(?!0{32})(?P<trace>[0-9a-f]{32})"
    r"-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.ASCII,
)
_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})", re.ASCII)


class Parent(NamedTuple):
    """The span, in somebody else's trace, that asked for a photo."""

    trace_id: str  # 32 hex digits, not all of them 0
    span_id: str  # 16
    is_sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The header of version 00 that says the same."""
        return f"00-{self.trace_id}-{self.span_id}-{SAMPLED if self.is_sampled else 0:02x}"


def parse(traceparent: str) -> Parent | None:
    """Read a `traceparent`; None if it is not valid, as if it were not there.

    A later version may go on after the flags. Source: W3C Trace Context, 3.2.2 and 3.2.4.
    """
    found = _TRACEPARENT.fullmatch(traceparent) if len(traceparent) <= LONGEST else None
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return Parent(found["trace"], found["span"], bool(int(found["flags"], 16) & SAMPLED))


def parse_xray(header: str) -> Parent | None:
    """Read `Root=1-…;Parent=…;Sampled=1`, in any order; None if it names no span, or no valid one.

    A trace id is the same 32 digits in both forms. Where the sender leaves the decision to us (`Sampled=?`, or
    nothing), the photo is sampled. Source: AWS X-Ray developer guide, "Tracing header".
    """
    if len(header) > LONGEST:
        return None
    fields = dict(field.strip().partition("=")[::2] for field in header.split(";"))
    root = _ROOT.fullmatch(fields.get("Root", ""))
    if root is None:
        return None
    flags = "00" if fields.get("Sampled") == "0" else "01"
    return parse(f"00-{root[1]}{root[2]}-{fields.get('Parent', '')}-{flags}")
