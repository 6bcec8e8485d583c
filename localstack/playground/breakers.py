"""How each fault is made: services that fail, photos and messages that harm, workers that end under load."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from localstack.faults.gateway import Fault as GatewayFault
from localstack.faults.gateway import Gateway, throttle, unavailable
from localstack.playground.faults import Fault
from localstack.playground.photos.samples import bomb, truncated
from localstack.playground.photos.sending import Sending
from localstack.playground.workers import Workers
from localstack.services import Services

LASTS = 10.0  # seconds of an outage
UNKNOWN = 0.0
SETTLING = 90.0  # seconds, at most, until a photo that harms has come to its end
REPLACING = 180.0  # seconds, at most, until another worker is up
LOAD = 40  # photos of the burst in which a worker ends
HEAD_START = 1.0  # seconds that it has for them
LOOK = 0.2  # seconds


@dataclass(eq=False)
class Breakers:
    """Makes faults happen. Belongs to one event loop."""

    services: Services
    gateway: Gateway
    workers: Workers
    sending: Sending
    sample: bytes = field(repr=False)  # a photo that can be cut short

    def faults(self) -> list[Fault]:
        """List all of them."""
        return [
            Fault(
                "freeze-redis",
                "Freeze Redis",
                f"Redis neither answers nor ends for {LASTS:.0f} s. Results wait in the worker.",
                LASTS,
                self._freeze,
            ),
            Fault(
                "s3-unavailable",
                "Let S3 answer 503",
                f"S3 answers each request of the worker with 503 for {LASTS:.0f} s. Photos wait in the worker.",
                LASTS,
                lambda: self._break("s3", unavailable),
            ),
            Fault(
                "throttle-sqs",
                "Throttle SQS",
                f"SQS refuses each call of the worker for {LASTS:.0f} s. Photos by HTTP go on.",
                LASTS,
                lambda: self._break("sqs", throttle),
            ),
            Fault(
                "bomb",
                "Send a decompression bomb",
                "A PNG of a few hundred bytes says that it has 2.5 gigapixels. It fails alone.",
                UNKNOWN,
                lambda: self._send("bomb.png", bomb()),
            ),
            Fault(
                "truncated",
                "Send a truncated photo",
                "Half of the photo is missing. It gets a result that says so.",
                UNKNOWN,
                lambda: self._send("truncated.jpg", truncated(self.sample)),
            ),
            Fault(
                "poison",
                "Send a poison message",
                "No worker can read this message. After five receives it is a dead letter.",
                UNKNOWN,
                self._poison,
            ),
            Fault(
                "kill",
                "Kill the worker",
                "SIGKILL under load: it finishes nothing. What it had comes back, and another worker scores it.",
                UNKNOWN,
                lambda: self._end_worker(signal.SIGKILL),
                "worker",
            ),
            Fault(
                "stop",
                "Stop the worker",
                "SIGTERM under load: what is begun is finished, the rest is given back.",
                UNKNOWN,
                lambda: self._end_worker(signal.SIGTERM),
                "worker",
            ),
        ]

    async def _freeze(self) -> None:
        self.services.freeze_redis()
        try:
            await asyncio.sleep(LASTS)
        finally:
            self.services.thaw_redis()

    async def _break(self, service: str, fault: GatewayFault) -> None:
        self.gateway.break_(service, fault)
        try:
            await asyncio.sleep(LASTS)
        finally:
            self.gateway.mend(service)

    async def _send(self, name: str, data: bytes) -> None:
        photo = self.sending.send(name, data)
        await _until(lambda: photo.state != "sent", SETTLING)

    async def _poison(self) -> None:
        photo = self.sending.send_poison()
        await _until(lambda: photo.state != "sent", SETTLING)

    async def _end_worker(self, number: signal.Signals) -> None:
        await _until(lambda: self.workers.is_up, REPLACING)
        self.sending.burst(LOAD)
        await asyncio.sleep(HEAD_START)
        self.workers.end(number)
        await _until(lambda: self.workers.is_up, REPLACING)


async def _until(is_so: Callable[[], bool], seconds: float) -> None:
    """Wait until it is so, `seconds` at most."""
    for _ in range(int(seconds / LOOK)):
        if is_so():
            return
        await asyncio.sleep(LOOK)
