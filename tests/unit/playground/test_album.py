"""The account of all photos: what was sent is what came of it, whatever happens to a photo, and in which order."""

import pytest

from localstack.playground.photos.album import MOST_KEPT, MOST_OPEN, NEWEST, Album
from localstack.playground.photos.failures import failure
from localstack.playground.photos.photo import MOST_NAME, Photo
from tests.support.fakes import ManualClock
from worker.door.problems import Refusal


class Book:
    """An album, and what it has told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[tuple[int, str]] = []
        self.album = Album(self.note, self.clock)

    def note(self, photo: Photo) -> None:
        self.told.append((photo.number, photo.state))

    def add(self) -> Photo:
        return self.album.add("queue", "a photo")

    def account(self) -> dict[str, int]:
        """The account without zeros. It is even at any time."""
        account = self.album.account.event()
        came_of_it = sum(account[name] for name in account if name not in {"sent", "doubled"})
        assert account["sent"] == came_of_it
        return {name: count for name, count in account.items() if count}


def finish(book: Book, photo: Photo) -> None:
    book.album.finish(photo, failure(photo.image_id, "unreadable_image", "half of it is missing"))


def test_a_photo_is_in_flight_until_its_result_comes() -> None:
    book = Book()
    photo = book.add()
    assert book.account() == {"sent": 1, "in_flight": 1}
    finish(book, photo)
    assert book.account() == {"sent": 1, "failed": 1}
    assert book.told == [(1, "sent"), (1, "done")]


def test_its_time_is_from_the_first_try_to_the_result() -> None:
    book = Book()
    photo = book.add()
    book.clock.seconds += 5  # it waits for its turn
    book.album.is_sent(photo)
    book.clock.seconds += 0.25
    book.album.is_sent(photo)  # another try
    book.clock.seconds += 0.25
    finish(book, photo)
    assert photo.event()["ms"] == 500.0


def test_a_result_that_is_published_twice_is_doubled() -> None:
    book = Book()
    photo = book.add()
    book.album.publish(photo.image_id)
    finish(book, photo)
    assert "doubled" not in book.account()
    book.album.publish(photo.image_id)
    finish(book, photo)
    assert book.account() == {"sent": 1, "failed": 1, "doubled": 1}


def test_results_of_photos_that_others_have_sent_are_not_counted() -> None:
    book = Book()
    assert book.album.publish("of make submit") is None
    assert book.account() == {}


def test_a_dead_letter_is_dead_until_it_is_redriven_and_then_in_flight() -> None:
    book = Book()
    photo = book.add()
    book.album.bury({photo.image_id: "unknown_body: it has no known shape"})
    assert book.account() == {"sent": 1, "dead": 1}
    assert photo.event()["dead"] == {"reason": "unknown_body: it has no known shape"}
    book.album.bury({})
    assert (photo.state, book.account()) == ("sent", {"sent": 1, "in_flight": 1})
    finish(book, photo)
    assert book.account() == {"sent": 1, "failed": 1}


def test_a_dead_letter_that_gets_a_result_after_all_counts_once() -> None:
    book = Book()
    photo = book.add()
    book.album.bury({photo.image_id: "storage_trouble: S3 did not answer"})
    finish(book, photo)
    assert book.account() == {"sent": 1, "failed": 1}


def test_a_lost_photo_is_lost_until_it_comes_to_something() -> None:
    book = Book()
    one, other = book.add(), book.add()
    book.album.lose([one, other])
    book.album.lose([one, other])
    assert book.account() == {"sent": 2, "lost": 2}
    finish(book, one)
    book.album.bury({other.image_id: "unknown_body"})
    assert book.account() == {"sent": 2, "failed": 1, "dead": 1}


@pytest.mark.parametrize("before", range(4))
def test_a_sample_is_doubled_if_its_result_is_heard_twice_before_or_after_it_is_known(before: int) -> None:
    book = Book()
    result = failure("of a sample", "unreadable_image", "half of it is missing")
    for _ in range(before):
        book.album.publish(result.image_id)
    photo = book.album.adopt("http", "coffee.png", result)
    for _ in range(3 - before):
        book.album.publish(photo.image_id)
    assert book.account() == {"sent": 1, "failed": 1, "doubled": 2}


def test_what_is_heard_of_others_is_forgotten_in_the_end() -> None:
    book = Book()
    result = failure("of a sample", "unreadable_image", "half of it is missing")
    book.album.publish(result.image_id)
    for number in range(MOST_KEPT):
        book.album.publish(f"of make submit {number}")
    book.album.adopt("http", "coffee.png", result)
    book.album.publish(result.image_id)
    assert book.account() == {"sent": 1, "failed": 1}


def test_no_more_photos_are_open_than_may_be() -> None:
    book = Book()
    photos = [book.add() for _ in range(MOST_OPEN)]
    with pytest.raises(Refusal) as refused:
        book.add()
    assert refused.value.status == 429
    finish(book, photos[0])
    book.add()


def test_the_oldest_photos_are_forgotten_but_not_in_the_account() -> None:
    book = Book()
    first = book.add()
    finish(book, first)
    for _ in range(MOST_KEPT):
        finish(book, book.add())
    assert book.album.find(first.image_id) is None
    assert book.account() == {"sent": MOST_KEPT + 1, "failed": MOST_KEPT + 1}
    newest = book.album.newest()
    assert [photo.number for photo in newest] == list(range(MOST_KEPT + 2 - NEWEST, MOST_KEPT + 2))


def test_a_name_is_nothing_but_text_and_is_cut_short() -> None:
    book = Book()
    hostile = "<script>\ud800" + "x" * 1000
    name = book.album.add("http", hostile).event()["name"]
    assert name == ("<script>?" + "x" * 1000)[:MOST_NAME]
