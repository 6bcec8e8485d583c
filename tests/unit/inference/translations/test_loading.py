"""What a start finds, what it has made, and what it does not trust; on engines that run nothing."""

import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import FakeEngines
from tests.support.models_without_graph import write_bundle
from worker.errors import ConfigurationError, ConversionError
from worker.inference import bundle, model_loader
from worker.inference.delivery import checksums
from worker.inference.delivery.workplace import PREFIX
from worker.inference.engine_trial import RunnerName
from worker.inference.model_loader import ModelLoader
from worker.inference.runtimes import Replicas
from worker.inference.translations import entries, verdicts
from worker.inference.translations.cache import FOLDER, GRAPHS, TRANSLATIONS, VERDICTS
from worker.inference.translations.job import Answer
from worker.inference.translations.translation import ANSWERS, GRAPH, MODEL
from worker.inference.translations.travelling import translate
from worker.pipeline.queues import ShutDown
from worker.settings import Settings
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs


class Starts:
    """Starts of workers that share a cache, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.bundles = [write_bundle(folder / "meals" / "1")]
        self.engines = FakeEngines()
        self.stream = io.StringIO()
        self.telemetry = Telemetry()
        set_up_logs("json", "info", self.stream)

    def loader(self, cores: int = 2, **settings: Any) -> ModelLoader:
        required = {"queue_url": "https://sqs/queue", "buckets": "photos", "redis_url": "redis://here"}
        own = {"batch_size": 4, "model_cache": str(self.cache)}
        chosen = Settings.model_validate({**required, **own, **settings})
        return ModelLoader(chosen, self.telemetry, self.engines, cores=cores)

    def start(self, cores: int = 2, **settings: Any) -> list[str]:
        """Load; returns what was done for it."""
        self.engines.done.clear()
        self.engine = engine_of(self.loader(cores, **settings).load(self.bundles))
        return list(self.engines.done)

    def reread(self) -> None:
        """Read the bundles anew, as another process would."""
        self.bundles = [bundle.read(str(one.path)) for one in self.bundles]

    def entry(self, kind: str) -> Path:
        (found,) = (self.cache / FOLDER / kind).glob("*/*")
        return found

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.stream.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]


def engine_of(replicas: Replicas) -> str:
    (engine,) = {model.engine for replica in replicas for model in replica}
    return engine


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starts:
    monkeypatch.setattr(model_loader, "trim_memory", lambda: None)  # takes long in a process that tests
    return Starts(tmp_path)


# what is kept


def test_the_second_start_does_nothing_but_load(starts: Starts) -> None:
    assert (starts.start(), starts.engine) == (["race"], "litert")
    assert (starts.start(), starts.engine) == ([], "litert")
    first, second = starts.logged("engine_chosen")
    assert "kept" not in first
    assert second["kept"] is True
    assert second.items() >= {name: first[name] for name in first if name != "timestamp"}.items()


def test_tensorflow_that_is_much_faster_runs_the_graph_that_was_frozen_for_the_race(starts: Starts) -> None:
    starts.engines.rates = {"tensorflow": 100.0, "litert": 50.0}
    assert (starts.start(), starts.engine) == (["race", "import"], "tensorflow")
    assert (starts.start(), starts.engine) == (["import"], "tensorflow")


def test_tensorflow_that_is_demanded_freezes_once_and_races_with_nobody(starts: Starts) -> None:
    assert starts.start(engine="tensorflow") == ["import", "freeze"]
    assert starts.start(engine="tensorflow") == ["import"]


def test_litert_that_is_demanded_is_translated_for_once_and_races_with_nobody(starts: Starts) -> None:
    assert starts.start(engine="litert") == ["translate"]
    assert starts.start(engine="litert") == []
    assert starts.start() == ["race"], "auto needs a verdict"


def test_a_model_that_litert_cannot_run_is_not_tried_again(starts: Starts) -> None:
    starts.engines.reason = "it has operations with side effects (Assert)"
    assert (starts.start(), starts.engine) == (["race", "import"], "tensorflow")
    assert (starts.start(), starts.engine) == (["import"], "tensorflow")
    assert all("side effects (Assert)" in line["reason"] for line in starts.logged("engine_chosen"))
    with pytest.raises(ConversionError, match=r"meals/1 .*side effects"):
        starts.start(engine="litert")
    assert starts.engines.done == []


def test_another_version_of_litert_tries_again(starts: Starts) -> None:
    starts.engines.reason = "it has no operation NewestOne"
    starts.start()
    starts.engines.reason, starts.engines.litert_version = None, "2.4.0"
    assert (starts.start(), starts.engine) == (["race"], "litert")


def test_answers_that_differ_leave_tensorflow_in_place(starts: Starts) -> None:
    starts.engines.translated = 3.002
    assert (starts.start(), starts.engine) == (["race", "import"], "tensorflow")
    assert (starts.start(), starts.engine) == (["import"], "tensorflow")


def test_models_side_by_side_are_kept_each_by_itself_and_raced_together(starts: Starts) -> None:
    starts.bundles.append(write_bundle(starts.folder / "drinks" / "1", "drinks"))
    assert starts.start() == ["race"]
    assert starts.start() == []
    starts.bundles[1:] = [write_bundle(starts.folder / "drinks" / "2", "drinks", "another graph")]
    assert starts.start() == ["race"]
    assert len(list((starts.cache / FOLDER / TRANSLATIONS).glob("*/*"))) == 3


# what is not trusted


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


AGAIN = {  # what a start does then
    TRANSLATIONS: ["translate"],  # the verdict stays: it is of what will be made again
    VERDICTS: ["race"],
    GRAPHS: ["import", "freeze"],
}
FILES = {
    TRANSLATIONS: [MODEL, ANSWERS, entries.ABOUT, checksums.NAME],
    VERDICTS: [entries.ABOUT, checksums.NAME],
    GRAPHS: [GRAPH, entries.ABOUT, checksums.NAME],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in FILES for name in FILES[kind]])
@pytest.mark.parametrize("harm", [damage, Path.unlink], ids=["damaged", "missing"])
def test_a_damaged_file_is_noticed_said_and_made_anew(
    starts: Starts, kind: str, name: str, harm: Callable[[Path], None]
) -> None:
    engine = "tensorflow" if kind == GRAPHS else "auto"
    starts.start(engine=engine)
    whole = starts.start(engine=engine)
    harm(starts.entry(kind) / name)
    assert starts.start(engine=engine) == AGAIN[kind]
    (refused,) = starts.logged("translation_refused")
    assert kind in refused["path"]
    assert starts.start(engine=engine) == whole
    assert len(starts.logged("translation_refused")) == 1


def test_an_entry_of_something_else_is_noticed(starts: Starts) -> None:
    starts.start()
    place = starts.entry(TRANSLATIONS)
    shutil.rmtree(place)
    place.mkdir()
    (place / MODEL).write_text("5.0")
    entries.seal(place, {"key": "of another model"})
    starts.start()
    (refused,) = starts.logged("translation_refused")
    assert "made of something else" in refused["reason"]
    assert entries.read(place, lambda _: place.name) is not None, "made anew"


def test_a_verdict_that_says_nothing_is_noticed(starts: Starts) -> None:
    starts.start()
    place = starts.entry(VERDICTS)
    (place / checksums.NAME).unlink()
    entries.seal(place, {"key": place.name, "rates": {"photos_per_s": "many"}})
    assert starts.start() == ["race"]
    (refused,) = starts.logged("translation_refused")
    assert refused["reason"] == "it is not the result of a race"
    assert starts.start() == []


@pytest.mark.parametrize("changed", ["model", "tensorflow", "litert", "cpu", "cores", "batch"])
def test_what_was_found_out_under_other_conditions_does_not_count(
    starts: Starts, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts.start()
    settings: dict[str, Any] = {}
    if changed == "model":
        (starts.bundles[0].path / "saved_model.pb").write_text("retrained")
        starts.reread()
    elif changed == "tensorflow":
        starts.engines.tensorflow_version = "2.22.0"
    elif changed == "litert":
        starts.engines.litert_version = "2.4.0"
    elif changed == "cpu":
        monkeypatch.setattr(verdicts, "cpu_features", lambda: ["a machine with AVX-512"])
    elif changed == "cores":
        settings["cores"] = 4
    else:
        settings["batch_size"] = 8
    assert starts.start(**settings) == ["race"]
    assert starts.logged("translation_refused") == []


def test_a_translation_that_answers_otherwise_here_is_made_anew_once(starts: Starts) -> None:
    starts.engines.translated = 3.5
    starts.start(engine="litert")  # which takes what it gets
    assert [line["model"] for line in starts.logged("answers_differ")] == ["meals"]
    starts.engines.translated = 3.0
    assert (starts.start(engine="litert"), starts.engine) == (["translate"], "litert")
    (refused,) = starts.logged("translation_refused")
    assert "differ from TensorFlow's by 0.5" in refused["reason"]
    assert starts.start(engine="litert") == []


def test_tensorflow_takes_over_where_the_kept_verdict_is_of_answers_that_differ_now(starts: Starts) -> None:
    starts.start()
    sealed = starts.entry(TRANSLATIONS)
    about = entries.read(sealed)
    assert about
    (sealed / MODEL).write_text("3.5")
    (sealed / checksums.NAME).unlink()
    entries.seal(sealed, about.about)
    starts.engines.translated = 3.5
    assert (starts.start(), starts.engine) == (["translate", "import"], "tensorflow")
    assert "differ" in starts.logged("engine_chosen")[-1]["reason"]


@pytest.mark.parametrize("content", ["nonsense", "-1"], ids=["does not load", "does not run"])
def test_a_translation_that_does_not_work_here_is_made_anew(starts: Starts, content: str) -> None:
    starts.start()
    sealed = starts.entry(TRANSLATIONS)
    about = entries.read(sealed)
    assert about
    (sealed / MODEL).write_text(content)
    (sealed / checksums.NAME).unlink()
    entries.seal(sealed, about.about)
    assert (starts.start(), starts.engine) == (["translate"], "litert")


# engines that do here what they did not do in the race


EDGE = 0.0011  # just above the tolerance


def test_litert_whose_answers_differ_only_here_is_not_tried_again(starts: Starts) -> None:
    starts.engines.errors["litert"] = EDGE
    assert (starts.start(), starts.engine) == (["race", "import"], "tensorflow")
    assert (starts.start(), starts.engine) == (["import"], "tensorflow")
    for line in starts.logged("engine_chosen"):
        assert "differ from TensorFlow's by 0.0011" in line["reason"]


def test_litert_that_begins_to_answer_otherwise_is_translated_for_once_more(starts: Starts) -> None:
    starts.start()
    starts.engines.errors["litert"] = EDGE
    assert (starts.start(), starts.engine) == (["translate", "import"], "tensorflow")
    assert (starts.start(), starts.engine) == (["import"], "tensorflow")
    assert starts.logged("engine_chosen")[-1]["kept"] is True


def test_an_engine_that_is_demanded_and_answers_otherwise_is_translated_for_once_more(starts: Starts) -> None:
    starts.engines.errors["litert"] = EDGE
    assert starts.start(engine="litert") == ["translate"]
    assert starts.start(engine="litert") == ["translate"]
    assert (starts.start(engine="litert"), starts.engine) == ([], "litert")
    assert len(starts.logged("answers_differ")) == 3


@pytest.mark.parametrize("why", ["is refused", "answers otherwise"])
def test_litert_takes_over_from_openvino_and_that_is_kept(starts: Starts, why: str) -> None:
    starts.engines.with_openvino = True
    assert (starts.start(), starts.engine) == (["race"], "openvino")
    if why == "is refused":
        starts.engines.refused["openvino"] = "OpenVINO cannot be imported"
    else:
        starts.engines.errors["openvino"] = EDGE
    assert (starts.start(), starts.engine) == ([] if why == "is refused" else ["translate"], "litert")
    assert (starts.start(), starts.engine) == ([], "litert")
    changed, kept = starts.logged("engine_chosen")[1:]
    assert ("kept" in changed, kept["kept"]) == (False, True)
    assert "openvino_photos_per_s" not in kept
    assert kept["reason"] == changed["reason"] != ""


def test_tensorflow_takes_over_from_openvino_where_litert_is_worth_less(starts: Starts) -> None:
    starts.engines.with_openvino = True
    starts.engines.rates = {"tensorflow": 100.0, "litert": 50.0, "openvino": 150.0}
    starts.start()
    starts.engines.refused["openvino"] = "OpenVINO cannot be imported"
    assert (starts.start(), starts.engine) == (["import"], "tensorflow")


@pytest.mark.parametrize(
    ("refused", "engine", "done"),
    [(["openvino"], "litert", ["translate"]), (["openvino", "litert"], "tensorflow", ["import", "freeze"])],
)
def test_a_newer_version_is_run_by_whoever_can(
    starts: Starts, refused: list[RunnerName], engine: str, done: list[str]
) -> None:
    starts.engines.with_openvino = True
    loader = starts.loader()
    assert engine_of(loader.load(starts.bundles)) == "openvino"
    starts.engines.refused.update({name: f"{name} has no operation NewestOne" for name in refused})
    newer = [write_bundle(starts.folder / "meals" / "2", content="newer")]
    starts.engines.done.clear()
    assert engine_of(loader.load_next(newer, lambda: None)) == engine
    assert starts.engines.done == ["translate", *done][-len(done) or 1 :]
    chosen = starts.logged("engine_chosen")[-1]
    assert (chosen["engine"], "openvino has no operation NewestOne" in chosen["reason"]) == (engine, True)


# where it is kept


def test_a_translation_that_travels_with_the_model_comes_first(starts: Starts) -> None:
    translate(starts.bundles[0], starts.engines)
    starts.reread()
    assert starts.start(engine="litert") == []
    assert not (starts.cache / FOLDER / TRANSLATIONS).exists()


def test_translating_again_with_another_version_of_litert_tries_again(starts: Starts) -> None:
    starts.engines.reason = "it has no operation NewestOne"
    assert "NewestOne" in str(translate(starts.bundles[0], starts.engines).shortcoming)
    starts.engines.reason, starts.engines.litert_version = None, "2.4.0"
    assert translate(starts.bundles[0], starts.engines).shortcoming is None


def test_what_is_made_for_a_model_is_made_beside_it_also_where_its_folder_is_the_current_one(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = starts.bundles[0].path
    monkeypatch.chdir(version)
    found = translate(bundle.read("."), starts.engines)
    assert found.shortcoming is None
    assert starts.engines.jobs[-1].place.parent == version.parent, "the model's files are those in its folder"


def test_translating_says_that_the_answers_differ(starts: Starts) -> None:
    starts.engines.translated = 3.5
    found = translate(starts.bundles[0], starts.engines)
    assert "differ from TensorFlow's by 0.5" in str(found.shortcoming)


def test_a_cache_may_be_named_from_the_folder_of_the_worker(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(starts.folder)
    starts.cache = Path("cache")
    starts.start()
    assert starts.start() == []


def test_only_what_is_missing_is_translated(starts: Starts) -> None:
    starts.start(engine="litert")
    starts.bundles.append(write_bundle(starts.folder / "drinks" / "1", "drinks"))
    assert starts.start(engine="litert") == ["translate"]
    assert [one.bundle.parent.name for one in starts.engines.jobs[-1].models] == ["drinks"]


def test_a_damaged_translation_in_the_model_is_left_alone_and_one_is_kept_beside(starts: Starts) -> None:
    translate(starts.bundles[0], starts.engines)
    damage(starts.bundles[0].path / "translation" / MODEL)
    assert starts.start(engine="litert") == ["translate"]
    assert starts.start(engine="litert") == []
    assert len(starts.logged("translation_refused")) == 2
    assert (starts.bundles[0].path / "translation" / MODEL).exists()


def test_a_cache_that_is_no_folder_costs_a_line_at_each_start(starts: Starts) -> None:
    starts.cache.write_text("no folder")
    for _ in range(2):
        assert (starts.start(), starts.engine) == (["race"], "litert")
    assert [line["reason"] for line in starts.logged("translation_not_kept")] == ["Not a directory"] * 2


def test_tensorflow_that_is_demanded_looks_at_no_translation(starts: Starts) -> None:
    translate(starts.bundles[0], starts.engines)
    damage(starts.bundles[0].path / "translation" / MODEL)
    assert starts.start(engine="tensorflow") == ["import", "freeze"]
    assert starts.logged("translation_refused") == []


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda root: root.chmod(0o770), "other users can write there (mode 770)"),
        pytest.param(
            lambda root: os.chown(root, 1234, -1),
            "it belongs to another user (1234)",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away"),
        ),
    ],
    ids=["a group", "another user"],
)
def test_what_others_can_write_is_left_alone_and_costs_a_line(
    starts: Starts, harm: Callable[[Path], None], reason: str
) -> None:
    starts.start()
    harm(starts.cache / FOLDER)
    assert (starts.start(), starts.engine) == (["race"], "litert")
    assert [line["reason"] for line in starts.logged("translation_not_kept")] == [reason]
    assert starts.logged("translation_refused") == []
    assert len(list((starts.cache / FOLDER).glob("*/*/*"))) == 3, "they may need it"


def test_the_cache_is_for_its_user_alone(starts: Starts) -> None:
    before = os.umask(0)
    try:
        starts.start()
    finally:
        os.umask(before)
    assert (starts.cache / FOLDER).stat().st_mode & 0o777 == 0o700


def test_old_entries_are_removed_and_nothing_else_is_left(starts: Starts) -> None:
    for version in range(2, 9):
        starts.bundles = [write_bundle(starts.folder / "meals" / str(version), content=str(version))]
        starts.start()
    kept = list((starts.cache / FOLDER / TRANSLATIONS / "meals").iterdir())
    assert len(kept) == 4
    assert starts.start() == [], "the newest is among them"
    assert {path.name for path in (starts.cache / FOLDER).iterdir()} == {TRANSLATIONS, GRAPHS, VERDICTS}


@pytest.mark.parametrize("cache", ["usable", "a file"])
def test_what_a_killed_start_has_left_is_removed_by_the_next_one(
    starts: Starts, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    temporary = starts.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    if cache == "usable":
        starts.start()
    else:
        starts.cache.write_text("no folder")
    left = (starts.cache / FOLDER if cache == "usable" else temporary) / f"{PREFIX}left"
    left.mkdir()
    (left / MODEL).write_text("half")
    os.utime(left, (0, 0))
    starts.bundles = [write_bundle(starts.folder / "meals" / "2", content="newer")]
    assert starts.start() == ["race"]
    assert not left.exists()


# failures


@pytest.mark.parametrize("engine", ["auto", "litert"])
def test_what_is_wrong_with_a_model_is_reported_and_nothing_is_kept(starts: Starts, engine: str) -> None:
    starts.engines.answer = Answer(error="meals/1 has no output score")
    with pytest.raises(ConfigurationError, match="meals/1 has no output score"):
        starts.start(engine=engine)
    assert not list((starts.cache / FOLDER).iterdir())


def test_a_full_disk_leaves_the_model_to_tensorflow_until_there_is_space(starts: Starts) -> None:
    starts.engines.answer = Answer(hindered="[Errno 28] No space left on device")
    assert (starts.start(), starts.engine) == (["race", "import", "freeze"], "tensorflow")
    assert "No space left" in starts.logged("engine_chosen")[-1]["reason"]
    starts.engines.answer = Answer()
    assert (starts.start(), starts.engine) == (["race"], "litert")


def test_a_full_disk_changes_no_verdict(starts: Starts) -> None:
    starts.start()
    shutil.rmtree(starts.entry(TRANSLATIONS))
    starts.engines.answer = Answer(hindered="[Errno 28] No space left on device")
    assert (starts.start(), starts.engine) == (["translate", "import"], "tensorflow")
    starts.engines.answer = Answer()
    assert (starts.start(), starts.engine) == (["translate"], "litert")


def test_a_newer_version_goes_to_tensorflow_at_once_while_the_disk_is_full(starts: Starts) -> None:
    starts.engines.with_openvino = True
    loader = starts.loader()
    loader.load(starts.bundles)
    starts.engines.answer = Answer(hindered="[Errno 28] No space left on device")
    starts.engines.done.clear()
    newer = [write_bundle(starts.folder / "meals" / "2", content="newer")]
    assert engine_of(loader.load_next(newer, lambda: None)) == "tensorflow"
    assert starts.engines.done == ["translate", "import", "freeze"]


def test_too_little_memory_changes_no_verdict(starts: Starts) -> None:
    starts.start()
    starts.engines.errors["litert"] = math.inf
    assert (starts.start(), starts.engine) == (["import"], "tensorflow")
    assert "no memory" in starts.logged("engine_chosen")[-1]["reason"]
    starts.engines.errors.clear()
    assert (starts.start(), starts.engine) == ([], "litert")


@pytest.mark.parametrize("engine", ["auto", "tensorflow"])
def test_where_nothing_can_be_written_tensorflow_runs_the_model(
    starts: Starts, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts.cache.write_text("no folder")
    monkeypatch.setattr(tempfile, "tempdir", str(starts.folder / "missing"))
    assert (starts.start(engine=engine), starts.engine) == (["import", "freeze"], "tensorflow")


def test_a_verdict_that_cannot_be_written_counts_all_the_same(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = entries.seal

    def fill_up(folder: Path, about: Mapping[str, Any]) -> entries.Entry:
        if "rates" in about:
            raise OSError(28, "No space left on device")
        return seal(folder, about)

    monkeypatch.setattr(entries, "seal", fill_up)
    assert (starts.start(), starts.engine) == (["race"], "litert")
    (line,) = starts.logged("translation_not_kept")
    assert "No space left" in line["reason"]


def test_a_model_that_cannot_be_read_is_refused_in_one_line(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(checksums, "hash_file", refuse)
    with pytest.raises(ConfigurationError, match=r"meals/1 cannot be read: .*Permission denied"):
        starts.start()


def test_a_translation_that_cannot_be_read_is_made_anew(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_file = checksums.hash_file
    translate(starts.bundles[0], starts.engines)
    starts.reread()

    def refuse(path: Path) -> str:
        if path.is_relative_to(starts.bundles[0].path / "translation"):
            raise PermissionError(13, "Permission denied", str(path))
        return hash_file(path)

    monkeypatch.setattr(checksums, "hash_file", refuse)
    assert (starts.start(), starts.engine) == (["race"], "litert")


def test_a_stop_ends_the_start_and_leaves_nothing(starts: Starts) -> None:
    def stop() -> None:
        raise ShutDown

    with pytest.raises(ShutDown):
        starts.loader().load(starts.bundles, stop)
    assert not list((starts.cache / FOLDER).iterdir())


# without TensorFlow


def test_without_tensorflow_a_translated_model_runs_whatever_version_translated_it(starts: Starts) -> None:
    translate(starts.bundles[0], starts.engines)
    starts.engines.tensorflow_version = None
    assert (starts.start(), starts.engine) == ([], "litert")
    assert starts.logged("engine_chosen")[-1]["reason"] == "TensorFlow is not installed"


def test_without_tensorflow_a_model_without_translation_is_refused_in_one_line(starts: Starts) -> None:
    starts.engines.tensorflow_version = None
    for engine in ("auto", "litert"):
        with pytest.raises(
            ConfigurationError, match=r"meals/1 has no translation.* translate-model"
        ) as refused:
            starts.start(engine=engine)
        assert "\n" not in str(refused.value)


def test_without_tensorflow_a_translation_that_answers_otherwise_is_refused(starts: Starts) -> None:
    starts.engines.translated = 4.0
    translate(starts.bundles[0], starts.engines)
    starts.engines.tensorflow_version = None
    with pytest.raises(ConfigurationError, match="its answers differ from TensorFlow's by 1"):
        starts.start()


# newer versions while the old ones serve


def test_a_newer_version_is_translated_beside_and_raced_with_nobody(starts: Starts) -> None:
    loader = starts.loader()
    loader.load(starts.bundles)
    starts.engines.done.clear()
    newer = [write_bundle(starts.folder / "meals" / "2", content="newer")]
    assert engine_of(loader.load_next(newer, lambda: None)) == "litert"
    assert starts.engines.done == ["translate"]
    starts.engines.done.clear()
    assert engine_of(loader.load_next(newer, lambda: None)) == "litert"
    assert starts.engines.done == []


def test_tensorflow_takes_over_for_a_newer_version_that_litert_answers_otherwise(starts: Starts) -> None:
    loader = starts.loader()
    loader.load(starts.bundles)
    starts.engines.translated = 3.5
    starts.engines.done.clear()
    newer = [write_bundle(starts.folder / "meals" / "2", content="newer")]
    assert engine_of(loader.load_next(newer, lambda: None)) == "tensorflow"
    assert starts.engines.done == ["translate", "import", "freeze"]
