"""Bodies of any shape, as they come from the server: in forms, in pieces, as large as may be."""

import asyncio
from collections.abc import Callable, Coroutine

from tests.support.door_asking import Answer, DoorRig
from tests.unit.door.receiving.forms import END, FIELD, part
from worker.door.receiving.body import MARGIN
from worker.door.receiving.multipart import MOST_BESIDE

PHOTO = b"p" * 500  # as large as may be
FORM = "multipart/form-data; boundary=line"


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


async def settled() -> None:
    """Let everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def answer_to(door: DoorRig, data: bytes, /, **headers: str) -> tuple[bytes, Answer]:
    """Send a photo whole, with its length, and let it be scored. What the pipeline got, and the answer."""
    asked = door.ask("POST", "/images", data, Content_Length=str(len(data)), **headers)
    upload = await door.next_upload()
    photo = door.fetch(upload)
    door.score(upload)
    return photo, await asked.answer()


def test_a_photo_may_be_as_large_as_the_settings_say() -> None:
    async def scenario() -> None:
        photo, answer = await answer_to(DoorRig(memory=len(PHOTO)), PHOTO)
        assert (photo, answer.status) == (PHOTO, 200)

    run(scenario)


def test_a_form_may_be_larger_than_its_photo() -> None:
    async def scenario() -> None:
        form = part(b"x" * MOST_BESIDE, FIELD) + part(PHOTO) + END
        photo, answer = await answer_to(DoorRig(), form, Content_Type=FORM)
        assert (photo, answer.status) == (PHOTO, 200)
        too_large = str(len(PHOTO) + MARGIN + 1)
        refused = await DoorRig().ask("POST", "/images", Content_Type=FORM, Content_Length=too_large).answer()
        assert refused.code == (413, "too_many_bytes")

    run(scenario)


def test_a_photo_of_unknown_length_is_let_in_where_all_memory_is_taken_and_refused_when_it_comes() -> None:
    async def scenario() -> None:
        door = DoorRig(memory=len(PHOTO))
        held = door.ask("POST", "/images")
        held.send(PHOTO, more=True)
        while door.admission.bytes_held < len(PHOTO):
            assert not held.is_answered
            await asyncio.sleep(0)
        late = door.ask("POST", "/images")
        await settled()
        assert not late.is_answered
        late.send(b"x")
        assert (await late.answer()).code == (429, "too_many_requests")
        held.hang_up()
        await held.answer()

    run(scenario)


def test_a_message_without_a_body_is_the_end_of_one() -> None:
    """ASGI lets both fields be missing."""

    async def scenario() -> None:
        asked = DoorRig().ask("POST", "/images")
        asked.receives({"type": "http.request"})
        assert (await asked.answer()).code == (400, "empty_object")

    run(scenario)


def test_a_cut_concerns_only_what_is_arriving_and_nothing_once_the_loop_has_ended() -> None:
    door, failures = DoorRig(), list[object]()

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        await answer_to(door, PHOTO)
        door.bodies.cut()
        await settled()

    run(scenario)
    door.bodies.cut()
    assert not failures
