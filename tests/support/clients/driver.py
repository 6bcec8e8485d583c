"""Runs docs/clients/photo_scores.py: waits for photos, uploads them when told to, and prints what came of it.

Reads a JSON object in one line: `redis`, a URL; `waits`, pairs of an image id and seconds; `uploads`, image id → URL
and file. A second line is the signal to upload, and to begin with the waits that are `late`.
"""

import asyncio
import json
import sys
from pathlib import Path

from docs.clients.photo_scores import Results
from tests.support import contract


async def main() -> None:
    job, put_photo = json.loads(sys.stdin.readline()), contract.functions()["put_photo"]
    async with Results(job["redis"]) as results:
        waits = [asyncio.create_task(results.wait(*wait)) for wait in job["waits"]]
        await asyncio.to_thread(sys.stdin.readline)
        etags = {
            image_id: await asyncio.to_thread(put_photo, url, Path(path).read_bytes())
            for image_id, (url, path) in job["uploads"].items()
        }
        waits += [asyncio.create_task(results.wait(*wait)) for wait in job["late"]]
        await asyncio.sleep(0)  # they begin
        print("begun", flush=True)  # noqa: T201 - the test reads it
        outcomes = [await outcome(wait) for wait in waits]
    print(json.dumps({"etags": etags, "outcomes": outcomes}))  # noqa: T201 - this too


async def outcome(wait: asyncio.Task[str]) -> object:
    try:
        return json.loads(await wait)
    except Exception as error:  # noqa: BLE001 - the test judges it
        return str(error)


asyncio.run(main())
