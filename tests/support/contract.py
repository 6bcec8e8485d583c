"""The code in docs/contract.md, which readers are meant to copy."""

import re
from typing import Any

from tests.support import ROOT

PAGE = (ROOT / "docs" / "contract.md").read_text()


def functions() -> dict[str, Any]:
    """The functions that the page's Python blocks define."""
    namespace: dict[str, Any] = {"__name__": "copied"}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/contract.md", "exec"), namespace)  # noqa: S102 - our own page
    return namespace
