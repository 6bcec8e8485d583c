"""The package `openvino`, imported so that it reports nothing to anybody."""

import sys
from typing import Final

# Its converter, which nobody here needs, tells Google Analytics of each import. `openvino` does
# without it where it cannot be imported, and None makes that so.
sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment] # Python's own way to say so

import openvino  # noqa: E402 - after that line

__all__ = ["CORE", "openvino"]

# One for the process. OpenVINO gives the thread that compiles with a new one a stack for signals, and takes
# the memory back with the last model, also from under another's: the next signal then ends the process.
CORE: Final = openvino.Core()
