"""The mutation check can itself be trusted: every break is a break, and only a failed test is a catch."""

import ast

import pytest
from support import mutations
from support.mutations import Mutation


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=lambda m: f"{m.module}-{m.what}")
def test_every_mutation_finds_its_line_and_leaves_a_module_that_can_be_read(mutation):
    text = mutations.broken(mutation)
    whole = (mutations.ROOT / "xailab" / f"{mutation.module}.py").read_text(encoding="utf-8")
    assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(whole))
    assert (mutations.ROOT / "tests" / f"{mutation.tests}.py").is_file()


def test_the_formulas_of_every_method_are_among_them():
    assert {m.module for m in mutations.MUTATIONS} >= {
        "cam",
        "hooks",
        "lime_tabular",
        "lime_image",
        "local_fit",
        "shapley",
        "metrics",
        "faithfulness",
        "intervals",
        "models",
        "lime_text",
        "texts",
    }


@pytest.fixture
def package(tmp_path):
    """A package with one formula, and its test."""
    for name in ("xailab", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "xailab" / "__init__.py").touch()  # else an installed xailab would go before it
    (tmp_path / "xailab" / "area.py").write_text("def area(a, b):\n    return a * b\n")
    (tmp_path / "tests" / "test_area.py").write_text(
        "from xailab.area import area\n\n\ndef test_the_area():\n    assert area(2, 2) == 4\n"
    )
    return tmp_path


def test_a_mutation_is_caught_or_survives_and_the_copy_is_mended(package):
    path = package / "xailab" / "area.py"
    whole = path.read_bytes()
    caught = Mutation("area", "test_area", "sign", "negative areas", "a * b", "-a * b")
    assert mutations.try_out(caught, package) == "test_the_area"
    survivor = caught._replace(new="a + b")
    assert mutations.try_out(survivor, package) is None
    assert path.read_bytes() == whole
    assert "**survived**" in mutations.row(survivor, None)
    with pytest.raises(RuntimeError, match="did not run to an answer"):
        mutations.try_out(caught._replace(old="area(a, b)", new="surface(a, b)"), package)
    assert path.read_bytes() == whole
    with pytest.raises(
        ValueError, match=r"should stand in area\.py once, but stands there 2 times"
    ):
        mutations.broken(caught._replace(old="b"), package / "xailab")
