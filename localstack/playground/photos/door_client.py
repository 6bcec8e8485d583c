"""Sends photos to the worker's door until each has its answer, as docs/contract.md says."""

import asyncio
from collections.abc import Callable

import httpx

from localstack.playground.photos.failures import failure
from worker.door.problems import PASSING
from worker.result import Result, parse

AT_ONCE = 32  # requests
ANSWER = 20.0  # seconds for one; the door answers within WORKER_DOOR_WAIT
PATIENCE = 120.0  # seconds for one photo: a worker that is replaced takes a while
LONGEST_PAUSE = 5.0  # seconds between two tries
SHORTEST_PAUSE = 0.2


class DoorClient:
    """Belongs to one event loop."""

    def __init__(
        self, door: str, clock: Callable[[], float], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`door`: its address. `transport`: another way than by TCP, for tests."""
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        self._client = httpx.AsyncClient(base_url=door, timeout=ANSWER, limits=limits, transport=transport)
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def score(
        self, image_id: str, data: Callable[[], bytes], begins: Callable[[], None]
    ) -> Result | None:
        """Send a photo under this id until it has its result. None if there was none in time.

        `begins` is called before the first try. To send it again does no harm: it is one result.
        """
        async with self._turns:
            begins()
            path, deadline = f"/images/{image_id}", self._clock() + PATIENCE
            while (left := deadline - self._clock()) > 0:
                try:
                    answer = await self._client.put(path, content=data())
                except httpx.TransportError:
                    await asyncio.sleep(min(SHORTEST_PAUSE, left))
                    continue
                if answer.status_code == httpx.codes.OK:
                    return parse(answer.text)
                if answer.status_code != httpx.codes.ACCEPTED and answer.status_code not in PASSING:
                    return await self._refused(path, image_id, answer)
                await asyncio.sleep(min(_pause(answer), left))
        return None

    async def _refused(self, path: str, image_id: str, answer: httpx.Response) -> Result:
        """Find the `failed` result of a photo that was refused; the refusal says the same if there is none."""
        try:
            stored = await self._client.get(path)
        except httpx.TransportError:
            stored = answer
        if stored.status_code == httpx.codes.OK and (result := parse(stored.text)):
            return result
        problem = _problem(answer)
        return failure(image_id, problem.get("code", "refused"), problem.get("detail", answer.reason_phrase))


def _pause(answer: httpx.Response) -> float:
    """How long to wait until the next try. An answer that said 202 has waited already."""
    if answer.status_code == httpx.codes.ACCEPTED:
        return SHORTEST_PAUSE
    given = answer.headers.get("Retry-After", "1")
    return min(float(given), LONGEST_PAUSE) if given.isdecimal() else 1.0


def _problem(answer: httpx.Response) -> dict[str, str]:
    try:
        fields = answer.json()
    except ValueError:
        return {}
    return {name: str(value) for name, value in fields.items()} if isinstance(fields, dict) else {}
