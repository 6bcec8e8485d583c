"""Two uploads under one key, each announced by a direct request and by S3: every order in which workers may act.

Exhaustive, on the rules alone: an event is looked up, its object fetched, its result written, and between any two of
these steps all others may happen. Expected: the newest bytes' result stays in the end, and no older one is ever written
over it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import pytest

from tests.support.overtaken import is_overtaken
from tests.support.results import make_result
from worker.messages import S3Object
from worker.result import Result
from worker.results.content import content
from worker.results.known import is_unordered, makes_needless

MODELS = {"reference": "1"}


@dataclass(frozen=True)
class Work:
    """The progress of one event: waiting, looked up, fetched or done."""

    event: S3Object
    step: str = "waiting"
    target: S3Object | None = None
    seen: str = ""


@dataclass(frozen=True)
class World:
    """The bucket's content (1 or 2), the stored result, the events' progress, the number of fetches."""

    uploaded: int
    stored: S3Object | None
    works: tuple[Work, ...]
    fetches: int = 0


def result(source: S3Object) -> Result:
    """A stored result of these bytes."""
    return make_result("a", models=MODELS, **asdict(source))


def upload(number: int, *, versioned: bool) -> S3Object:
    """The bytes that the first or the second upload left."""
    return S3Object("photos", "a.jpg", f"v{number}" if versioned else None, f"e{number}")


def events(names: Sequence[str], *, versioned: bool) -> Iterator[S3Object]:
    """D1, D2: direct requests for the uploads; N1, N2: S3's notifications of them."""
    for name in names:
        sequencer = f"0{name[1]}" if name[0] == "N" else None
        yield replace(upload(int(name[1]), versioned=versioned), sequencer=sequencer)


def look_up(work: Work, stored: S3Object | None) -> Work:
    """Look up, as poll does."""
    if stored is None:
        return replace(work, step="looked up", target=work.event)
    if makes_needless(result(stored), work.event, MODELS):
        return replace(work, step="done")
    unordered = is_unordered(result(stored), work.event)
    target = replace(work.event, version_id=None, etag=None) if unordered else work.event
    return replace(work, step="looked up", target=target, seen=content(stored))


def fetch(work: Work, uploaded: int) -> Work:
    """Fetch, as a helper does: the announced version, or what the bucket has now."""
    target = work.target or work.event
    number = int(target.version_id[1:]) if target.version_id else uploaded
    bytes_ = upload(number, versioned=work.event.version_id is not None)
    return replace(work, step="fetched", target=replace(bytes_, sequencer=target.sequencer))


def written(work: Work, stored: S3Object | None) -> tuple[Work, S3Object | None]:
    """Write, as the store does; where it refuses, release, as commit does."""
    assert work.target is not None
    if stored is None:
        return replace(work, step="done"), work.target
    if makes_needless(result(stored), work.target, MODELS):
        return replace(work, step="done"), stored
    if is_overtaken(result(stored), work.target, work.seen):
        return Work(work.event), stored  # released: it comes again
    return replace(work, step="done"), work.target


def next_worlds(world: World) -> Iterator[World]:
    """Every world that may come next."""
    if world.uploaded == 1:
        yield replace(world, uploaded=2)
    for index, work in enumerate(world.works):
        announced = (work.event.etag or "") <= f"e{world.uploaded}"
        stored, fetches = world.stored, world.fetches
        if work.step == "done" or not announced:
            continue
        if work.step == "waiting":
            after = look_up(work, stored)
        elif work.step == "looked up":
            after, fetches = fetch(work, world.uploaded), fetches + 1
        else:
            after, stored = written(work, stored)
        works = (*world.works[:index], after, *world.works[index + 1 :])
        yield World(world.uploaded, stored, works, fetches)


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize(
    "names", [("N1", "N2"), ("D1", "D2"), ("D1", "N1", "N2"), ("N1", "D2", "N2"), ("D1", "N1", "D2", "N2")]
)
def test_the_newest_bytes_win_in_every_order_and_work_ends(names: Sequence[str], versioned: bool) -> None:
    begin = World(1, None, tuple(Work(event) for event in events(names, versioned=versioned)))
    ahead, known = [begin], {begin}
    while ahead:
        world = ahead.pop()
        after = list(next_worlds(world))
        assert after or (world.stored and world.stored.etag) == "e2", world
        for one in after:
            went_back = (world.stored and one.stored) and (world.stored.etag, one.stored.etag) == ("e2", "e1")
            assert not went_back, (world, one)
            assert one.fetches <= 2 * len(names)
        ahead += [one for one in after if one not in known]
        known.update(after)
