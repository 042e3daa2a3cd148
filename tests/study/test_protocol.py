from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from aed.study.label_efficiency import label_efficiency
from aed.study.ledger import TestLook, append_look
from aed.study.protocol import augmentation_names, count_test_looks, protocol_line, protocol_section
from aed.study.study_cells import by_selection
from tests.study.made_study import made_study


def test_the_line_tells_all_that_a_number_depends_on() -> None:
    line = protocol_line(by_selection(made_study(folds=(1, 2, 4)))[0])
    assert line == (
        "Protocol: weights at the last step (selection: final); folds 1-2, 4; seeds 1; label draws 10 %: 1-2, "
        "100 %: 1; 900 steps of 32 labelled clips; augmentation A; 101,234 parameters; 28,800 to 86,400 forward clips "
        "and 32 to 36 s a run, 0.25 h in all; 27 runs, 27 test looks; commits abc1234567."
    )


def test_what_differs_is_told_apart() -> None:
    cells = made_study()
    recipe = cells[-1].recipe.replace("mixup_alpha: 0.2", "mixup_alpha: 0.0")
    cells[-1] = replace(cells[-1], commit="", steps=450, recipe=recipe)
    line = protocol_line(by_selection(cells)[0])
    assert "450 to 900 steps" in line
    assert "augmentation A and B" in line
    assert "commits abc1234567, unknown" in line
    assert sorted(set(augmentation_names(cells).values())) == ["A", "B"]


def test_the_section_prints_the_augmentation_and_every_method_and_budget() -> None:
    found = label_efficiency(by_selection(made_study())[0])
    section = protocol_section(found)
    words = "\n".join(str(block) for block in section)
    assert "mixup_alpha: 0.2" in words
    assert '{"threads": 1}' in words
    rows = next(block.rows for block in section if hasattr(block, "rows"))
    assert [row[:3] for row in rows[:2]] == [("flat method", "10 %", "4"), ("tree method", "10 %", "4")]


def test_what_distorts_the_view_of_a_consistent_student_is_augmentation_too() -> None:
    cells = made_study()
    recipe = yaml.safe_load(cells[-1].recipe) | {"consistency": {"frames": {"mask_share": 0.3}}}
    cells[-1] = replace(cells[-1], recipe=yaml.safe_dump(recipe))
    assert sorted(set(augmentation_names(cells).values())) == ["A", "B"]
    words = "\n".join(map(str, protocol_section(label_efficiency(by_selection(cells)[0]))))
    assert "mask_share: 0.3" in words


def test_the_time_of_pretraining_is_told_apart() -> None:
    cells = [replace(cell, pretraining_seconds=321.0) for cell in made_study()]
    (table,) = (block for block in protocol_section(label_efficiency(by_selection(cells)[0])) if hasattr(block, "rows"))
    assert {dict(zip(table.header, row, strict=True))["seconds of pretraining, shared"] for row in table.rows} == {
        "321"
    }


def test_looks_are_those_of_the_cells_and_of_the_ledger(tmp_path: Path) -> None:
    cells = [replace(cell, test_looks=3) for cell in made_study(methods={"flat": 1}, budgets={10: (1,)})]
    assert count_test_looks(cells, None) == "6 by the runs of this study"
    ledger = tmp_path / "test_looks.jsonl"
    for recipe, recipe_hash in (("made", "flat101"), ("made", "another"), ("made", "third"), ("foreign", "fourth")):
        append_look(TestLook("2022-05-22", "abc", recipe, recipe_hash, 1, 1, 20, {}), ledger)
    assert count_test_looks(cells, ledger) == (
        "6 by the runs of this study; the ledger test_looks.jsonl holds 1 with these very recipes and 3 with recipes "
        "of the same name"
    )
