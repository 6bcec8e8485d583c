"""Names photos by the paths of requests: /images/{image_id}, or /images/{owner}/{image_id} where photos have owners."""

import re
import uuid
from urllib.parse import quote

from worker.door.problems import Refusal
from worker.errors import ConfigurationError, NoImageIdError
from worker.intake.events import photo_id, safe_id
from worker.messages import PhotoId, S3Object


class Names:
    """What photos are called, and where they are stored if they are."""

    def __init__(self, image_id_pattern: str, bucket: str = "", prefix: str = "") -> None:
        """Raise ConfigurationError for a prefix that leads to keys which name no photo, or another one."""
        self._pattern = re.compile(image_id_pattern)
        self._bucket, self._prefix = bucket, prefix
        self.owners = "owner" in self._pattern.groupindex
        sample = PhotoId(str(uuid.uuid4()), "owner" if self.owners else "")
        if bucket and not self._leads_back(sample):
            raise ConfigurationError(
                f"WORKER_DOOR_PREFIX is {prefix!r}: WORKER_IMAGE_ID_PATTERN does not find the image id"
                f"{' and owner' if self.owners else ''} in a key such as {self._key(sample)}"
            )

    @property
    def collection(self) -> str:
        """The path that new photos are sent to."""
        return "/images/{owner}" if self.owners else "/images"

    @property
    def one(self) -> str:
        """The path of one photo."""
        return f"{self.collection}/{{image_id}}"

    def photo(self, image_id: str, owner: str = "") -> PhotoId:
        """Name a photo. Raises Refusal for a name that no photo can have."""
        try:
            photo = safe_id(image_id, owner)
        except NoImageIdError as error:
            raise Refusal("no_image_id", str(error)) from None
        if self._bucket and not self._leads_back(photo):
            raise Refusal("no_image_id", "WORKER_IMAGE_ID_PATTERN does not take this image id")
        return photo

    def location(self, photo: PhotoId) -> str:
        """Give the path of a photo's result."""
        return self.one.format(owner=quote(photo.owner), image_id=quote(photo.image_id))

    def stored(self, photo: PhotoId, sha256: str, size: int) -> S3Object:
        """Name a photo's bytes: by where they will be stored, or else by themselves."""
        if self._bucket:
            return S3Object(self._bucket, self._key(photo), size=size, sha256=sha256, via="http")
        return S3Object("", "", etag=sha256, size=size, sha256=sha256, via="http")

    def _key(self, photo: PhotoId) -> str:
        return self._prefix + "/".join(filter(None, (photo.owner, photo.image_id)))

    def _leads_back(self, photo: PhotoId) -> bool:
        """Whether S3's own announcement of the stored photo names the same one."""
        try:
            return photo_id(self._key(photo), self._pattern) == photo
        except NoImageIdError:
            return False
