"""Runs the clients in docs/contract.md, which readers are meant to copy, against a real worker's door."""

import io
import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support import contract, photos
from tests.support.doors import DoorClient, door_client
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE

Score = Callable[..., dict[str, Any]]


def slow_photo() -> bytes:
    """A photo that takes several times the shortest wait to decode."""
    stream = io.BytesIO()
    coffee = Image.open(io.BytesIO(photos.coffee())).convert("RGB")
    coffee.resize((4000, 4000), Image.Resampling.BICUBIC).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


@pytest.fixture
def client() -> Iterator[DoorClient]:
    with door_client() as made:
        yield made


@pytest.fixture
def score() -> Score:
    copied: Score = contract.functions()["score_photo"]
    return copied


def test_a_client_that_comes_before_the_worker_is_ready_waits_for_it(
    rig: Rig, client: DoorClient, score: Score
) -> None:
    rig.process(door_port=str(client.port))
    image_id = str(uuid.uuid4())
    result = score(client, photos.coffee(), timeout=3 * PATIENCE, image_id=image_id)
    assert (result["image_id"], result["status"]) == (image_id, "scored")
    assert rig.stored() == {f"result:{image_id}": result}
    assert score(client, photos.coffee(), image_id=image_id) == result
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        score(client, b"no photo")
    assert refusal.value.response.json()["code"] == "unsupported_format"
    client.base_url = client.base_url.join("/nowhere/")
    with pytest.raises(httpx.HTTPStatusError, match="404"):  # no result that is late
        score(client, photos.coffee())


def test_a_client_waits_on_where_the_answer_sends_it(rig: Rig, client: DoorClient, score: Score) -> None:
    asked = list[str]()
    client.event_hooks = {
        "response": [lambda answer: asked.append(f"{answer.request.method} {answer.status_code}")]
    }
    with rig.worker(door_port=str(client.port), door_wait="0.1"):
        client.wait_until_ready()
        asked.clear()
        assert score(client, slow_photo())["status"] == "scored"
    assert asked[0] == "PUT 202"
    assert asked[-1].endswith(" 200")


def test_a_client_whose_worker_was_killed_sends_the_photo_to_the_next(
    rig: Rig, client: DoorClient, score: Score
) -> None:
    def kill_and_start(answer: httpx.Response) -> None:
        if answer.status_code == 202:
            client.event_hooks = {}
            rig.workers[0].kill()
            rig.process(door_port=str(client.port))

    rig.process(door_port=str(client.port), door_wait="0.1")
    client.event_hooks = {"response": [kill_and_start]}
    assert score(client, slow_photo(), timeout=4 * PATIENCE)["status"] == "scored"
    assert len(rig.workers) == 2


def test_a_client_gives_up_in_time(client: DoorClient, score: Score) -> None:
    with pytest.raises(TimeoutError, match="no result at /images/"):
        score(client, photos.coffee(), timeout=0.5)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_shell_has_the_result_too(rig: Rig, client: DoorClient, tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(image=.*?)```", contract.PAGE, re.DOTALL)
    photo = tmp_path / "photo.jpg"

    def run(content: bytes) -> tuple[int, dict[str, Any]]:
        photo.write_bytes(content)
        environment = {**os.environ, "DOOR": str(client.base_url), "PHOTO": str(photo)}
        done = subprocess.run(
            ["bash", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            check=False,
        )
        return done.returncode, json.loads(done.stdout or "{}")

    for wait in ("10", "0.1"):
        with rig.worker(door_port=str(client.port), door_wait=wait, batch_wait="400", objective="5000"):
            client.wait_until_ready()
            code, result = run(photos.coffee())
            assert (code, result["status"]) == (0, "scored")
            assert run(b"no photo")[0] != 0
