"""Score and what was seen → a tip, the same one for the same photo. Pure."""

import hashlib
from collections.abc import Sequence

from worker.inference.bundle import TipText

ANY = "any"
UNRECOGNISED = "unrecognised"


def choose(tips: Sequence[TipText], group: str, score: int | None, image_id: str) -> TipText | None:
    """Choose among the tips of `group` and `score`, or those for any group; None where there are none.

    A photo without a score gets one of the group `unrecognised`. The choice depends on the image id alone.
    """
    if score is None:
        fitting = [tip for tip in tips if tip.group == UNRECOGNISED]
    else:
        fitting = [tip for tip in tips if tip.group == group and tip.score == score]
        fitting = fitting or [tip for tip in tips if tip.group == ANY and tip.score == score]
    if not fitting:
        return None
    # Not `hash()`: Python salts it anew in every process.
    digest = hashlib.blake2b(image_id.encode(), digest_size=8).digest()
    return fitting[int.from_bytes(digest) % len(fitting)]
