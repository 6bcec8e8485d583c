"""The playground hears of every result, also of those that were published while nobody listened."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from localstack.playground.photos.album import Album
from localstack.playground.photos.failures import failure
from localstack.playground.photos.photo import Photo, Way
from localstack.playground.photos.results import Results
from localstack.services import HOST
from tests.support.door_readers import until
from tests.support.fakes import ManualClock
from tests.support.faults.valkey import Valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of its own: its clients are cut off, it is killed and frozen."""
    server = Valkey(tmp_path)
    yield server
    server.close()


class Listener:
    """Photos, and what is heard of their results."""

    def __init__(self, valkey: Valkey) -> None:
        self.valkey = valkey
        self.album = Album(lambda _: None, ManualClock())
        self.results = Results(f"redis://{HOST}:{valkey.port}/0", self.album)

    def add(self, way: Way = "queue") -> Photo:
        return self.album.add(way, "a photo")

    def write(self, photo: Photo, *, publish: bool = True) -> None:
        """Store a result as a worker does, and publish it, unless that goes unheard."""
        key, text = f"result:{photo.image_id}", failure(photo.image_id, "empty_object", "").model_dump_json()
        self.valkey.client.set(key, text)
        if publish:
            self.valkey.client.publish(key, text)

    def is_heard(self) -> bool:
        return bool(self.valkey.client.pubsub_numpat())

    def cut(self) -> None:
        self.valkey.client.client_kill_filter(_type="pubsub")

    def run(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Listen while this goes on."""

        async def test() -> None:
            listens = asyncio.create_task(self.results.run())
            try:
                await until(self.is_heard)
                await scenario()
            finally:
                listens.cancel()
                await asyncio.gather(listens, return_exceptions=True)
                await self.results.close()

        asyncio.run(test())


def is_done(photo: Photo) -> Callable[[], bool]:
    return lambda: photo.state == "done"


def test_a_published_result_is_heard_and_a_second_time_it_is_doubled(valkey: Valkey) -> None:
    listener = Listener(valkey)
    photo = listener.add()

    async def scenario() -> None:
        listener.write(photo)
        await until(is_done(photo))
        listener.write(photo)
        await until(lambda: listener.album.account.doubled == 1)

    listener.run(scenario)


def test_a_result_that_was_published_while_the_connection_was_cut_is_found(valkey: Valkey) -> None:
    listener = Listener(valkey)
    photo = listener.add()

    async def scenario() -> None:
        listener.write(photo, publish=False)
        listener.cut()
        await until(is_done(photo))
        assert listener.album.account.doubled == 0

    listener.run(scenario)


def test_a_restart_and_a_freeze_of_redis_are_waited_through(valkey: Valkey) -> None:
    listener = Listener(valkey)
    one, other = listener.add(), listener.add()

    async def scenario() -> None:
        valkey.kill()
        valkey.start()
        await until(listener.is_heard)
        listener.write(one)
        await until(is_done(one))
        valkey.freeze()
        assert not await listener.results.look_up()
        valkey.thaw()
        listener.write(other)
        await until(is_done(other))

    listener.run(scenario)


def test_a_photo_by_http_has_its_answer_as_result_unless_none_came(valkey: Valkey) -> None:
    listener = Listener(valkey)
    answered, given_up = listener.add("http"), listener.add("http")
    listener.album.is_left(given_up)

    async def scenario() -> None:
        for photo in (answered, given_up):
            listener.write(photo)
        await until(lambda: answered.published == given_up.published == 1)
        assert await listener.results.look_up()
        assert (answered.state, given_up.state) == ("sent", "done")

    listener.run(scenario)


def test_what_is_no_result_is_none(valkey: Valkey) -> None:
    listener = Listener(valkey)
    photo = listener.add()

    async def scenario() -> None:
        for text in ("", "[]", '{"image_id": 7}', "x" * 100_000, b"no UTF-8: \xff"):
            valkey.client.publish(f"result:{photo.image_id}", text)
        valkey.client.publish("result:of-somebody-else", "{}")
        listener.write(photo)
        await until(is_done(photo))
        assert listener.album.account.doubled == 0

    listener.run(scenario)
