"""Names in Redis: a photo's result, and what is known of the photos seen before. Pure.

In a Redis Cluster the keys of one script must lie in one slot, which the part of a key in braces decides, its hash
tag. So the index takes over the tag of the results: `{photos}:result:{image_id}` keeps all in one slot,
`{{owner}}:result:{image_id}` spreads the owners over the cluster.
"""

import re

from worker.messages import PhotoId

_PLACES = re.compile(r"\{(image_id|owner)\}")
_TAG = re.compile(r"\{([^{}]+)\}")


class Keys:
    """Made from a template with `{image_id}` and, where photos have owners, `{owner}`; other braces are a hash tag."""

    def __init__(self, template: str) -> None:
        """Raise ValueError for a template that does not tell photos apart, or whose braces mean nothing."""
        places = _PLACES.findall(template)
        if places.count("image_id") != 1:
            raise ValueError("must contain {image_id} once")
        sample = _filled(template, PhotoId("\0", "OWNER"))
        if re.search(r"[{}]", _TAG.sub("", sample, count=1)):
            raise ValueError("may have one pair of braces more, around a hash tag, and no others")
        self._template = template
        self.names_owner = "owner" in places
        found = _TAG.search(sample)
        if found and "\0" in found[0]:
            raise ValueError("must not have {image_id} in its hash tag: photos are compared with one another")
        self.tagged = found is not None  # what a cluster needs

    def result(self, photo: PhotoId) -> str:
        """Name the key, and channel, of a photo's result."""
        return _filled(self._template, photo)

    @property
    def glob(self) -> str:
        """A pattern of Redis's SCAN that matches every result's key."""
        escaped = re.sub(r"([*?\[\]\\])", r"\\\1", self._template)
        return _PLACES.sub("*", escaped)

    def photo(self, name: str) -> PhotoId | None:
        """Read a result's key back; None for what is none."""
        pattern = re.escape(self._template)
        for place in ("image_id", "owner"):
            pattern = pattern.replace(re.escape(f"{{{place}}}"), f"(?P<{place}>[^:]+)", 1)
            pattern = pattern.replace(re.escape(f"{{{place}}}"), f"(?P={place})")
        found = re.fullmatch(pattern, name)
        return PhotoId(**found.groupdict()) if found else None

    def index(self, photo: PhotoId) -> str:
        """Give what every key begins with that concerns the photos of one owner."""
        scope = f"@{photo.owner}" if photo.owner else ""
        found = _TAG.search(self.result(photo))
        return f"{found[0] if found else ''}seen{scope}:"


def _filled(template: str, photo: PhotoId) -> str:
    return _PLACES.sub(lambda place: str(getattr(photo, place[1])), template)
