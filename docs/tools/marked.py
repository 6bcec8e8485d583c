"""The generated parts of a document: each is between two comments with its name."""

import re
from collections.abc import Mapping

PART = re.compile(
    r"(<!-- (?P<name>[a-z ]+): written by make [a-z]+ -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL
)


def fill(document: str, parts: Mapping[str, str]) -> str:
    """Replace every part. Raises ValueError when the names of the parts differ."""
    marked = {match["name"] for match in PART.finditer(document)}
    if marked != set(parts):
        raise ValueError(f"only one side has these parts: {', '.join(sorted(marked ^ set(parts)))}")
    return PART.sub(lambda match: match[1] + parts[match["name"]] + match[3], document)
