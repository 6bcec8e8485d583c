"""Runs docs/clients/photo_scores.py: waits for photos, uploads them when told to, and prints what comes of it.

Reads a JSON object in one line: `redis`, a URL; `waits`, each an image id, seconds to wait, and if it is to begin
later the seconds until then; `uploads`, image id → URL and file. The next line is the signal to upload, and to
begin with the waits that are `late`; it prints the ETags. For each wait that ends it prints the wait's number, the
result or error, and how many seconds late it was. It goes on until its input ends.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from docs.clients.photo_scores import Results
from tests.support import contract


async def main() -> None:
    job, put_photo = json.loads(sys.stdin.readline()), contract.functions()["put_photo"]
    async with Results(job["redis"]) as results:
        numbered = [(number, *wait) for number, wait in enumerate(job["waits"] + job["late"])]
        first = len(job["waits"])
        waits = [asyncio.create_task(tell(results, *wait)) for wait in numbered[:first]]
        await asyncio.to_thread(sys.stdin.readline)
        etags = {
            image_id: await asyncio.to_thread(put_photo, url, Path(path).read_bytes())
            for image_id, (url, path) in job["uploads"].items()
        }
        waits += [asyncio.create_task(tell(results, *wait)) for wait in numbered[first:]]
        await asyncio.sleep(0)  # they begin
        say(etags)
        await asyncio.gather(*waits)
        await asyncio.to_thread(sys.stdin.read)


async def tell(results: Results, number: int, image_id: str, timeout: float, delay: float = 0.0) -> None:
    await asyncio.sleep(delay)
    begun = time.monotonic()
    try:
        outcome = json.loads(await results.wait(image_id, timeout))
    except Exception as error:  # noqa: BLE001 - the test judges it
        outcome = str(error)
    say([number, outcome, time.monotonic() - begun - timeout])


def say(it: object) -> None:
    print(json.dumps(it), flush=True)  # noqa: T201 - the test reads it


asyncio.run(main())
