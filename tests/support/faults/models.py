"""Models that fail inside TensorFlow for some photos: out of memory, or an endless loop."""

from typing import Any

import tensorflow as tf

from tests.support.models import PHOTOS, Halves

TOO_MUCH = 2**46  # numbers: more memory than any machine here has
ENDLESS = 2**62  # loop iterations
A_WHILE = 100_000  # iterations that take some tenths of a second


def loop(turns: Any) -> Any:
    """Loop for so many iterations, then return zero."""
    (count,) = tf.while_loop(lambda i: i < turns, lambda i: [i + 1], [tf.constant(0, tf.int64)])
    return 0 * tf.cast(count, tf.float32)


def whites(photos: Any) -> Any:
    """Count the photos of the batch whose first pixel is white."""
    return tf.reduce_sum(tf.cast(photos[:, 0, 0, 0] > 250, tf.int64))


class NeedsRoom(Halves):
    """Runs out of memory for a batch with more than one white photo. Slow, so that photos gather."""

    @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # TensorFlow ships no types
    def score(self, photos: Any) -> dict[str, Any]:
        """Give float32 [N, 1]."""
        size = tf.where(whites(photos) > 1, tf.constant(TOO_MUCH, tf.int64), tf.constant(1, tf.int64))
        room = tf.reduce_sum(tf.random.uniform([size]))
        return {"score": tf.ones([tf.shape(photos)[0], 1]) + 0 * room + loop(tf.constant(A_WHILE, tf.int64))}


class Hangs(Halves):
    """Loops forever for a batch with a white photo in it."""

    @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # as above
    def score(self, photos: Any) -> dict[str, Any]:
        """Give float32 [N, 1]."""
        turns = tf.where(whites(photos) > 0, tf.constant(ENDLESS, tf.int64), tf.constant(0, tf.int64))
        return {"score": tf.ones([tf.shape(photos)[0], 1]) + loop(turns)}
