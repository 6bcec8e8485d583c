"""Names of keys in Redis: results, and the index of photos seen before. Pure.

In a Redis Cluster all keys of one script must be in one slot. The part of a key in braces, its hash
tag, decides the slot. The index takes the hash tag of the results: `{photos}:result:{image_id}`
keeps everything in one slot, `{{owner}}:result:{image_id}` spreads the owners over the cluster.

No two photos share a key. A key has other characters than names only where its template has them, so
they cut both into the same pieces. With one field at most in a piece, the key tells what each field is.
"""

import re
from dataclasses import dataclass

from worker.messages import PhotoId
from worker.results import look_alikes
from worker.results.look_alikes import Fingerprint

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"  # of an image id, and of an owner

_ANY = "\0"  # in place of a name: any one
_UUID = "\1"  # in place of a message id: any UUID, which SQS and its emulators give
_IS_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PIECES = re.compile(rf"([^A-Za-z0-9._{_ANY}{_UUID}-])")  # cuts at the characters that no name has
_FIELDS = re.compile(r"\{(image_id|owner)\}")
_HEX = [f"{byte:02x}" for byte in range(256)]  # formatting dozens of names a photo takes twice as long
_TAG = re.compile(r"\{([^{}]+)\}")


class Keys:
    """Fills in a template with `{image_id}` and, where photos have owners, `{owner}`."""

    def __init__(self, template: str) -> None:
        """Other braces are a hash tag. Raises ValueError for a template that two photos could share.

        It must not give another key of the worker's either.
        """
        fields = _FIELDS.findall(template)
        if fields.count("image_id") != 1:
            raise ValueError("must contain {image_id} once")
        sample = _fill(template, PhotoId(_ANY, "OWNER"))
        if re.search(r"[{}]", _TAG.sub("", sample, count=1)):
            raise ValueError("must have at most one more pair of braces, for a hash tag, and no others")
        tag = _TAG.search(sample)
        if tag and _ANY in tag[0]:
            raise ValueError("must not have {image_id} in its hash tag: photos are compared with one another")
        self._template = template
        self.names_owner = "owner" in fields
        self.has_tag = tag is not None  # a cluster needs one
        result = self.result(PhotoId(_ANY, _ANY))
        if any(piece.count(_ANY) > 1 for piece in _PIECES.split(result)):
            raise ValueError(
                "must have a character between its fields that no id and no owner has, such as :"
            )
        if any(_can_meet(result, other) for other in self._others()):
            raise ValueError("must not give keys that the worker has for other things: begin it otherwise")

    def result(self, photo: PhotoId) -> str:
        """Name the key, and the channel, of a photo's result."""
        return _fill(self._template, photo)

    def index(self, owner: str) -> "IndexKeys":
        """Name the keys of the index of an owner's photos."""
        tag = _TAG.search(self.result(PhotoId("", owner)))
        return IndexKeys(f"{tag[0] if tag else ''}seen{f'@{owner}' if owner else ''}:")

    def tries(self, message_id: str) -> str:
        """Name the key of the note on a message's tries."""
        return f"{self.index('').root}tries:{message_id}"

    def _others(self) -> list[str]:
        """The worker's other keys, with _ANY or _UUID for whatever varies in them."""
        index = self.index(_ANY if self.names_owner else "")
        bucket = f"{index.root}{_ANY}:{_ANY}:{_ANY}"
        of_photo = [index.record(_ANY), index.exact(_ANY), index.forgotten(_ANY)]
        return [index.clock, bucket, *of_photo, self.tries(_UUID)]

    @property
    def glob(self) -> str:
        """The pattern for Redis's SCAN that matches the key of every result."""
        return _FIELDS.sub("*", re.sub(r"([*?\[\]\\])", r"\\\1", self._template))

    def photo(self, name: str) -> PhotoId | None:
        """Read the key of a result back. None for any other key."""
        pattern = re.escape(self._template)
        for field in ("image_id", "owner"):
            pattern = pattern.replace(re.escape(f"{{{field}}}"), f"(?P<{field}>{NAME})", 1)
            pattern = pattern.replace(re.escape(f"{{{field}}}"), f"(?P={field})")
        match = re.fullmatch(pattern, name)
        return PhotoId(**match.groupdict()) if match else None


@dataclass(frozen=True, slots=True)
class IndexKeys:
    """The keys of one owner's index. All begin with `root`."""

    root: str

    @property
    def clock(self) -> str:
        """The key of the latest moment given to an entry."""
        return f"{self.root}clock"

    def record(self, image_id: str) -> str:
        """Name the key of a photo's record."""
        return f"{self.root}photo:{image_id}"

    def forgotten(self, image_id: str) -> str:
        """Name the key that says when a photo was forgotten."""
        return f"{self.root}forgotten:{image_id}"

    def exact(self, sha256: str) -> str:
        """Name the key that says which photos have these bytes."""
        return f"{self.root}exact:{sha256}"

    def buckets(self, image_hash: str | None, radius: int = 0) -> list[str]:
        """Name the buckets with every hash within the radius, the hash's own first."""
        algorithm = (image_hash or "").partition(":")[0]
        root, numbers = f"{self.root}{algorithm}", look_alikes.buckets(look_alikes.bits(image_hash), radius)
        return [f"{root}:{band}:{_HEX[value >> 8]}{_HEX[value & 255]}" for band, value in numbers]

    def of(self, image_id: str, fingerprint: Fingerprint) -> list[str]:
        """Name all keys that hold a photo: its record, its bytes, its own buckets."""
        exact, own_buckets = self.exact(fingerprint.sha256), self.buckets(fingerprint.image_hash)
        return [self.record(image_id), exact, *own_buckets]


def _fill(template: str, photo: PhotoId) -> str:
    return _FIELDS.sub(lambda field: str(getattr(photo, field[1])), template)


def _can_meet(one: str, other: str) -> bool:
    """Whether two samples can be the same key. If in doubt, yes."""
    ours, others = _PIECES.split(one), _PIECES.split(other)
    return len(ours) == len(others) and all(map(_can_be, ours, others))


def _can_be(piece: str, other: str) -> bool:
    if _ANY in other or (other == _UUID and _ANY in piece):
        return piece != ""
    if other == _UUID:
        return _IS_UUID.fullmatch(piece) is not None
    return re.fullmatch(NAME.join(map(re.escape, piece.split(_ANY))), other) is not None
