"""Sends the sample photos by both ways in turn, as an API does, and waits for each result."""

from pathlib import Path

import httpx

from localstack.services import ServicesError
from worker.client import Client
from worker.result import Result

PHOTOS = Path(__file__).parent / "photos"
SUFFIXES = {".jpg", ".png", ".heic", ".webp", ".avif"}
RESULT = 30.0  # seconds until a photo must be scored


def score_samples(client: Client, door: str) -> list[tuple[str, Result]]:
    """Return names and results, by name. Raises ServicesError, and TimeoutError if a result does not come."""
    photos = sorted(path for path in PHOTOS.iterdir() if path.suffix in SUFFIXES)
    queued = {path.name: client.upload(path.read_bytes(), path.suffix) for path in photos[::2]}
    results = {path.name: _post(path, door) for path in photos[1::2]}
    results |= {name: client.wait(image_id, RESULT) for name, image_id in queued.items()}
    return sorted(results.items())


def _post(photo: Path, door: str) -> Result:
    """Send a photo by HTTP; its result is the answer. Raises ServicesError."""
    try:
        answer = httpx.post(f"{door}/images", content=photo.read_bytes(), timeout=RESULT).raise_for_status()
    except httpx.HTTPError as error:
        raise ServicesError(f"{photo.name} was not scored by HTTP: {error}") from error
    return Result.model_validate_json(answer.content)
