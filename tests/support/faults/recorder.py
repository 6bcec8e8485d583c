"""Records what happens to photos in a run: PUTs, requests, reads, and every result that Redis publishes."""

import threading
import time
import uuid
from collections.abc import Collection

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localstack.services import HOST
from tests.support.faults.valkey import Valkey
from tests.support.history.events import Asked, Emptied, Event, Published
from tests.support.history.judge import judge
from tests.support.waiting import eventually
from worker.messages import PhotoId
from worker.result import Result, parse

CHANNEL = "result:"  # the rest is the name of a photo
LOOKED = "looked"  # nobody publishes there


class Recorder:
    """Thread-safe. `gaps`: lost connections; a result published meanwhile went unseen."""

    def __init__(self, store: Valkey) -> None:
        self.events: list[Event] = []
        self.gaps = 0
        self._store = store
        self._heard = ""  # the last mark
        self._ended = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        eventually(self._listening.is_set)

    @property
    def written(self) -> int:
        """How many results were published."""
        return sum(isinstance(event, Published) for event in list(self.events))

    def note_asked(self, name: str) -> None:
        """Note that a worker receives a message that announces a photo."""
        self.events.append(Asked(time.monotonic(), photo_of(name)))

    def complaints(self, names: Collection[str], dead: Collection[str], patience: float) -> list[str]:
        """Judge what happened to these photos. `dead`: those that are dead letters."""
        self._catch_up()
        photos = {photo_of(name) for name in names}
        emptied = [Emptied(at) for at in self._store.killed_at]
        events = [e for e in [*self.events, *emptied] if isinstance(e, Emptied) or e.photo in photos]
        return judge(events, dead=[photo_of(name) for name in dead], patience=patience)

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join(5)

    def _catch_up(self) -> None:
        """Hear all that was published before now: a client may hear of its result first."""
        mark = str(uuid.uuid4())

        def is_heard() -> bool:
            self._store.client.publish(LOOKED, mark)  # again, as the recorder may have lost its connection
            return self._heard == mark

        eventually(is_heard)

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                self._receive()
            except (redis.RedisError, OSError):  # tests kill the store
                self.gaps += self._listening.is_set()
                self._listening.clear()

    def _receive(self) -> None:
        client = impatient(self._store.port)
        with client.pubsub() as messages:  # type: ignore[no-untyped-call] # redis-py's
            messages.psubscribe(f"{CHANNEL}*")
            found = list[Result]()
            while not self._ended.is_set():
                message = messages.get_message(timeout=0.2) or {"type": "nothing"}
                match message["type"]:
                    case "psubscribe":
                        found = self._note_stored(client)
                        messages.subscribe(LOOKED)
                    case "subscribe":  # it comes after all that was published before the look
                        found.clear()
                        self._listening.set()
                    case "message":
                        self._heard = message["data"]
                    case "pmessage":
                        self._note(message["channel"], parse(message["data"]), found)

    def _note_stored(self, client: "redis.Redis") -> list[Result]:
        """Note what was written while nobody listened. Return it: its messages may still come."""
        known = [event.result for event in list(self.events) if isinstance(event, Published)]
        stored = {key: parse(str(client.get(key))) for key in client.scan_iter(f"{CHANNEL}*")}
        for key, result in stored.items():
            self._note(key, result, known)
        return [result for result in stored.values() if result and result not in known]

    def _note(self, channel: str, result: Result | None, noted: list[Result]) -> None:
        if result in noted:
            noted.remove(result)
        elif result:
            photo = photo_of(channel.removeprefix(CHANNEL))
            self.events.append(Published(time.monotonic(), photo, result))


def photo_of(name: str) -> PhotoId:
    """Read the name of a photo: its image id, after its owner and a colon if it has one."""
    owner, _, image_id = name.rpartition(":")
    return PhotoId(image_id, owner)


def impatient(port: int) -> "redis.Redis":
    """Connect to a store that tests break: it answers or fails within a second, without retries."""
    return redis.Redis(
        host=HOST,
        port=port,
        decode_responses=True,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )
