"""The summary of law 1 (no key is dropped) that the test run prints."""

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType, SimpleNamespace

from tools.package import ROOT


def load_conftest() -> ModuleType:
    """Return the module tests/conftest.py of another process of pytest, without counts."""
    spec = spec_from_file_location("another_conftest", ROOT / "tests" / "conftest.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_test_summary_adds_up_the_fault_schedules_of_all_processes():
    # GIVEN two workers of pytest-xdist that count six schedules between them
    controller, lines = load_conftest(), []
    for numbers in ({"odd": 1}, {"odd": 2, "even": 3}):
        worker, node = load_conftest(), SimpleNamespace(workeroutput={})
        worker._counted.update({(worker._LAW1, state): number for state, number in numbers.items()})
        worker.pytest_sessionfinish(SimpleNamespace(config=node))
        controller.pytest_testnodedown(node)
    # WHEN the controller prints its summary, THEN it has the sums
    controller.pytest_terminal_summary(SimpleNamespace(section=lambda _: None, write_line=lines.append))
    assert [line.split()[:: len(line.split()) - 1] for line in lines] == [["3", "even"], ["3", "odd"], ["6", "all"]]
