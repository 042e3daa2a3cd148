"""A recipe's settings about data: which clips teach, what of their labels may be used, and which are held out."""

from __future__ import annotations

from typing import Literal

import pydantic
from pydantic import Field

from aed.data.strong_folder import is_strong
from aed.settings import Settings

SHORTEST_CLIP_SECONDS = 0.1
"""A clip holds one embedding (80 ms) at least."""
LONGEST_CLIP_SECONDS = 600.0
"""Ten minutes: a step of 32 such clips would already take gigabytes."""


class GroupFolds(Settings):
    """Folds by content group, for data without official folds.

    Attributes:
        groups: Number of folds.
        seed: Decides which group goes where.
        official: Where a data set among several has folds, or a test part, of its own, keep to them.
    """

    groups: int = Field(5, ge=2)
    seed: int = 0
    official: Literal[True] | None = None


class InnerPart(Settings):
    """A part of the labelled training clips, cut by content group, that is held out in place of the test fold.

    To tune a recipe without a look at the test fold, and to calibrate a model: the fold's own test clips teach nothing
    and are not tested on.

    Attributes:
        part: Which part, from 1.
        parts: Number of parts.
        seed: Decides which group goes where.
    """

    part: int = Field(ge=1)
    parts: int = Field(5, ge=2)
    seed: int = 0

    @pydantic.model_validator(mode="after")
    def _one_of_the_parts(self) -> InnerPart:
        if self.part > self.parts:
            raise ValueError(f"data.inner.part is {self.part}, but there are {self.parts} parts: lower it")
        return self


class LeaveOut(Settings):
    """Leaves that training never hears, to learn what a model says of sounds that it does not know.

    Attributes:
        group: Which of the fixed groups of leaves, from 1; see `aed.data.leave_out`.
        groups: Number of groups.
    """

    group: int = Field(ge=1)
    groups: int = Field(4, ge=2)

    @pydantic.model_validator(mode="after")
    def _one_of_the_groups(self) -> LeaveOut:
        if self.group > self.groups:
            raise ValueError(f"data.leave_out.group is {self.group}, but there are {self.groups} groups: lower it")
        return self


class CoarseLabels(Settings):
    """Labels that name only a supercategory.

    Attributes:
        percent: Share, by class, of the training clips outside the label budget that have such a label.
        depth: Depth of the supercategory in the tree; a leaf that is no deeper is named itself.
    """

    percent: int = Field(ge=1, le=100)
    depth: int = Field(1, ge=1)


class DataConfig(Settings):
    """Which clips teach and which are held out.

    Attributes:
        source: Data set name, `made`, `folder:<path>`, `csv:<path>` or `strong:<path>`. The last is a folder in DESED's
            form, as `aed data scape` writes it, or its table of truth: recordings that teach when each event sounds
            (several labels only); what its table names is absent elsewhere. See `aed.data.strong_folder`.
        label_map: Label map of the source; a name or a YAML file. Without one, a known data set has its own, a
            `strong:` folder may hold a `labels.yaml`, and the labels of other sources are names of concepts.
        labelled_sources: Further known data sets whose labels teach too, each by its own label map; `made` is one of
            sounds made by formula. `strong:<path>` may stand here too.
        strong_share: Share of each batch's labelled clips that are pieces of strongly labelled recordings; by default
            as large as their share of the clips.
        teaching_sources: Known data sets that are never held out and teach what their labels say of the tree that the
            other sources make: a leaf, or only a supercategory. Clips whose labels say nothing of it, or name several
            branches, are left out (single label only).
        teaching_share: Share of each batch's labelled clips that are of these.
        unlisted: `absent`: what a clip's labels do not name counts as absent in all sources, unless it is related to
            what they name. Without it each label map decides; see `LabelMap.unlisted`.
        folds: `official`, `none` (train on everything) or folds by content group.
        labels_percent: Share of the training clips whose labels are used; below 100, a budget file says which.
        labels: Name of another label budget, such as `4perclass` (`aed data budget`); excludes `labels_percent`.
        label_draw: Which of the budget's draws.
        coarse: Further labels, which name only a supercategory; none where absent (single label only).
        leave_out: Leaves that training never hears; none where absent (single label only).
        inner: Hold out a part of the labelled training clips instead of the test fold.
        test_sources: Known data sets that are held out as a whole in every fold and never teach.
        unlabelled_sources: Further sources whose clips teach by consistency only.
        clip_seconds: Length of a training clip.
    """

    source: str
    label_map: str | None = None
    labelled_sources: tuple[str, ...] | None = None
    strong_share: float | None = Field(None, gt=0, lt=1)
    teaching_sources: tuple[str, ...] | None = None
    teaching_share: float | None = Field(None, gt=0, lt=1)
    unlisted: Literal["absent"] | None = None
    folds: Literal["official", "none"] | GroupFolds = "official"
    labels_percent: int = Field(100, ge=1, le=100)
    labels: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    label_draw: int = Field(1, ge=1)
    coarse: CoarseLabels | None = None
    leave_out: LeaveOut | None = None
    inner: InnerPart | None = None
    test_sources: tuple[str, ...] | None = None
    unlabelled_sources: tuple[str, ...] = ()
    clip_seconds: float = Field(5.0, ge=SHORTEST_CLIP_SECONDS, le=LONGEST_CLIP_SECONDS)

    @pydantic.model_validator(mode="after")
    def _one_budget(self) -> DataConfig:
        if self.labels is not None and self.labels_percent < 100:
            raise ValueError("data.labels and data.labels_percent exclude each other: remove one")
        return self

    @pydantic.model_validator(mode="after")
    def _share_of_something(self) -> DataConfig:
        if self.strong_share is not None and len(self.strong_sources) in (0, len(self.every_labelled_source)):
            raise ValueError(
                "data.strong_share is for a recipe with strong:<path> beside another labelled source: remove it, or "
                "add the missing one"
            )
        if self.strong_sources and self.label_budget:
            raise ValueError(
                f"the label budget {self.label_budget} is for clips' labels, but {self.strong_sources[0]} is strongly "
                "labelled: remove one"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _teaching_share_of_something(self) -> DataConfig:
        if bool(self.teaching_sources) != (self.teaching_share is not None):
            raise ValueError("data.teaching_sources and data.teaching_share belong together: give both or none")
        return self

    @property
    def every_labelled_source(self) -> tuple[str, ...]:
        """The source and the further labelled ones."""
        return (self.source, *(self.labelled_sources or ()))

    @property
    def strong_sources(self) -> tuple[str, ...]:
        """Those whose labels say when."""
        return tuple(filter(is_strong, self.every_labelled_source))

    @property
    def every_judged_source(self) -> tuple[str, ...]:
        """Those whose labels are read: to learn from, or to be tested on."""
        return (*self.every_labelled_source, *(self.test_sources or ()))

    @property
    def label_budget(self) -> str | None:
        """Name of the label budget; None where all labels are used."""
        return self.labels or (f"{self.labels_percent}percent" if self.labels_percent < 100 else None)
