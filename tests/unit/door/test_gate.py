"""When the door takes photos, and when it says that it is ready."""

from tests.support.fakes import ManualClock
from worker.door.gate import Gate, Phase


def look(gate: Gate) -> tuple[Phase, bool, bool, bool]:
    return gate.phase, gate.is_ready, gate.accepts, gate.is_stopping


def test_it_is_ready_once_it_is_opened() -> None:
    gate = Gate(0.0, ManualClock())
    assert look(gate) == (Phase.STARTING, False, False, False)
    gate.open()
    assert look(gate) == (Phase.OPEN, True, True, False)


def test_a_stop_ends_its_readiness_at_once_and_accepting_after_the_linger() -> None:
    clock = ManualClock()
    gate = Gate(5.0, clock)
    gate.open()
    gate.close()
    assert look(gate) == (Phase.LINGERING, False, True, True)
    clock.seconds += 4.9
    gate.close()  # once more does not begin the linger anew
    assert gate.accepts
    clock.seconds += 0.1
    assert look(gate) == (Phase.CLOSED, False, False, True)


def test_without_a_linger_it_is_closed_at_once() -> None:
    gate = Gate(0.0, ManualClock())
    gate.open()
    gate.close()
    assert look(gate) == (Phase.CLOSED, False, False, True)


def test_one_that_was_never_open_does_not_linger() -> None:
    gate = Gate(5.0, ManualClock())
    gate.close()
    assert gate.phase is Phase.CLOSED
    gate.open()
    assert not gate.accepts
