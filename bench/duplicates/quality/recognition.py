"""How well each hash recognises a photo, and how often it confuses different photos.

Every photo is transformed and hashed as the worker does it; all different pictures are compared.
A variant is known again by hash and colours together; different pictures are compared by hash alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.duplicates.quality import layouts, recoloured
from bench.duplicates.quality.album import Picture, empty, photos, quarters, upright
from bench.duplicates.quality.counts import different_pairs, distance, distances, summary
from bench.duplicates.quality.variants import variants
from worker.errors import ConfigurationError
from worker.photos import decoding, hashes
from worker.photos.hashes import Algorithm
from worker.photos.looks import Look, are_alike

TARGET = decoding.Target(224, 224, "crop")  # as the reference model
ENOUGH = 100_000_000  # pixels
STEPS = 2 + len(hashes.ALGORITHMS)  # how many times `measure` reports progress, at most

Variants = Mapping[str, Sequence[bytes]]  # transformation → each photo, in order


def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure every installed algorithm; the counts by algorithm. Raises BenchError."""
    tell("duplicates: transforming the photos")
    wholes = photos()
    made = transform(wholes)
    pictures = wholes + [quarter for whole in wholes for quarter in quarters(whole)]
    blank = empty()
    found = dict[str, Any]()
    for algorithm in find_installed():
        tell(f"duplicates: hashing by {algorithm.name}")
        found[algorithm.name] = {
            "label": algorithm.label,
            "bits": algorithm.bits,
            "radius": algorithm.radius,
            "variants": recognise(algorithm, wholes, made),
            "recoloured": recoloured.confuse(algorithm, wholes, look_of),
            "different": confuse(algorithm, pictures),
            "empty": confuse(algorithm, blank),
        }
    tell("duplicates: comparing layouts of colours")
    return {
        "layouts": layouts.compare(wholes, made, near_by_hash),
        "photos": len(wholes),
        "pictures": len(pictures),
        "empty": len(blank),
        "algorithms": found,
    }


def find_installed() -> list[Algorithm]:
    """Return the algorithms whose packages are installed."""
    usable = list[Algorithm]()
    for name in hashes.ALGORITHMS:
        try:
            usable.append(hashes.find(name))
        except ConfigurationError:
            continue  # an optional package is not installed
    return usable


def transform(wholes: Sequence[Picture]) -> dict[str, list[bytes]]:
    """Make every variant of every photo."""
    upright_ones = [upright(whole) for whole in wholes]
    return {name: [make(image) for image in upright_ones] for name, make in variants().items()}


def recognise(algorithm: Algorithm, wholes: Sequence[Picture], made: Variants) -> dict[str, Any]:
    """Measure the distances of each photo from its variants, by transformation and overall.

    `by_hash`: overall, whatever their colours.
    """
    originals = [look_of(algorithm, whole.data) for whole in wholes]
    found, by_hash = dict[str, list[int]](), list[int]()
    for name, all_of_one in made.items():
        looks = [look_of(algorithm, data) for data in all_of_one]
        apart = [
            distance(one.image_hash, other.image_hash, algorithm.bits)
            for one, other in zip(originals, looks, strict=True)
        ]
        by_hash += apart
        found[name] = [
            bits if are_alike(one.image_colours, other.image_colours) else algorithm.bits
            for bits, one, other in zip(apart, originals, looks, strict=True)
        ]
    found |= {"all": [one for of_one in found.values() for one in of_one], "by_hash": by_hash}
    return {name: summary(some, algorithm.bits, algorithm.radius) for name, some in found.items()}


def confuse(algorithm: Algorithm, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Measure the distances of the hashes of all different pictures, with and without the content gate."""
    pairs, open_to_all = different_pairs(pictures), replace(algorithm, least=0.0)
    gated = [look_of(algorithm, picture.data).image_hash for picture in pictures]
    ungated = [
        known or look_of(open_to_all, picture.data).image_hash
        for known, picture in zip(gated, pictures, strict=True)
    ]
    found = dict[str, Any]()
    for name, given in {"gated": gated, "ungated": ungated}.items():
        found[name] = summary(distances(given, pairs, algorithm.bits), algorithm.bits, algorithm.radius)
        found[name]["without_hash"] = given.count(None)
    return found


def near_by_hash(one: bytes, other: bytes) -> bool:
    """Whether the default hash takes two pictures for the same."""
    first, second = (look_of(hashes.PHASH, data).image_hash for data in (one, other))
    return distance(first, second, hashes.PHASH.bits) <= hashes.PHASH.radius


def look_of(algorithm: Algorithm, data: bytes) -> Look:
    """Hash a picture, and take its colours, as the worker does."""
    return decoding.prepare(data, TARGET, ENOUGH, algorithm)[1]
