"""The reference model: pretrained ImageNet classes → foods → Nutri-Score → a score from 1 to 5."""

from pathlib import Path

HERE = Path(__file__).parent


class RecipeError(Exception):
    """Raised when the reference model cannot be built; the message says why."""
