"""Tests of colours on a real Valkey: a hash alone makes no look-alike, and older workers get along with it."""

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.redis.earlier import earlier
from tests.integration.redis.photos import (
    GREY,
    connect,
    enter,
    exact,
    find_look_alike,
    left_over,
    near,
    now,
    phash,
    photo,
    sha256,
    write,
)
from tests.support.rig import Rig
from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId
from worker.photos import looks
from worker.photos.looks import Look, are_alike
from worker.results.look_alikes import Fingerprint

TOMATO, PEA = "lab-1:" + "cc" * 16, "lab-1:" + "4c" * 16
BORDER = "lab-1:" + "cc" * 15 + "aa"  # 2 steps each way in one cell: too far
NEARLY = "lab-1:" + "cc" * 15 + "ab"  # 2 and 1: near enough
COLOURS = [TOMATO, PEA, NEARLY, GREY, None]
HEX = st.text("0123456789abcdef", min_size=32, max_size=32).map(lambda digits: f"lab-1:{digits}")


def everything(store: RedisStore) -> str:
    """All that Redis holds, as text."""
    client = store.nodes.client
    return "\n".join(f"{key!r} {client.get(key)!r}" for key in client.keys("*"))


# what looks alike


def test_photos_of_other_colours_do_not_look_alike(store: RedisStore) -> None:
    write(store, "tomato", "1", phash(0), colours=TOMATO)
    assert write(store, "pea", "2", phash(0), colours=PEA) is None
    assert find_look_alike(store, "other", phash(0), TOMATO) == "tomato"
    assert find_look_alike(store, "other", phash(0), PEA) == "pea"
    assert find_look_alike(store, "other", phash(0), GREY) is None
    assert write(store, "tomato-again", "3", phash(1), colours=NEARLY) == near("tomato", 1)
    assert write(store, "pea-again", "4", phash(1), colours=PEA) == near("pea", 1)


@pytest.mark.parametrize(("colours", "found"), [(NEARLY, "tomato"), (BORDER, None)])
def test_one_part_of_other_colours_is_enough(store: RedisStore, colours: str, found: str | None) -> None:
    write(store, "tomato", "1", phash(0), colours=TOMATO)
    assert find_look_alike(store, "other", phash(0), colours) == found
    assert are_alike(TOMATO, colours) == (found is not None)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=HEX, steps=st.lists(st.sampled_from([0, 0, 0, 1, 2, 3]), min_size=32, max_size=32))
def test_redis_compares_colours_as_python_does(url: str, one: str, steps: list[int]) -> None:
    digits = one.partition(":")[2]
    other = "lab-1:" + "".join(f"{min(15, int(d, 16) + s):x}" for d, s in zip(digits, steps, strict=True))
    store = connect(url)
    store.nodes.client.flushdb()
    write(store, "one", "1", phash(0), colours=one)
    expected = near("one", 0) if are_alike(one, other) else None
    assert write(store, "two", "2", phash(0), colours=other) == expected


@pytest.mark.parametrize(("photos", "found"), [(50, "grey"), (600, None)])
def test_a_flood_of_other_colours_costs_a_bounded_number_of_comparisons(
    store: RedisStore, photos: int, found: str | None
) -> None:
    """Nothing is found beyond them, which is the safe side."""
    hashes = [phash(1 << one | 1 << other) for one, other in combinations(range(64), 2)][:photos]
    looks = [(f"tomato-{number}", image_hash, TOMATO) for number, image_hash in enumerate(hashes)]
    moment = now(store) - 30_000_000
    entries = [
        (PhotoId(name), Fingerprint(sha256(name), image_hash, colours), moment + number)
        for number, (name, image_hash, colours) in enumerate([*looks, ("grey", phash(0), GREY)])
    ]
    assert all(store.index.enter(entries))
    assert store.index.find_look_alike(PhotoId("x"), Look(phash(0), TOMATO)) == PhotoId("tomato-0")
    last = store.index.find_look_alike(PhotoId("x"), Look(phash(0), GREY))
    assert last == (PhotoId(found) if found else None)


def test_the_same_bytes_are_exact_whatever_is_known_of_their_colours(store: RedisStore) -> None:
    write(store, "one", "1", phash(0), colours=None)
    assert write(store, "two", "1", phash(0), colours=PEA) == exact("one")


# entries without colours


def test_a_photo_of_unknown_colours_is_named_but_passes_no_score_on(store: RedisStore) -> None:
    write(store, "unknown", "1", phash(0), colours=None)
    assert find_look_alike(store, "pea", phash(0), PEA) is None
    assert write(store, "pea", "2", phash(0), colours=PEA) == near("unknown", 0)
    assert find_look_alike(store, "pea-again", phash(0), PEA) == "pea"
    assert write(store, "unknown-too", "3", phash(0), colours=None) == near("unknown", 0)
    assert find_look_alike(store, "x", phash(0), None) is None


def test_a_result_of_unknown_colours_passes_no_score_on(store: RedisStore) -> None:
    """Its entry may be of what the photo was before."""
    write(store, "one", "1", phash(0), colours=PEA)
    stored = photo("one", "1", phash(0), colours=None)
    store.nodes.client.set("result:one", stored.model_dump_json())
    assert store.index.find_look_alike(PhotoId("two"), Look(phash(0), PEA)) == PhotoId("one")
    assert find_look_alike(store, "two", phash(0), PEA) is None


def test_colours_are_filled_in_and_nothing_else_changes(store: RedisStore, rig: Rig) -> None:
    for name in ("zero", "one", "two"):
        write(store, name, name, phash(0), colours=None)
    record = rig.redis.get("seen:photo:one")
    assert store.index.read([PhotoId("one"), PhotoId("none")]) == [None, None]
    assert enter(store, "one", "one", phash(0), now(store) - 1_000_000, colours=PEA)
    assert rig.redis.get("seen:photo:one") == record
    assert store.index.read([PhotoId("one")]) == [Fingerprint(sha256("one"), phash(0))]
    assert not enter(store, "one", "one", phash(0), now(store) - 1_000_000, colours=PEA)
    assert write(store, "pea", "4", phash(0), colours=PEA) == near("zero", 0)
    assert store.forget(PhotoId("zero"))
    assert write(store, "tomato", "5", phash(0), colours=TOMATO) == near("two", 0)
    assert store.index.find_look_alike(PhotoId("x"), Look(phash(0), PEA)) == PhotoId("one")
    for name in ("one", "two", "pea", "tomato"):
        assert store.forget(PhotoId(name))
    assert left_over(store) == []


def test_colours_of_another_version_are_filled_in_anew(store: RedisStore) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looks, "VERSION", looks.VERSION + 1)
        write(store, "one", "1", phash(0))
    assert store.index.read([PhotoId("one")]) == [None]
    assert enter(store, "one", "1", phash(0), now(store) - 1_000_000)
    assert store.index.read([PhotoId("one")]) == [Fingerprint(sha256("1"), phash(0))]


def test_a_photo_that_has_no_entry_lacks_no_colours(store: RedisStore) -> None:
    """One picture sent very often has entries for some of its copies only."""
    for number in range(20):
        write(store, f"copy-{number}", str(number), phash(0), colours=None)
    known = store.index.read([PhotoId(f"copy-{number}") for number in range(20)])
    assert [one is None for one in known] == [True] * 15 + [False] * 4 + [True]


# workers that know no colours


def test_an_earlier_worker_finds_photos_with_colours_and_forgets_them(store: RedisStore) -> None:
    before = earlier(store)
    write(store, "one", "1", phash(0), colours=PEA)
    assert before.index.find_look_alike(PhotoId("x"), Look(phash(0))) == PhotoId("one")
    assert write(before, "two", "2", phash(1), colours=None) == near("one", 1)
    assert enter(before, "late", "3", phash(0), now(store) - 1_000_000, colours=None)
    assert write(before, "three", "4", phash(3), colours=None) == near("late", 2)
    assert before.forget(PhotoId("one"))
    assert before.forget(PhotoId("late"))
    store.nodes.client.delete("result:two", "result:three")  # they name what they look like
    store.nodes.client.delete("seen:forgotten:one", "seen:forgotten:late")
    assert "one" not in everything(store)
    assert "late" not in everything(store)
    assert find_look_alike(store, "x", phash(0), PEA) is None
    assert write(store, "four", "5", phash(0), colours=PEA) == near("two", 1)


def test_colours_that_an_earlier_worker_left_behind_are_nobodys(store: RedisStore) -> None:
    """The entry before them has another moment."""
    write(store, "unknown", "1", phash(0), colours=None)
    write(store, "pea", "2", phash(0), colours=PEA)
    assert earlier(store).forget(PhotoId("pea"))
    assert find_look_alike(store, "x", phash(0), PEA) is None
    assert write(store, "tomato", "3", phash(0), colours=TOMATO) == near("unknown", 0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "write", "enter", "forget"]),
        st.booleans(),  # whether an earlier worker does it
        st.integers(0, 9),  # which photo
        st.sampled_from([0, 1, 7, 2**63]),  # bits
        st.sampled_from(COLOURS),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
def test_workers_of_both_kinds_agree_on_one_index(
    url: str, steps: list[tuple[str, bool, int, int, str | None]]
) -> None:
    """Each names the oldest photo that it may, and what either forgets is forgotten."""
    store = connect(url)
    store.nodes.client.flushdb()
    known = dict[str, tuple[int, str | None]]()  # bits and colours by image id, the oldest first
    for number, (what, is_earlier, which, bits, colours) in enumerate(steps):
        worker = earlier(store) if is_earlier else store
        said = None if is_earlier else colours  # what it knows of colours
        if what == "forget":
            name = next(iter(list(known)[which:]), None)
            if name:
                assert worker.forget(PhotoId(name))
                del known[name]
            continue
        name = f"image-{number}"
        if what == "enter":
            moment = now(store) - 30_000_000 + number
            entered = {one: look for one, look in known.items() if one.endswith("-late")}
            assert enter(worker, f"{name}-late", str(number), phash(bits), moment, colours=said)
            rest = {one: look for one, look in known.items() if one not in entered}
            known = {**entered, f"{name}-late": (bits, said), **rest}
            continue
        alike = [
            near(old, (old_bits ^ bits).bit_count())
            for old, (old_bits, old_colours) in known.items()
            if (old_bits ^ bits).bit_count() <= 6
            and (said is None or old_colours is None or are_alike(said, old_colours))
        ]
        result = photo(name, str(number), phash(bits), colours=said)
        (written,) = worker.write([result], [""])
        assert written.answer is Answer.WRITTEN
        assert written.duplicate_of == next(iter(alike), None)
        known[name] = (bits, said)
    for name in list(known):
        assert store.forget(PhotoId(name))
    left = left_over(store)
    assert all(key.startswith("seen:phash-1:") for key in left)
    if not any(is_earlier for _, is_earlier, *_ in steps):
        assert left == []
