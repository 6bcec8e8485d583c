"""Chooses a tip by score and group of labels: always the same one for the same photo. Pure."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from worker.inference.manifest import TipText

ANY = "any"
UNRECOGNISED = "unrecognised"

Tips = Mapping[tuple[str, int | None], Sequence[TipText]]  # by group and score


def by_group(tips: Iterable[TipText]) -> Tips:
    """Put tips where `choose` finds them."""
    sorted_tips = defaultdict[tuple[str, int | None], list[TipText]](list)
    for tip in tips:
        sorted_tips[tip.group, tip.score].append(tip)
    return dict(sorted_tips)


def choose(tips: Tips, group: str, score: int | None, image_id: str) -> TipText | None:
    """Choose a tip for this group and score, or else one for any group; None if there is neither.

    A photo without a score gets a tip of the group `unrecognised`. Among several tips the image id
    decides.
    """
    fitting = tips.get((UNRECOGNISED if score is None else group, score)) or tips.get((ANY, score))
    if not fitting:
        return None
    # Not `hash()`, which has another salt in every process.
    digest = hashlib.blake2b(image_id.encode(), digest_size=8).digest()
    return fitting[int.from_bytes(digest) % len(fitting)]
