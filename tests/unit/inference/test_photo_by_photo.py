"""What models that run photo by photo share: the order of the rows, and what errors become."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from worker.adapters.photo_by_photo import PhotoByPhoto
from worker.errors import BatchTooLargeError, ModelError
from worker.inference.bundle import Bundle
from worker.inference.serving import Photos


class Model(PhotoByPhoto):
    """Answers with the photo's first number and its double; a photo that begins with 9 fails."""

    def __init__(self, error: Exception) -> None:
        outputs = SimpleNamespace(by_role=lambda: {"score": "s", "labels": "l"})
        about = SimpleNamespace(name="m", path=Path("m/1"), manifest=SimpleNamespace(outputs=outputs))
        super().__init__(cast(Bundle, about), 4)
        self.error = error

    def run(self, photo: Photos) -> Sequence[npt.NDArray[Any]]:
        first = photo[:, 0, 0, 0]
        if first == 9:
            raise self.error
        return [first, np.stack([first, 2 * first], axis=1)]


def photos(*firsts: int) -> Photos:
    return np.array(firsts, np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 2, 2, 3), np.uint8)


def test_the_rows_are_in_the_order_of_the_photos() -> None:
    outputs = Model(RuntimeError()).predict(photos(3, 1, 2))
    assert {role: rows.tolist() for role, rows in outputs.items()} == {
        "score": [3, 1, 2],
        "labels": [[3, 6], [1, 2], [2, 4]],
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError("no memory"), BatchTooLargeError),
        (RuntimeError("it broke"), ModelError),
        (ValueError("it broke"), ModelError),
    ],
)
def test_a_failure_becomes_the_error_that_says_what_to_do(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"^model m: {error}$") as raised:
        Model(error).predict(photos(1, 9))
    assert type(raised.value) is kind
