"""Chooses a tip by score and group of labels: always the same one for the same photo. Pure."""

import hashlib
from collections.abc import Sequence

from worker.inference.manifest import TipText

ANY = "any"
UNRECOGNISED = "unrecognised"


def choose(tips: Sequence[TipText], group: str, score: int | None, image_id: str) -> TipText | None:
    """Choose a tip for this group and score, or else one for any group; None if there is neither.

    A photo without a score gets a tip of the group `unrecognised`. Among several tips the image id
    decides.
    """
    if score is None:
        fitting = [tip for tip in tips if tip.group == UNRECOGNISED]
    else:
        fitting = [tip for tip in tips if tip.group == group and tip.score == score]
        fitting = fitting or [tip for tip in tips if tip.group == ANY and tip.score == score]
    if not fitting:
        return None
    # Not `hash()`, which has another salt in every process.
    digest = hashlib.blake2b(image_id.encode(), digest_size=8).digest()
    return fitting[int.from_bytes(digest) % len(fitting)]
