"""The table of results fits into 80 columns, whatever the photos are called."""

from rich.console import Console

from tests.support.results import make_result
from worker.commands.result_table import results_table
from worker.result import DuplicateOf, Inference, Label, Result, Tip

STEPS = ("wait", "fetch", "decode", "batch_wait", "infer", "commit", "total")
FOREIGN = "3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f"


def scored() -> Result:
    changes = {
        "score": 4,
        "score_mean": 3.98,
        "tip": Tip(id="coffee", text="Enjoy the aroma plain."),
        "image_hash": "phash-1:bb8320376c0f3637",
        "duplicate_of": DuplicateOf(image_id=FOREIGN, distance=0, kind="exact"),
        "inference": {
            "m": Inference(
                score_probs=None,
                score_mean=3.98,
                food_probability=None,
                labels=[Label(name="espresso", probability=0.95)],
            )
        },
        "timings_ms": dict.fromkeys(STEPS, 1234.5),
    }
    return make_result("one").model_copy(update=changes)


def shown(name: str, result: Result, width: int) -> str:
    console = Console(width=width, record=True, quiet=False)
    with console.capture() as capture:
        console.print(results_table([(name, result)]))
    return capture.get()


def test_80_columns_have_all_of_a_result() -> None:
    text = shown("a long name of a photo" * 3 + ".jpg", scored(), 80)
    for part in ("★★★★☆", "3.98", "Enjoy the aroma plain.", " 95% espresso", "phash-1:bb8320376c0f3637"):
        assert part in text
    assert text.count("1234.5") == len(STEPS)
    assert max(map(len, text.splitlines())) <= 80


def test_fewer_columns_cut_the_times_before_the_score() -> None:
    text = shown("photo" * 20, scored(), 60)
    assert ("★★★★☆" in text, "queue" in text, "1234.5" in text) == (True, True, False)


def test_a_failed_photo_has_its_fault_in_place_of_the_tip() -> None:
    text = shown("photo.jpg", make_result("one", code="unsupported_format"), 80)
    assert "unsupported_format" in text
    assert "failed" in text
