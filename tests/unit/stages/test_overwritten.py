"""Uploads under one key, each announced by a direct request and by S3: every order in which workers may act.

Exhaustive, on the rules alone: an event is looked up, its object fetched, its result written, and between any two of
these steps all others may happen. Expected: the newest bytes' result stays in the end, and no older one is ever written
over it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

import pytest

from tests.support.fakes import START
from tests.support.overtaken import answer_to, in_order
from tests.support.results import make_result
from worker.messages import Answer, Fetched, S3Object
from worker.result import Result, timestamp
from worker.results.content import identify
from worker.results.known import makes_needless, puts_again, state, to_fetch

MODELS = {"reference": "1"}


@dataclass(frozen=True)
class Work:
    """The progress of one event: waiting, looked up, fetched or done."""

    event: S3Object
    number: int  # of the upload that it announces
    step: str = "waiting"
    target: S3Object | None = None
    seen: str = ""


@dataclass(frozen=True)
class Stored:
    """A stored result: its bytes, and the number of uploads when it was written."""

    object: S3Object
    uploaded: int


@dataclass(frozen=True)
class World:
    """The number of uploads so far, the stored result, the events' progress, the number of fetches."""

    uploaded: int
    stored: Stored | None
    works: tuple[Work, ...]
    fetches: int = 0


def result(source: S3Object, uploaded: int) -> Result:
    """A result of these bytes, written after so many uploads."""
    fields = {name: value for name, value in asdict(source).items() if name != "size"}
    scored_at = timestamp(START + timedelta(seconds=uploaded))
    return make_result("a", models=MODELS, **fields).model_copy(update={"scored_at": scored_at})


def upload(number: int, versioning: str, contents: str) -> S3Object:
    """The bytes that an upload left."""
    version = {"off": None, "on": f"v{number}", "suspended": "null"}[versioning]
    return S3Object("photos", "a.jpg", version, f"etag-{contents[number - 1]}")


def works(names: Sequence[str], versioning: str, contents: str) -> Iterator[Work]:
    """D1, D2: direct requests for the uploads; N1, N2: S3's notifications; E1, E2: those of an emulator."""
    for name in names:
        number = int(name[1])
        sequencer = {"D": None, "N": f"0{number}", "E": "0E"}[name[0]]
        yield Work(replace(upload(number, versioning, contents), sequencer=sequencer), number)


def look_up(work: Work, stored: Stored | None) -> tuple[Work, Stored | None]:
    """Look up, as poll does."""
    if stored is None:
        return replace(work, step="looked up", target=work.event), stored
    known, event = result(stored.object, stored.uploaded), work.event
    if makes_needless(known, event, MODELS):
        if puts_again(known, event, START + timedelta(seconds=work.number - 0.5)):
            stored = replace(stored, object=noted(known, event, surely=True))
        return replace(work, step="done"), stored
    looked_up = replace(work, step="looked up", target=to_fetch(known, event), seen=state(known))
    return looked_up, stored


def noted(known: Result, event: S3Object, *, surely: bool = False) -> S3Object:
    """The object of a stored result whose content was put again."""
    return S3Object(**in_order(known, event, surely=surely).source.model_dump())


def fetch(work: Work, uploaded: int, versioning: str, contents: str) -> Work:
    """Fetch, as a helper does: the announced version, or what the bucket has now."""
    wanted = work.target or work.event
    number = work.number if wanted.version_id and versioning == "on" else uploaded
    there = upload(number, versioning, contents)
    fetched = Fetched((), there.etag, there.version_id)
    return replace(work, step="fetched", target=identify(fetched, wanted, work.event))


def write(work: Work, world: World) -> tuple[Work, Stored | None]:
    """Write, as the store does; where it refuses, release, as commit does."""
    assert work.target is not None
    stored, new = world.stored, result(work.target, world.uploaded)
    known = result(stored.object, stored.uploaded) if stored else None
    answer = answer_to(known, new, work.seen)
    if answer is Answer.OVERTAKEN:
        return Work(work.event, work.number), stored  # released: it comes again
    if answer is Answer.WRITTEN:
        return replace(work, step="done"), Stored(work.target, world.uploaded)
    assert stored
    assert known
    return replace(work, step="done"), replace(stored, object=noted(known, work.target))


def next_worlds(world: World, versioning: str, contents: str) -> Iterator[World]:
    """Every world that may come next."""
    if world.uploaded < len(contents):
        yield replace(world, uploaded=world.uploaded + 1)
    for index, work in enumerate(world.works):
        stored, fetches = world.stored, world.fetches
        if work.step == "done" or work.number > world.uploaded:
            continue
        if work.step == "waiting":
            after, stored = look_up(work, stored)
        elif work.step == "looked up":
            after, fetches = fetch(work, world.uploaded, versioning, contents), fetches + 1
        else:
            after, stored = write(work, world)
        others = (*world.works[:index], after, *world.works[index + 1 :])
        yield World(world.uploaded, stored, others, fetches)


def all_worlds(names: str, versioning: str, contents: str) -> Iterator[tuple[World, list[World]]]:
    """Every world that may come to be, and those that may come after it."""
    begin = World(1, None, tuple(works(names.split(), versioning, contents)))
    ahead, known = [begin], {begin}
    while ahead:
        world = ahead.pop()
        after = list(next_worlds(world, versioning, contents))
        yield world, after
        fresh = set(after) - known
        ahead += fresh
        known |= fresh


def etag(world: World) -> str | None:
    return world.stored.object.etag if world.stored else None


VERSIONING = ["off", "on", "suspended"]


@pytest.mark.parametrize("versioning", VERSIONING)
@pytest.mark.parametrize(
    "names",
    [
        "N1 N2",
        "D1 D2",
        "D1 N1 N2",
        "N1 D2 N2",
        "D1 N1 D2 N2",
        "N1 D2 N2 N3",
        "N1 N2 D3 N3",
        "D1 D2 D3",
        "N1 N2 N3",
        "E1 E2",
        "D1 E1 D2 E2",
        "E1 E2 E3",
    ],
)
def test_the_newest_bytes_win_in_every_order_and_work_ends(names: str, versioning: str) -> None:
    contents = "ABC"[: int(max(re.sub("[DE]", "N", names).split())[1])]
    for world, after in all_worlds(names, versioning, contents):
        assert after or etag(world) == f"etag-{contents[-1]}", world
        for one in after:
            assert (etag(world) or "") <= (etag(one) or ""), (world, one)
            assert one.fetches <= len(contents) * len(world.works)


@pytest.mark.parametrize("versioning", VERSIONING)
@pytest.mark.parametrize("names", ["N1 N2 N3", "D1 N1 N2 N3", "D1 D2 N2 N3", "D1 D2 D3 N3"])
def test_bytes_that_are_put_again_after_others_win_in_every_order(names: str, versioning: str) -> None:
    for world, after in all_worlds(names, versioning, "ABA"):
        assert after or etag(world) == "etag-A", world
