"""Recipes: overrides, and one clear line for everything that can be wrong in one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aed.errors import ConfigError
from aed.train.recipe import Recipe, load_recipe

TEXT = """\
name: tiny
title: Tiny
data: {source: esc10, label_map: esc10}
consistency: {threshold: 0.8}
optim: {steps: 10}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("optim.lr=1e-3", "optim.lr", 1e-3),
        ("optim.lr=2.5E+1", "optim.lr", 25.0),
        ("optim.steps=1e3", "optim.steps", 1000),
        ("optim.steps=7", "optim.steps", 7),
        ("seed=3", "seed", 3),
        ("consistency=null", "consistency", None),
        ("consistency.threshold=0.7", "consistency.threshold", 0.7),
        ("model.head.name=flat", "model.head.name", "flat"),
        ("data.folds={groups: 3}", "data.folds.groups", 3),
        ("data.unlabelled_sources=[sesa, audioset]", "data.unlabelled_sources", ("sesa", "audioset")),
        ("data.source=folder:/a=b", "data.source", "folder:/a=b"),
        ("augment.weak.shift=false", "augment.weak.shift", False),
    ],
)
def test_overrides(override: str, where: str, value: object, path: Path) -> None:
    found: object = load_recipe(path, [override])
    for key in where.split("."):
        found = getattr(found, key)
    assert found == value
    assert type(found) is type(value)


def test_a_later_override_wins_and_null_parents_are_filled(path: Path) -> None:
    recipe = load_recipe(path, ["seed=2", "seed=3", "consistency=null", "consistency.threshold=0.7"])
    assert recipe.seed == 3
    assert recipe.consistency is not None
    assert recipe.consistency.threshold == 0.7


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.learning_rate=1", "unknown key 'optim.learning_rate': remove it or correct its spelling"),
        ("optimiser.lr=1", "unknown key 'optimiser'"),
        ("optim.steps=many", "'optim.steps': Input should be a valid integer.*, got 'many'"),
        ("optim.steps=0", "'optim.steps': Input should be greater than 0, got 0"),
        ("optim.steps=null", "'optim.steps': Input should be a valid integer, got None"),
        ("optim.lr=.nan", "'optim.lr': Input should be a finite number, got nan"),
        ("optim.lr=.inf", "'optim.lr': Input should be a finite number, got inf"),
        ("augment.strong.gain_db=.inf", "'augment.strong.gain_db': Input should be a finite number, got inf"),
        (
            "augment.waveform.noise_snr_db=[.nan, 40]",
            "'augment.waveform.noise_snr_db.0': Input should be a finite number",
        ),
        (
            "augment.waveform.noise_snr_db=[40,10]",
            r"'augment.waveform.noise_snr_db': .*expected the lower one first, such as \[10, 40\], got \[40, 10\]$",
        ),
        ("augment.frames.equalizer_db=.inf", "'augment.frames.equalizer_db': Input should be a finite number, got inf"),
        ("consistency.weight=.inf", "'consistency.weight': Input should be a finite number, got inf"),
        ("model.features.floor_power=.inf", "'model.features.floor_power': Input should be a finite number, got inf"),
        ("data.clip_seconds=.inf", "'data.clip_seconds': Input should be a finite number"),
        ("data.clip_seconds=1e-9", "'data.clip_seconds': Input should be greater than or equal to"),
        ("data=null", "'data': Input should be"),
        ("data=5", "'data': Input should be"),
        ("name=null", "'name': Input should be a valid string, got None"),
        ("name=../elsewhere", "'name': String should match pattern"),
        ("model.encoder.size=huge", "'model.encoder.size': Input should be 'small', 'medium' or 'large', got 'huge'"),
        (
            "data.folds=officially",
            "'data.folds': Input should be 'official' or 'none', or Input should be a valid dict",
        ),
        ("data.folds={groups: 1}", "'data.folds.groups': Input should be greater than or equal to 2, got 1$"),
        ("data.folds={group: 3}", "unknown key 'data.folds.group'"),
        ("optim.steps", "--set optim.steps: expected KEY=VALUE such as optim.lr=1e-3"),
        ("=3", "--set =3: expected KEY=VALUE"),
        ("optim.steps.more=3", "--set optim.steps.more=3: 'steps' is a value, it has no keys below it"),
        ("optim.steps=[3", r"--set optim.steps=\[3: '\[3' is not a YAML value"),
    ],
)
def test_a_wrong_override_is_one_line_that_names_it(override: str, message: str, path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(path, [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected keys and values, got NoneType"),
        ("- a\n- b\n", "expected keys and values, got list"),
        ("just words", "expected keys and values, got str"),
        ("name: [unclosed\n", "cannot be read as YAML: .*line 2"),
        (TEXT + "colour: red\n", "unknown key 'colour'"),
        (TEXT.replace("esc10}", "esc10, folds: official, clips: 3}", 1), "unknown key 'data.clips'"),
        (TEXT + "1: 2\n", "'1': Keys should be strings"),
        ("title: T\n", r"'name': Field required.*\(and 1 more\)"),
        (TEXT + "model: !!python/object:os.system {}\n", "cannot be read as YAML: could not determine a constructor"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(text: str, message: str, path: Path) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"recipe {path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["short_window_weight", "made_silence_share"])
def test_what_several_labels_would_ignore_is_refused(key: str, path: Path) -> None:
    multi = "taxonomy={task: multi, none_of_these: false}"
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, [multi, f"optim.{key}=0.5"])
    assert str(caught.value) == (
        f"recipe {path}: optim.{key} is 0.5, but it teaches single-label trees only: set it to 0, or taxonomy.task to "
        "single"
    )
    assert load_recipe(path, [multi, f"optim.{key}=0"]).taxonomy.task == "multi"
    assert load_recipe(path, [f"optim.{key}=0.5"]).taxonomy.task == "single"


@pytest.mark.parametrize(
    "setting",
    [
        *("label_loss={depth_decay: 0.5}", "data.coarse={percent: 20}", "data.leave_out={group: 1}"),
        "consistency={align: true}",
        "data.teaching_sources=[sesa] data.teaching_share=0.25",
    ],
)
def test_what_is_for_single_labels(setting: str, path: Path) -> None:
    settings = [setting] if "{" in setting else setting.split()
    multi = ["taxonomy={task: multi, none_of_these: false}", "consistency=null", *settings]
    key = setting.partition("=")[0]
    with pytest.raises(ConfigError, match=f"{key}.* is there, but it is for single-label trees only: remove it"):
        load_recipe(path, multi)
    load_recipe(path, settings)


def test_a_share_of_further_sources_needs_some(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"further_share is there, .* of which there are none"):
        load_recipe(path, ["consistency.further_share=0.25"])
    load_recipe(path, ["consistency.further_share=0.25", "data.unlabelled_sources=[sesa]"])


@pytest.mark.parametrize("setting", ["data.teaching_sources=[sesa]", "data.teaching_share=0.25"])
def test_sources_that_teach_have_a_share(setting: str, path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.teaching_sources and data\.teaching_share belong together"):
        load_recipe(path, [setting])


def test_leave_out_names_one_of_the_groups(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.leave_out\.group is 5, but there are 4 groups: lower it"):
        load_recipe(path, ["data.leave_out={group: 5}"])


def test_an_inner_part_is_one_of_the_parts(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.inner\.part is 6, but there are 5 parts: lower it"):
        load_recipe(path, ["data.inner={part: 6}"])


def test_thresholds_of_leaves_do_not_adapt_with_several_labels(path: Path) -> None:
    multi = ["taxonomy={task: multi, none_of_these: false}", "consistency={leaf_threshold: adaptive}"]
    with pytest.raises(ConfigError, match="leaf_threshold is 'adaptive', but a multi-label tree"):
        load_recipe(path, multi)
    assert load_recipe(path, [*multi, "consistency.leaf_threshold=fixed"]).consistency is not None


def test_a_file_that_is_no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="cannot be read as YAML"):
        load_recipe(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist: 'aed recipe list' names the shipped ones"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path)


def test_what_is_written_reads_back_as_the_same_recipe(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path, ["data.folds={groups: 3}", "optim.lr=1e-5"])
    (tmp_path / "written.yaml").write_text(recipe.to_yaml())
    assert load_recipe(tmp_path / "written.yaml") == recipe


def test_the_digest_names_the_settings_not_the_words(path: Path) -> None:
    recipe = load_recipe(path)
    assert load_recipe(path, ["title=Other words", "optim.steps=10"]).digest == recipe.digest
    assert load_recipe(path, ["seed=2"]).digest != recipe.digest
    assert len(recipe.digest) == 12


def test_a_recipe_is_frozen(path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_recipe(path).seed = 5  # type: ignore[misc]


def test_every_default_is_spelled_out(path: Path) -> None:
    assert set(yaml.safe_load(load_recipe(path).to_yaml())) == set(Recipe.model_fields)


def test_scenes_are_for_trees_that_decide_over_time(path: Path) -> None:
    multi = ["taxonomy={task: multi, none_of_these: false}", "consistency=null", "scenes={share: 0.5}"]
    for settings in (["scenes={share: 0.5}"], multi):
        with pytest.raises(ConfigError, match="scenes is there, but only a multi-label tree that decides over time"):
            load_recipe(path, settings)
    recipe = load_recipe(path, [*multi, "model.time_pooling={exponent: 4.0}"])
    assert recipe.scenes is not None
    assert recipe.scenes.share == 0.5
    with pytest.raises(ConfigError, match=r"'scenes\.snr_db': .*the lower one first, such as \[-5, 5\]"):
        load_recipe(path, [*multi, "model.time_pooling={exponent: 4.0}", "scenes.snr_db=[5, -5]"])


def test_a_recipe_without_scenes_keeps_its_hash(path: Path) -> None:
    assert load_recipe(path).digest == load_recipe(path, ["scenes=null"]).digest
