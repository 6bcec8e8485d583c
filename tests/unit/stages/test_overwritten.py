"""Uploads under one key, each announced by a direct request and by S3: every order in which workers may act.

Exhaustive, on the rules alone: an event is looked up, its object fetched, its result written, and between any two of
these steps all others may happen. Expected: the newest bytes' result stays in the end, and no older one is ever written
over it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import pytest

from tests.support.overtaken import answer_to
from tests.support.results import make_result
from worker.messages import Answer, Fetched, S3Object
from worker.result import Result
from worker.results.content import content, identify
from worker.results.known import makes_needless, to_fetch

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
class World:
    """The number of uploads so far, the stored result, the events' progress, the number of fetches."""

    uploaded: int
    stored: S3Object | None
    works: tuple[Work, ...]
    fetches: int = 0


def result(source: S3Object) -> Result:
    """A result of these bytes."""
    fields = asdict(source)
    return make_result("a", models=MODELS, **{name: fields[name] for name in fields if name != "size"})


def upload(number: int, versioning: str) -> S3Object:
    """The bytes that an upload left."""
    version = {"off": None, "on": f"v{number}", "suspended": "null"}[versioning]
    return S3Object("photos", "a.jpg", version, f"e{number}")


def works(names: Sequence[str], versioning: str) -> Iterator[Work]:
    """D1, D2: direct requests for the uploads; N1, N2: S3's notifications of them."""
    for name in names:
        number, sequencer = int(name[1]), f"0{name[1]}" if name[0] == "N" else None
        yield Work(replace(upload(number, versioning), sequencer=sequencer), number)


def look_up(work: Work, stored: S3Object | None) -> Work:
    """Look up, as poll does."""
    if stored is None:
        return replace(work, step="looked up", target=work.event)
    if makes_needless(result(stored), work.event, MODELS):
        return replace(work, step="done")
    return replace(work, step="looked up", target=to_fetch(result(stored), work.event), seen=content(stored))


def fetch(work: Work, uploaded: int, versioning: str) -> Work:
    """Fetch, as a helper does: the announced version, or what the bucket has now."""
    wanted = work.target or work.event
    number = work.number if wanted.version_id and versioning == "on" else uploaded
    there = upload(number, versioning)
    return replace(
        work, step="fetched", target=identify(Fetched((), there.etag, there.version_id), wanted, work.event)
    )


def written(work: Work, stored: S3Object | None) -> tuple[Work, S3Object | None]:
    """Write, as the store does; where it refuses, release, as commit does."""
    assert work.target is not None
    answer = answer_to(result(stored) if stored else None, result(work.target), work.seen)
    if answer is Answer.OVERTAKEN:
        return Work(work.event, work.number), stored  # released: it comes again
    return replace(work, step="done"), work.target if answer is Answer.WRITTEN else stored


def next_worlds(world: World, last: int, versioning: str) -> Iterator[World]:
    """Every world that may come next."""
    if world.uploaded < last:
        yield replace(world, uploaded=world.uploaded + 1)
    for index, work in enumerate(world.works):
        stored, fetches = world.stored, world.fetches
        if work.step == "done" or work.number > world.uploaded:
            continue
        if work.step == "waiting":
            after = look_up(work, stored)
        elif work.step == "looked up":
            after, fetches = fetch(work, world.uploaded, versioning), fetches + 1
        else:
            after, stored = written(work, stored)
        others = (*world.works[:index], after, *world.works[index + 1 :])
        yield World(world.uploaded, stored, others, fetches)


@pytest.mark.parametrize("versioning", ["off", "on", "suspended"])
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
    ],
)
def test_the_newest_bytes_win_in_every_order_and_work_ends(names: str, versioning: str) -> None:
    begun = tuple(works(names.split(), versioning))
    last = max(work.number for work in begun)
    begin = World(1, None, begun)
    ahead, known = [begin], {begin}
    while ahead:
        world = ahead.pop()
        after = list(next_worlds(world, last, versioning))
        assert after or (world.stored and world.stored.etag) == f"e{last}", world
        for one in after:
            went_back = world.stored and one.stored and (world.stored.etag or "") > (one.stored.etag or "")
            assert not went_back, (world, one)
            assert one.fetches <= last * len(begun)
        fresh = set(after) - known
        ahead += fresh
        known |= fresh
