"""A study as its author writes it: one YAML file of methods, label budgets, folds and seeds, which makes a grid.

Everything that can be known to be wrong without the data is refused here, with the line of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pydantic

from aed.data.label_budget import BudgetRule
from aed.errors import ConfigError
from aed.study.grid import ALL_LABELS, Cell, Grid
from aed.study.study_config import StudyConfig
from aed.train.recipe import Recipe, load_recipe
from aed.yaml_lines import LocatedYaml, Place, first_problem, read_located_yaml

OF_THE_GRID = ("name", "title", "seed", "data.labels", "data.labels_percent", "data.label_draw")
"""Settings of a recipe that the grid sets."""
Setting = tuple[Place, str, Any]
"""A setting of a recipe that a study changes: where in the study's file, its key, its value."""
_QUICK_SUFFIX = "_quick"
_NAME = r"^[a-z0-9][a-z0-9_]*$"


@dataclass(frozen=True)
class StudyFile:
    """A study that holds together, as far as can be known without its data.

    Attributes:
        config: What is asked for.
        located: Where in the file.
        shared: The recipe that the methods share.
        recipes: Recipe of each method, without budget and seed.
    """

    config: StudyConfig
    located: LocatedYaml
    shared: Recipe
    recipes: Mapping[str, Recipe]

    def grid(self) -> Grid:
        """Return all cells: what is compared is begun together, so that an unfinished study can be read too."""
        config = self.config
        settings = {method: recipe.model_dump(mode="json") for method, recipe in self.recipes.items()}
        cells = tuple(
            Cell(method, described.title, budget_name(budget), draw, fold, seed, settings[method])
            for seed in config.seeds
            for draw in sorted({draw for draws in config.budgets.values() for draw in draws})
            for fold in config.folds
            for budget, draws in config.budgets.items()
            for method, described in config.methods.items()
            if draw in draws
        )
        return Grid(config.name, config.title, config.selection, config.snapshots, cells)


def budget_name(key: str) -> str:
    """Return the budget that a key of `budgets` means: `10` is `10percent`."""
    return f"{key}percent" if key.isdecimal() else key


def load_study(path: Path, *, quick: bool = False, methods: Sequence[str] = ()) -> StudyFile:
    """Read a study.

    Args:
        path: YAML file.
        quick: Take the smaller grid.
        methods: Take these methods only; all by default.

    Raises:
        ConfigError: Something in it is wrong; the message names the line.
    """
    located = read_located_yaml(path)
    try:
        config = StudyConfig.model_validate(located.content)
    except pydantic.ValidationError as error:
        raise first_problem(error, located) from error
    _check_names(config, located)
    _check_budgets(config, located)
    if quick:
        config = _quick(config, located)
    for name in methods:
        if name not in config.methods:
            raise ConfigError(f"{path}: {_unknown('method', name, config.methods)}")
    if methods:
        config = config.model_copy(update={"methods": {name: config.methods[name] for name in methods}})
    path, settings = path.parent / config.recipe, _shared_settings(config, quick=quick)
    shared = _resolve(path, settings, (), located, ("recipe",))
    recipes = {name: _method_recipe(name, config, located, settings, quick=quick) for name in config.methods}
    return StudyFile(config, located, shared, recipes)


def _check_names(config: StudyConfig, located: LocatedYaml) -> None:
    for name in config.methods:
        if not re.fullmatch(_NAME, name):
            raise located.error(
                f"method '{name}': expected a name of small letters, digits and underscores", "methods", name
            )
    for key, numbers in (("folds", config.folds), ("seeds", config.seeds)):
        _check_numbers(key, numbers, located, key)


def _check_budgets(config: StudyConfig, located: LocatedYaml) -> None:
    names: dict[str, str] = {}
    for key, draws in config.budgets.items():
        place = ("budgets", key)
        if not draws:
            raise located.error(f"budget {key} is empty: name its draws, such as [1, 2, 3]", *place)
        if not re.fullmatch(_NAME, key):
            raise located.error(f"budget '{key}': expected a share in percent, or the name of a budget", *place)
        try:
            BudgetRule.parse(budget_name(key))
        except ConfigError as error:
            raise located.error(str(error), *place) from error
        _check_numbers(f"draws of budget {key}", draws, located, *place)
        if budget_name(key) == ALL_LABELS and draws != (1,):
            raise located.error(f"budget {key} is all labels, which has one draw: write [1]", *place)
        if (other := names.setdefault(budget_name(key), key)) != key:
            raise located.error(f"budget {key} is budget {other} again: remove one", *place)


def _check_numbers(what: str, numbers: Sequence[int], located: LocatedYaml, *place: str) -> None:
    for index, number in enumerate(numbers):
        if number < 1 or number in numbers[:index]:
            raise located.error(f"{what}: expected numbers from 1, each once, got {list(numbers)}", *place, index)


def _quick(config: StudyConfig, located: LocatedYaml) -> StudyConfig:
    if config.quick is None:
        raise ConfigError(f"{located.path}: has no smaller grid: add 'quick: {{steps: 150}}', or run without --quick")
    chosen = {
        "methods": config.quick.methods,
        "budgets": config.quick.budgets and tuple(map(str, config.quick.budgets)),
        "folds": config.quick.folds,
    }
    update: dict[str, Any] = {"name": config.name + _QUICK_SUFFIX}
    for key, names in chosen.items():
        known = getattr(config, key)
        for index, name in enumerate(names or ()):
            if name not in known:
                raise located.error(_unknown(key.removesuffix("s"), str(name), map(str, known)), "quick", key, index)
        if names is not None:
            update[key] = {name: known[name] for name in names} if isinstance(known, dict) else names
    update["budgets"] = {key: draws[:1] for key, draws in update.get("budgets", config.budgets).items()}
    return config.model_copy(update=update)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(names)}"
    return f"there is no {what} '{name}': {hint}"


def _shared_settings(config: StudyConfig, *, quick: bool) -> list[Setting]:
    settings: list[Setting] = [(("set", key), key, value) for key, value in config.set.items()]
    if quick and config.quick:
        settings.append((("quick", "steps"), "optim.steps", config.quick.steps))
    return settings


def _method_recipe(
    name: str, config: StudyConfig, located: LocatedYaml, shared: Sequence[Setting], *, quick: bool
) -> Recipe:
    method = config.methods[name]
    place: Place = ("methods", name)
    settings = [*shared, *(((*place, "set", key), key, value) for key, value in method.set.items())]
    if quick:
        settings += [((*place, "quick", key), key, value) for key, value in method.quick.items()]
    names = [f"name={config.name.replace('/', '_')}-{name}", f"title={json.dumps(f'{config.title}: {method.title}')}"]
    path = located.path.parent / (method.recipe or config.recipe)
    return _resolve(path, settings, names, located, (*place, "recipe") if method.recipe else ("recipe",))


def _resolve(
    path: Path, settings: Sequence[Setting], names: Sequence[str], located: LocatedYaml, place: Place
) -> Recipe:
    """Read a recipe and change it; an error is put down to the setting without which there is none."""
    for where, key, _ in settings:
        if any(key == taken or taken.startswith(f"{key}.") for taken in OF_THE_GRID):
            raise located.error(f"'{key}' is set by the study's grid: remove it here", *where)
    overrides = [f"{key}={json.dumps(value)}" for _, key, value in settings]
    try:
        recipe = load_recipe(path, [*overrides, *names])
    except ConfigError as error:
        others = (overrides[:index] + overrides[index + 1 :] for index in range(len(overrides)))
        guilty = [where for (where, _, _), rest in zip(settings, others, strict=True) if _loads(path, rest)]
        raise located.error(str(error), *(guilty[0] if guilty else place)) from error
    if recipe.data.label_budget:
        raise located.error(
            f"recipe {path} has the label budget {recipe.data.label_budget}, which the study's grid sets: remove it "
            "from the recipe",
            *place,
        )
    return recipe


def _loads(path: Path, overrides: Sequence[str]) -> bool:
    try:
        load_recipe(path, overrides)
    except ConfigError:
        return False
    return True
