"""Thumbnails of photos, made when they are asked for and kept nowhere."""

import asyncio
import io
from collections.abc import Sequence

from PIL import Image

from localstack.playground.photos.photo import Photo
from worker.adapters.aws.s3 import Photos
from worker.decoders.decoder import Decoder
from worker.errors import DecoderStartError, MessageError
from worker.photos.decoding import Target

SIDE = 160  # pixels
TARGET = Target(SIDE, SIDE, "crop")
QUALITY = 80
AT_ONCE = 2
MOST_KEPT = 64  # photos whose bytes are kept, since they are stored nowhere
MOST_BYTES = 64_000_000  # of all together


class Kept:
    """The bytes of the newest photos that are stored nowhere. Belongs to one event loop."""

    def __init__(self) -> None:
        self._kept = dict[str, tuple[Photo, bytes]]()
        self._size = 0

    def keep(self, photo: Photo, data: bytes) -> None:
        """Keep a photo's bytes if it shows a thumbnail. The oldest ones give way."""
        if not photo.shows_thumbnail:
            return
        self._kept[photo.image_id] = photo, data
        self._size += len(data)
        while len(self._kept) > MOST_KEPT or self._size > MOST_BYTES:
            oldest, given_up = self._kept.pop(next(iter(self._kept)))
            oldest.shows_thumbnail = False
            self._size -= len(given_up)

    def find(self, image_id: str) -> bytes | None:
        """Find a photo's bytes."""
        _, data = self._kept.get(image_id, (None, None))
        return data


class Thumbnails:
    """Belongs to one event loop. Whoever sent a photo may be hostile: it is decoded as the worker does it."""

    def __init__(self, decoder: Decoder, storage: Photos, kept: Kept) -> None:
        """`decoder` makes pictures of TARGET, each in a confined process within bounds of time and memory."""
        self._decoder = decoder
        self._storage = storage
        self._kept = kept
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def make(self, photo: Photo) -> bytes | None:
        """Make a JPEG of 160 × 160 pixels, the middle of the photo. None if there is none."""
        async with self._turns:
            try:
                return await asyncio.to_thread(self._make, photo, self._kept.find(photo.image_id))
            except (MessageError, DecoderStartError):
                return None

    def _make(self, photo: Photo, kept: bytes | None) -> bytes | None:
        pieces = [kept] if kept else self._fetch(photo)
        if not pieces:
            return None
        pixels = self._decoder.decode(pieces).pixels
        made = io.BytesIO()
        Image.fromarray(pixels).save(made, "JPEG", quality=QUALITY)
        return made.getvalue()

    def _fetch(self, photo: Photo) -> Sequence[bytes]:
        if photo.object is None:
            return []
        return self._storage.fetch(photo.object, self._decoder.max_bytes).pieces
