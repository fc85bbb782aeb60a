"""The mutation check can itself be trusted: a mutant is a change, and only a failed test catches it."""

import ast

import pytest
from support import mutations
from support.mutations import Mutant

AREA = '''def area(a, b):
    """The area."""
    if a < 0:
        raise ValueError("a must not be negative.")
    return (a * b).relu()
'''


def test_every_target_is_there_and_can_be_broken():
    names = {mutant.name.split(":")[0] for mutant in mutations.mutants([])}
    wanted = {
        f"{module}.{function}"
        for module, (functions, _) in mutations.TARGETS.items()
        for function in functions.split()
    }
    # nothing to swap in them
    constant = {
        "cam.formulas.cam",
        "cam.formulas.upsample",
        "lime_tabular.neighbourhood.quartiles",
    }
    assert wanted - names <= constant
    assert all((mutations.ROOT / tests).exists() for _, tests in mutations.TARGETS.values())


def test_a_mutant_differs_in_one_operation_and_leaves_the_checks_alone():
    found = dict(mutations.mutants_of(AREA, "area"))
    assert set(found) == {"relu dropped, line 5", "Mult -> Div, line 5"}
    assert "return a * b" in found["relu dropped, line 5"]
    assert "(a / b).relu()" in found["Mult -> Div, line 5"]
    assert all("a < 0" in source for source in found.values())
    for source in found.values():
        assert ast.dump(ast.parse(source)) != ast.dump(ast.parse(AREA))


@pytest.mark.parametrize(
    ("source", "caught"),
    [("def area(a, b):\n    return a / b\n", True), ("def area(a, b):\n    return b * a\n", False)],
)
def test_a_mutant_is_caught_or_survives_and_the_copy_is_restored(tmp_path, source, caught):
    for name in ("xailab", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "xailab" / "__init__.py").touch()
    path = tmp_path / "xailab" / "area.py"
    path.write_text("def area(a, b):\n    return a * b\n")
    (tmp_path / "tests" / "test_area.py").write_text(
        "from xailab.area import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n"
    )
    whole = path.read_bytes()
    mutant = Mutant("area.area: changed", "area.py", source, "tests/test_area.py")
    by = mutations.caught_by(mutant, tmp_path)
    assert by == ("tests/test_area.py::test_area" if caught else None)
    assert path.read_bytes() == whole


def test_tests_that_do_not_run_are_no_catch(tmp_path):
    (tmp_path / "xailab").mkdir()
    (tmp_path / "xailab" / "area.py").write_text("")
    with pytest.raises(RuntimeError, match="did not run to an answer"):
        mutations.caught_by(Mutant("area", "area.py", "", "tests/nothing.py"), tmp_path)
