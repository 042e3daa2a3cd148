"""A label map: what the labels of one data set mean in the ontology, and what the data set is exhaustive about.

A label maps to one concept, at whatever depth it is sure; or to *none* (the data set's own "nothing of the others"); or
it denies one concept ("not: Dog", what a person says of a false alarm); or it is unmapped, with the reason. It never
maps to the nearest word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from aed.errors import OntologyError
from aed.ontology.graph import Ontology, load_ontology
from aed.ontology.suggestion import suggestion
from aed.ontology.taxonomy import Task
from aed.resources import ontology_folder

Unlisted = Literal["unknown", "absent"]
DENIAL = "not: "
"""What a label of a user's own begins with that says what a clip is not."""

_Form = TypeVar("_Form", bound=BaseModel)


@dataclass(frozen=True)
class LabelTarget:
    """What one label means.

    Attributes:
        concept: Id of the concept that is present; None for a *none* label and for an unmapped one.
        via: Ids through which the way up is known to lead, where a concept on it has several parents.
        may_hold: Ids of concepts that a clip may hold too without being labelled so: unknown, not absent.
        none: The label says that nothing sounds that the data set is exhaustive about.
        denied: Id of a concept that is absent, about which alone the label says something.
        reason: Why, where it is not obvious.
    """

    concept: str | None
    via: tuple[str, ...] = ()
    may_hold: tuple[str, ...] = ()
    none: bool = False
    reason: str | None = None
    denied: str | None = None


@dataclass(frozen=True, eq=False)
class LabelMap:
    """The labels of one data set.

    Attributes:
        dataset: Name of the data set or of the subset.
        task: Whether a clip of it bears one label or several.
        labels: The meaning of every label, in the data set's order.
        exhaustive: Ids of concepts about which the data set is exhaustive: not labelled means absent.
        unlisted: What an unlisted concept outside `exhaustive` counts as. "unknown" is strict. "absent" is the weak
            negative of AudioSet training: absent, unless it is an ancestor, a descendant or a sibling of a listed one.
    """

    dataset: str
    task: Task
    labels: Mapping[str, LabelTarget]
    exhaustive: frozenset[str]
    unlisted: Unlisted = "unknown"

    @property
    def concept_ids(self) -> tuple[str, ...]:
        """Ids of the concepts that labels map to, in label order, each once."""
        return tuple(dict.fromkeys(target.concept for target in self.labels.values() if target.concept is not None))

    def target(self, label: str) -> LabelTarget:
        """Return what a label means.

        Raises:
            OntologyError: The map does not hold the label; the message names the closest ones.
        """
        if label not in self.labels:
            raise OntologyError(
                f"the label map '{self.dataset}' has no label '{label}'{suggestion(label, self.labels)}"
            )
        return self.labels[label]

    def concept_of(self, label: str) -> str | None:
        """Return the concept's id; None where the label is unmapped or says *none*.

        Raises:
            OntologyError: The map does not hold the label.
        """
        return self.target(label).concept

    def restricted(self, labels: Iterable[str], dataset: str | None = None) -> LabelMap:
        """Return the map with only these labels, in the map's order; it stays exhaustive about the same concepts.

        Raises:
            OntologyError: A label is not in the map, or none is left.
        """
        wanted = {label: self.target(label) for label in labels}
        if not wanted:
            raise OntologyError(f"the label map '{self.dataset}' cannot be restricted to no labels")
        kept = {label: target for label, target in self.labels.items() if label in wanted}
        return replace(self, dataset=dataset or self.dataset, labels=kept)


def label_map_from_names(
    dataset: str, names: Iterable[str], *, task: Task = "single", ontology: Ontology | None = None
) -> LabelMap:
    """Make the map of a user's own folders or columns: each label is the name or the id of a concept.

    Underscores read as spaces; "not: NAME" says that a concept is absent. A single-label set counts as exhaustive about
    its labels, a multi-label one about nothing.

    Raises:
        OntologyError: A name is no concept; the message names the closest ones and says how to map it.
    """
    ontology = ontology or load_ontology()
    labels = {}
    for name in names:
        try:
            denies, said = name.startswith(DENIAL), name.removeprefix(DENIAL)
            found = ontology.resolve(said if said in ontology.concepts else said.replace("_", " ")).id
            labels[name] = LabelTarget(None, denied=found) if denies else LabelTarget(found)
        except OntologyError as error:
            raise OntologyError(f"{dataset}: {error} Write a label map that says what '{name}' means") from None
    exhaustive = (
        frozenset(target.concept for target in labels.values() if target.concept) if task == "single" else frozenset()
    )
    return LabelMap(dataset, task, labels, exhaustive)


class _TargetForm(BaseModel):
    """One label as it stands in the YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    concept: str | None = None
    via: tuple[str, ...] = ()
    may_hold: tuple[str, ...] = ()
    none: bool = False
    unmapped: bool = False
    reason: str | None = None

    @model_validator(mode="after")
    def _one_meaning(self) -> _TargetForm:
        if (self.concept is not None) + self.none + self.unmapped != 1:
            raise ValueError("a label has exactly one of: concept, none: true, unmapped: true")
        if self.unmapped and not self.reason:
            raise ValueError("an unmapped label needs a reason")
        return self


def _target_form(value: Any) -> Any:
    return {"concept": value} if isinstance(value, str) else value


class _LabelMapForm(BaseModel):
    """A label map as it stands in the YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dataset: str
    task: Task
    exhaustive: Literal["labels"] | tuple[str, ...]
    unlisted: Unlisted = "unknown"
    labels: dict[str, Annotated[_TargetForm, BeforeValidator(_target_form)]]
    subsets: dict[str, tuple[str, ...]] = {}


def load_label_map(name_or_path: str | Path, ontology: Ontology | None = None) -> LabelMap:
    """Read a label map.

    Args:
        name_or_path: Name of a shipped map ("esc50"), of a subset ("esc10"), or the path of a YAML file.
        ontology: Where the concepts are looked up; the shipped one by default.

    Raises:
        OntologyError: No such map, or the file is wrong; the message names the place and what was expected.
    """
    ontology = ontology or load_ontology()
    if Path(name_or_path).suffix in (".yaml", ".yml"):
        return _label_map(_read_form(Path(name_or_path)), ontology, Path(name_or_path))
    names = []
    for path in sorted((ontology_folder() / "labels").glob("*.yaml")):
        if path.stem == name_or_path:
            return _label_map(_read_form(path), ontology, path)
        subsets = _subset_names(path)
        if name_or_path in subsets:
            form = _read_form(path)
            return _label_map(form, ontology, path).restricted(form.subsets[str(name_or_path)], str(name_or_path))
        names += [path.stem, *subsets]
    raise OntologyError(
        f"no label map is called '{name_or_path}': expected one of {', '.join(names)}, or the path of a .yaml file"
    )


def label_map_names() -> tuple[str, ...]:
    """Return the names of all shipped label maps and of their subsets."""
    paths = sorted((ontology_folder() / "labels").glob("*.yaml"))
    return tuple(name for path in paths for name in (path.stem, *_subset_names(path)))


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds; an `OntologyError` with file and line where it cannot be read."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise OntologyError(
            f"{path} cannot be read: {reason.lower()}; check the path and its permissions, or save it as UTF-8"
        ) from error
    except (ValueError, yaml.YAMLError) as error:  # ValueError: a date that does not exist
        raise OntologyError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _subset_names(path: Path) -> tuple[str, ...]:
    return tuple((read_yaml(path) or {}).get("subsets", ()))


def _read_form(path: Path) -> _LabelMapForm:
    return validated(_LabelMapForm, read_yaml(path), path)


def validated(form: type[_Form], data: Any, path: Path) -> _Form:
    """Return the data as the form; an `OntologyError` that names file and key where it does not fit."""
    try:
        return form.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OntologyError(f"{path}: {place}: {first['msg']} (got {first['input']!r})") from error


def _label_map(form: _LabelMapForm, ontology: Ontology, path: Path) -> LabelMap:
    try:
        labels = {label: _label_target(target, ontology) for label, target in form.labels.items()}
        names = () if form.exhaustive == "labels" else form.exhaustive
        exhaustive = frozenset(ontology.resolve(name).id for name in names)
    except OntologyError as error:
        raise OntologyError(f"{path}: {error}") from None
    if form.exhaustive == "labels":
        exhaustive = frozenset(target.concept for target in labels.values() if target.concept is not None)
    return LabelMap(form.dataset, form.task, labels, exhaustive, form.unlisted)


def _label_target(form: _TargetForm, ontology: Ontology) -> LabelTarget:
    concept = None if form.concept is None else ontology.resolve(form.concept).id
    via = tuple(ontology.resolve(name).id for name in form.via)
    may_hold = tuple(ontology.resolve(name).id for name in form.may_hold)
    if concept is not None and not ontology.ancestors(concept).issuperset(via):
        raise OntologyError(f"'via' of '{form.concept}' names {list(form.via)}: expected concepts above it")
    return LabelTarget(concept, via, may_hold, form.none, form.reason)
