"""Photos that break the decoder process they come to, and workers in which they do."""

from pathlib import Path

PLANTED = Path(__file__).parent / "planted"
WORKER = f"""
import sys
sys.path.insert(0, {str(PLANTED)!r})
from worker.cli import main
sys.exit(main(["run"]))
"""


def breaking(photo: bytes, fault: str) -> bytes:
    """Make a photo that has a fault of tests/support/faults/planted/sitecustomize.py."""
    return photo + f"#fault:{fault}".encode()
