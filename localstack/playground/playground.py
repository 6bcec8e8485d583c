"""The playground, put together: it is there from the start, opens when all is up, and closes before the rest."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from localstack.playground.breakers import LOAD, Breakers
from localstack.playground.faults import Faults
from localstack.playground.photos.letters import Letters
from localstack.playground.photos.results import Results
from localstack.playground.photos.samples import TITLES
from localstack.playground.photos.senders import Senders
from localstack.playground.photos.sending import Sending
from localstack.playground.photos.thumbnails import Thumbnails
from localstack.playground.told import Told
from localstack.playground.web.relay import relay
from worker.door.problems import Refusal
from worker.messages import S3Object
from worker.result import Result


@dataclass(frozen=True, slots=True)
class Backstage:
    """What there is once all is up."""

    door: str  # address
    senders: Senders
    results: Results
    letters: Letters
    thumbnails: Thumbnails


class Playground:
    """Belongs to one event loop: that of its server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.told = Told(clock, lambda: self._faults.events() if self._faults else [])
        self.stream, self.album = self.told.stream, self.told.album
        self.sending = Sending(self.album, clock)
        self._clock = clock
        self._backstage: Backstage | None = None
        self._faults: Faults | None = None
        self._work: asyncio.Task[None] | None = None

    # What is asked

    @property
    def backstage(self) -> Backstage:
        """What there is. Raises Refusal until all is up."""
        if self._backstage is None:
            raise Refusal("starting", "the services and the worker are starting")
        return self._backstage

    @property
    def faults(self) -> Faults:
        """What one can break. Raises Refusal before there is anything."""
        if self._faults is None:
            raise Refusal("starting", "nothing is there yet that could be broken")
        return self._faults

    def samples(self) -> list[dict[str, str]]:
        """List the samples."""
        return [{"name": name, "title": title} for name, title in TITLES.items()]

    async def thumbnail(self, image_id: str) -> bytes | None:
        """Make a thumbnail of a photo that was sent. None if there is none. Raises Refusal."""
        photo = self.album.find(image_id)
        if photo is None or not photo.has_thumbnail:
            return None
        return await self.backstage.thumbnails.make(photo)

    def begin_fault(self, name: str) -> None:
        """Begin a fault. Raises Refusal, KeyError and BusyError."""
        if not self.told.was_up:
            raise Refusal("starting", "there is no worker yet that one could do this to")
        self.album.check(LOAD)
        self.faults.begin(name)

    # What happens to it

    def prepare(self, breakers: Breakers) -> None:
        """Know what can be broken."""
        self._faults = Faults(breakers.faults(), self.stream.publish, self._clock)

    def open(self, backstage: Backstage) -> None:
        """Take photos from now on."""
        self._backstage = backstage
        self.sending.senders = backstage.senders
        self._work = asyncio.create_task(self._work_on(backstage))
        self._work.add_done_callback(self._say_if_failed)

    def adopt(self, photos: Iterable[tuple[str, Result]]) -> None:
        """Show samples that others have sent, with their results."""
        for name, result in photos:
            photo, source = self.album.adopt(result.source.via, name, result), result.source
            if source.bucket and source.key:
                photo.object = S3Object(source.bucket, source.key, source.version_id, source.etag)
            elif sample := self.sending.samples.get(name):
                self.backstage.senders.kept.keep(photo, sample)

    async def close(self) -> None:
        """Mend what is broken, and send the viewers away."""
        if self._faults:
            await self._faults.end()
        self.stream.end()
        if self._work:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _work_on(self, backstage: Backstage) -> None:
        """Do what goes on by itself, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(backstage.results.run())
                tasks.create_task(backstage.letters.run())
                tasks.create_task(relay(self.stream, backstage.door))
                tasks.create_task(self.told.tell_accounts())
        finally:
            await backstage.senders.end()
            await backstage.results.close()

    def _say_if_failed(self, work: asyncio.Task[None]) -> None:
        """Say it where people look: from now on nobody hears of results."""
        if not work.cancelled() and (error := work.exception()):
            asyncio.get_running_loop().call_exception_handler({"message": "a bug", "exception": error})
            self.told.tell("away", "The playground itself has failed. The terminal says why; start it anew.")
