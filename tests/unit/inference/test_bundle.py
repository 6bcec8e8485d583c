"""Reading model bundles: which version, what is read, and all ways in which one can be wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from worker.errors import ConfigurationError
from worker.inference import bundle
from worker.inference.manifest import Label, TipText
from worker.photos.decoding import Target

MANIFEST = """\
format = 1
name = "tiny"

[input]
height = 3
width = 4
fit = "pad"

[outputs]
score_probs = "probs"
food_probability = "food"
labels = "seen"

[food]
threshold = 0.3

[labels]
file = "labels.csv"
top = 2

[tips]
file = "tips.toml"
"""
LABELS = 'name,group\nespresso,drink\n"bread, rye",grain\ncamera,\n'
TIPS = """\
[[tip]]
id = "drink-5-a"
group = "drink"
score = 5
text = "Drink up – it's good."

[[tip]]
id = "unrecognised-a"
group = "unrecognised"
text = "Closer, please."
"""
MINIMAL = """\
format = 1
name = "minimal"
input = { height = 1, width = 1, fit = "squash" }
outputs = { score = "number" }
"""


def write_bundle(folder: Path, manifest: str = MANIFEST, labels: str = LABELS, tips: str = TIPS) -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    for name, text in (("bundle.toml", manifest), ("labels.csv", labels), ("tips.toml", tips)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        bundle.read(str(path))
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_a_bundle_is_read_with_its_labels_and_tips(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "tiny" / "3")
    read = bundle.read(str(path))
    assert (read.path, read.name, read.version) == (path, "tiny", "3")
    assert read.manifest.input.target == Target(height=3, width=4, fit="pad")
    assert read.manifest.outputs.by_role() == {
        "score_probs": "probs",
        "food_probability": "food",
        "labels": "seen",
    }
    assert read.manifest.food is not None
    assert read.manifest.food.threshold == 0.3
    assert read.labels == (
        Label(name="espresso", group="drink"),
        Label(name="bread, rye", group="grain"),
        Label(name="camera", group=""),
    )
    assert read.tips == (
        TipText(id="drink-5-a", group="drink", score=5, text="Drink up – it's good."),
        TipText(id="unrecognised-a", group="unrecognised", score=None, text="Closer, please."),
    )


def test_a_model_that_gives_only_a_number_needs_no_other_sections(tmp_path: Path) -> None:
    read = bundle.read(str(write_bundle(tmp_path / "1", MINIMAL)))
    assert read.manifest.outputs.by_role() == {"score": "number"}
    assert (read.labels, read.tips) == ((), ())


def test_the_newest_version_is_the_largest_number(tmp_path: Path) -> None:
    for version in ("1", "9", "10"):
        write_bundle(tmp_path / version)
    (tmp_path / "99-old").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "11").write_text("a file")
    assert bundle.read(str(tmp_path)).version == "10"
    assert bundle.read(str(tmp_path / "9")).version == "9"


def test_a_folder_without_a_saved_model_is_not_a_bundle(tmp_path: Path) -> None:
    assert "is not a model bundle" in refusal(tmp_path / "nowhere")
    assert "is not a model bundle" in refusal(tmp_path)
    write_bundle(tmp_path / "1")
    (tmp_path / "2").mkdir()
    assert "is not a model bundle" in refusal(tmp_path), (
        "a newest version that is still being copied must be noticed"
    )


@pytest.mark.parametrize("name", ["bundle.toml", "labels.csv", "tips.toml"])
@pytest.mark.parametrize(
    "spoil",
    [Path.unlink, lambda file: file.write_bytes(b"\xff\xfe\x00"), lambda file: (file.unlink(), file.mkdir())],
    ids=["missing", "no text", "a folder"],
)
def test_the_error_names_a_part_that_cannot_be_read(
    tmp_path: Path, name: str, spoil: Callable[[Path], object]
) -> None:
    path = write_bundle(tmp_path / "1")
    spoil(path / name)
    assert str(path / name) in refusal(path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("format = 1", "format = 2", "format"),
        ("format = 1", "", "format"),
        ("format = 1", "format = ", "Invalid value"),
        ('name = "tiny"', 'name = "../tiny"', "name"),
        ('name = "tiny"', 'name = ""', "name"),
        ("height = 3", "height = 0", "input.height"),
        ("width = 4", "width = 4097", "input.width"),
        ("width = 4", "", "input.width"),
        ('fit = "pad"', 'fit = "stretch"', "input.fit"),
        ('fit = "pad"', 'fit = "pad"\ncolour = "BGR"', "input.colour"),
        ('score_probs = "probs"', "", "exactly one of score_probs and score"),
        ('score_probs = "probs"', 'score_probs = "p"\nscore = "s"', "exactly one of score_probs and score"),
        ('score_probs = "probs"', 'score_probs = "probs"\nprobs = "probs"', "outputs.probs"),
        ('food_probability = "food"', "", "[food] and the output food_probability go together"),
        ("[food]\nthreshold = 0.3", "", "[food] and the output food_probability go together"),
        ("threshold = 0.3", "threshold = 1.1", "food.threshold"),
        ('labels = "seen"', "", "[labels] and the output labels go together"),
        ('[labels]\nfile = "labels.csv"\ntop = 2', "", "[labels] and the output labels go together"),
        ("top = 2", "top = 0", "labels.top"),
        ('file = "tips.toml"', "", "tips.file"),
    ],
)
def test_a_manifest_that_is_wrong_or_contradicts_itself_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert old in MANIFEST
    assert reason in refusal(write_bundle(tmp_path / "1", MANIFEST.replace(old, new)))


@pytest.mark.parametrize(
    "labels",
    [
        "",
        "name,group\n",
        "name\nespresso\n",
        "espresso,drink\nbread,grain\n",
        "name,group\nespresso\n",
        "name,group\nespresso,drink,hot\n",
        "name,group,colour\nespresso,drink,brown\n",
        "name,group\n" + "x" * 200_000 + ",drink\n",
    ],
    ids=["empty", "header", "no group", "no header", "short row", "long row", "column", "huge field"],
)
def test_malformed_labels_are_refused(tmp_path: Path, labels: str) -> None:
    refusal(write_bundle(tmp_path / "1", labels=labels))


@pytest.mark.parametrize(
    ("tips", "reason"),
    [
        (TIPS + TIPS, "uses a tip's id twice"),
        (TIPS.replace("score = 5", "score = 6"), "score"),
        (TIPS.replace("score = 5", "score = 0"), "score"),
        (TIPS.replace("score = 5", ""), "has a score, unless its group is unrecognised"),
        (TIPS.replace('"unrecognised"', '"unrecognised"\nscore = 1'), "unless its group is unrecognised"),
        (TIPS.replace('group = "drink"', ""), "group"),
        (TIPS.replace('text = "Closer, please."', ""), "text"),
        (TIPS.replace("score = 5", "score = 5\nlanguage = 'en'"), "language"),
        (TIPS.replace("[[tip]]", "[[tips]]"), "tip"),
        ("tip = 3", "tip"),
        ('[tip]\nid = "a"', "tip"),
        ("[[tip", "Expected ']]'"),
        ("", "tip"),
    ],
)
def test_malformed_tips_are_refused(tmp_path: Path, tips: str, reason: str) -> None:
    assert reason in refusal(write_bundle(tmp_path / "1", tips=tips))
