"""The schedule of threads: the same seed gives the same order, and some seed finds what can go wrong."""

import queue
import threading

import pytest

from tests.support.schedule import DeadlockError, Schedule


def order(seed: int) -> str:
    """The order in which three threads come to a lock."""
    came: list[str] = []
    with Schedule(seed):
        lock = threading.Lock()

        def come(name: str) -> None:
            for _ in range(3):
                with lock:
                    came.append(name)

        threads = [threading.Thread(target=come, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return "".join(came)


def test_a_seed_gives_the_same_order_each_time_and_others_give_others() -> None:
    first = [order(seed) for seed in range(50)]
    assert first == [order(seed) for seed in range(50)]
    assert len(set(first)) > 40


def test_a_deadlock_that_needs_an_unlucky_moment_is_found_at_once() -> None:
    def run(seed: int) -> None:
        with Schedule(seed):
            one, two = threading.Lock(), threading.Lock()

            def take(first: threading.Lock, second: threading.Lock) -> None:
                with first, second:
                    pass

            others = [
                threading.Thread(target=take, args=locks, name="taker") for locks in [(one, two), (two, one)]
            ]
            for other in others:
                other.start()
            for other in others:
                other.join()

    ends = []
    for seed in range(20):
        try:
            run(seed)
            ends.append("well")
        except DeadlockError as error:
            ends.append(str(error))
    assert set(ends) == {"well", "['main', 'taker', 'taker'] wait for one another"}


def test_a_wait_takes_its_time_by_the_schedule_and_none_of_ours() -> None:
    with Schedule(1) as schedule:
        begun = schedule.now
        assert not threading.Event().wait(3600)
        assert 3600 <= schedule.now - begun < 3602


def test_conditions_and_queues_belong_to_the_schedule() -> None:
    with Schedule(1) as schedule:
        items: queue.Queue[int] = queue.Queue(1)
        condition = threading.Condition()

        def put() -> None:
            schedule.pause(5)
            items.put(1)
            schedule.pause(5)
            with condition:
                condition.notify_all()

        threading.Thread(target=put).start()
        assert items.get() == 1
        with condition:
            assert condition.wait(60)
        assert 1010 <= schedule.now < 1015


def test_an_error_in_a_thread_fails_the_test() -> None:
    def fail() -> None:
        raise KeyError("here")

    def run() -> None:
        with Schedule(1) as schedule:
            threading.Thread(target=fail).start()
            schedule.pause(1)

    with pytest.raises(KeyError):
        run()


def test_threads_that_are_left_end_with_the_schedule() -> None:
    ended = []

    def stay() -> None:
        try:
            threading.Event().wait()
        finally:
            ended.append(True)

    with Schedule(1) as schedule:
        threading.Thread(target=stay).start()
        schedule.pause(1)
    assert ended == [True]
