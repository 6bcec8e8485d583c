"""The faults planted by hand fit the code: one that fits no more says so here, not only in `make mutants`."""

import pytest

from tests.mutants.by_hand import Fault, PlantingError, faults
from tests.support import ROOT


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_a_fault_fits_the_code_and_its_tests_are_there(fault: Fault) -> None:
    source = (ROOT / fault.file).read_text(encoding="utf-8")
    assert fault.planted(source) != source
    assert all((ROOT / test).exists() for test in fault.tests)


@pytest.mark.parametrize("source", ["", "old old"])
def test_a_fault_that_fits_nowhere_or_twice_is_an_error(source: str) -> None:
    with pytest.raises(PlantingError, match="a fault"):
        Fault("a fault", "a file", "old", "new", ()).planted(source)
