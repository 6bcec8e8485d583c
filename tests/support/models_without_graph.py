"""Bundles for tests that run nothing: no TensorFlow is needed to make them, and none could load them."""

from pathlib import Path

from worker.inference import bundle
from worker.inference.bundle import Bundle

TEXT = """format = 1
name = "{name}"
[input]
height = 8
width = 8
fit = "crop"
[outputs]
score = "score"
"""


def write_bundle(folder: Path, name: str = "meals", content: str = "a graph") -> Bundle:
    """Write a bundle of version `folder.name`."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "bundle.toml").write_text(TEXT.format(name=name))
    return bundle.read(str(folder))
