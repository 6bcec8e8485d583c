"""GET /images/{image_id}: what a reader is answered, and for how long it may wait."""

import asyncio

import pytest

from tests.support.door_asking import OWNERS, Answer, DoorRig, PuppetStore
from tests.support.results import make_result
from tests.support.waiting import PATIENCE
from worker.door.api.app import GONE
from worker.messages import PhotoId
from worker.result import Result


class PatientStore(PuppetStore):
    """Lets readers wait until they go away."""

    def __init__(self) -> None:
        super().__init__()
        self.waits, self.left = asyncio.Event(), asyncio.Event()

    async def wait(self, photo: PhotoId, seconds: float) -> Result | None:
        self.waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        return None


class SlowStore(PuppetStore):
    """Has a result only a moment after it was asked for."""

    async def wait(self, photo: PhotoId, seconds: float) -> Result | None:
        await asyncio.sleep(0.01)
        return await self.find(photo)


@pytest.fixture
def store() -> PuppetStore:
    return PuppetStore()


def get(door: DoorRig, path: str) -> Answer:
    async def ask() -> Answer:
        return await door.ask("GET", path, b"").answer()

    return asyncio.run(ask())


def test_a_stored_result_is_given_as_it_is(store: PuppetStore) -> None:
    store.results[PhotoId("one")] = make_result(code="unreadable_image")
    answer = get(DoorRig(store=store), "/images/one")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert Result.model_validate_json(answer.body) == make_result(code="unreadable_image")


@pytest.mark.parametrize(
    ("query", "waited"),
    [("", None), ("?wait=0", None), ("?wait=2.5", 2.5), ("?wait=1e-3", 0.001), ("?wait=1e300", 5.0)],
)
def test_a_reader_waits_as_long_as_it_likes_and_the_settings_allow(
    store: PuppetStore, query: str, waited: float | None
) -> None:
    answer = get(DoorRig(store=store, wait=5.0), f"/images/one{query}")
    assert answer.code == (404, "no_result")
    assert (answer.headers["retry-after"], answer.json["image_id"]) == ("1", "one")
    assert store.waited == waited


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf", "1_0", "", "%201", "1" * 400, "٣"])
def test_a_wait_that_makes_no_sense_is_refused(store: PuppetStore, wait: str) -> None:
    assert get(DoorRig(store=store), f"/images/one?wait={wait}").code == (400, "bad_request")
    assert not store.looks


def test_a_name_that_no_photo_can_have_is_refused(store: PuppetStore) -> None:
    assert get(DoorRig(store=store), "/images/one:two").code == (400, "no_image_id")
    assert not store.looks


def test_without_redis_there_is_no_result_to_be_had() -> None:
    answer = get(DoorRig(store=None), "/images/one?wait=1")
    assert answer.code == (404, "no_store")
    assert "retry-after" not in answer.headers


def test_a_redis_that_does_not_answer_is_trouble(store: PuppetStore) -> None:
    store.away = True
    answer = get(DoorRig(store=store), "/images/one?wait=1")
    assert answer.code == (503, "store_trouble")
    assert answer.headers["retry-after"] == "1"


def test_owners_have_their_own_results(store: PuppetStore) -> None:
    store.results[PhotoId("one", "ada")] = make_result(owner="ada")
    door = DoorRig(store=store, pattern=OWNERS)
    assert get(door, "/images/ada/one").status == 200
    assert get(door, "/images/bob/one").code == (404, "no_result")
    assert get(door, "/images/one").code[0] in {404, 405}


def test_a_token_is_needed_where_one_is_set(store: PuppetStore) -> None:
    assert get(DoorRig(store=store, tokens=("secret",)), "/images/one").code == (401, "unauthorized")
    assert not store.looks


def test_a_reader_that_has_sent_its_request_is_still_there() -> None:
    store = SlowStore()
    store.results[PhotoId("one")] = make_result()
    assert get(DoorRig(store=store), "/images/one?wait=10").status == 200


def test_a_reader_that_goes_away_waits_no_more() -> None:
    async def scenario() -> None:
        store = PatientStore()
        asked = DoorRig(store=store).ask("GET", "/images/one?wait=10", b"")
        async with asyncio.timeout(PATIENCE):
            await store.waits.wait()
            asked.hang_up()
            await store.left.wait()
        assert (await asked.answer()).status == GONE

    asyncio.run(scenario())
