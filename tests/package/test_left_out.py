"""Who asks the package for a module of msgraph that it lacks is told so; nobody else notices."""

import importlib.util
import sys

import pytest

from package import left_out
from package.left_out import LeftOut


def test_the_error_names_the_module_the_reason_and_what_to_do() -> None:
    with pytest.raises(ModuleNotFoundError) as failure:
        LeftOut().find_spec("msgraph.generated.users", None)
    assert failure.value.name == "msgraph.generated.users"
    for said in ("msgraph.generated.users", "no end-to-end test", "make reached", "make package", "remote build"):
        assert said in str(failure.value)


@pytest.mark.parametrize("name", ["msgraph", "msgraph_core.nothing", "nothing_at_all"])
def test_other_modules_are_not_its_business(name: str) -> None:
    assert LeftOut().find_spec(name, None) is None


def test_it_is_asked_last_and_stands_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    left_out.install()
    left_out.install()
    assert [type(finder) for finder in sys.meta_path].count(LeftOut) == 1
    assert isinstance(sys.meta_path[-1], LeftOut)
    assert importlib.util.find_spec("msgraph") is not None
