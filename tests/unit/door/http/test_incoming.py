"""How far a client has come with what it sends, and how much of that is too much."""

import pytest

from worker.door.http.head import MOST_HEAD
from worker.door.http.incoming import MOST_DROPPED, Incoming, Owes
from worker.door.problems import Refusal


def test_a_client_owes_a_head_then_its_body_then_nothing() -> None:
    incoming = Incoming()
    owed = [incoming.owes]
    incoming.begin_body(3)
    owed.append(incoming.owes)
    incoming.end()
    owed.append(incoming.owes)
    assert owed == [Owes.HEAD, Owes.BODY, Owes.NOTHING]


def test_a_head_has_its_bytes_however_they_come() -> None:
    incoming = Incoming()
    for size in (MOST_HEAD - 1, 1):
        incoming.take(size)
        incoming.check()
    incoming.take(1)
    with pytest.raises(Refusal, match="the head is too large"):
        incoming.check()


def test_a_body_has_no_such_bound_but_its_trailers_have() -> None:
    incoming = Incoming()
    incoming.take(MOST_HEAD)
    incoming.begin_body(0)
    for _ in range(3):
        incoming.take(MOST_HEAD)
        incoming.take_body(MOST_HEAD, is_answered=False)
    incoming.take(MOST_HEAD)
    incoming.check()
    incoming.take(1)
    with pytest.raises(Refusal):
        incoming.check()


def test_the_next_head_is_counted_anew() -> None:
    incoming = Incoming()
    for _ in range(3):
        incoming.take(MOST_HEAD)
        incoming.check()
        incoming.begin_body(0)
        incoming.end()


def test_a_refused_body_is_read_up_to_a_bound() -> None:
    incoming = Incoming()
    incoming.begin_body(0)
    incoming.take_body(MOST_DROPPED, is_answered=False)
    incoming.take_body(MOST_DROPPED, is_answered=True)
    with pytest.raises(Refusal, match="does not end"):
        incoming.take_body(1, is_answered=True)
    incoming.begin_body(0)
    incoming.take_body(MOST_DROPPED, is_answered=True)


def test_a_declared_length_tells_whether_that_is_worth_it() -> None:
    incoming = Incoming()
    incoming.begin_body(MOST_DROPPED + 10)
    incoming.take_body(9, is_answered=False)
    assert incoming.will_be_endless
    incoming.take_body(1, is_answered=False)
    assert not incoming.will_be_endless
