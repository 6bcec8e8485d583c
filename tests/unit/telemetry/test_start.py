"""What a start tells of itself."""

import subprocess
import sys
import time

import psutil
import pytest

from worker.telemetry.start import Start, process_seconds


def test_the_seconds_count_from_the_beginning_of_the_process_whatever_its_name() -> None:
    code = "from worker.telemetry.start import process_seconds as s; print(s())"
    program = f"open('/proc/self/comm', 'w').write('a) S 1 (b'); {code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) < 60
    assert process_seconds() == pytest.approx(time.time() - psutil.Process().create_time(), abs=1)


def test_a_part_is_measured_also_if_it_fails_and_added_up_if_it_comes_again() -> None:
    start = Start({"imports": 1.234})
    with start.part("models"):
        pass
    before = start.parts["models"]
    with pytest.raises(ValueError, match="wrong"), start.part("models"):
        raise ValueError("wrong")
    assert start.parts["models"] > before
    told = start.report()
    assert told["parts"] == {"imports": 1.23, "models": round(start.parts["models"], 2)}
    assert told["seconds"] == pytest.approx(process_seconds(), abs=1)
