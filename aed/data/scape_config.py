"""What the scenes of a soundscape are made of: one frozen settings class."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aed.data.isolated_events import ActivityConfig
from aed.settings import Settings

Part = Literal["train", "test"]

INNER_PARTS = 5
"""Parts of a training side where one of them is held out, as many as a recipe's `data.inner` makes."""
TRAIN_SCENES = 100
"""Scenes of a training part where nobody says how many."""


class ScapeConfig(Settings):
    """Settings of `aed data scape`.

    The signal-to-noise ratio of an event is the root mean square of its active stretch over that of the background in
    the same stretch of the scene (other events do not count), in dB. Where the background is quieter there than
    `QUIETEST_UNDER_DB` under its level in the scene, such as between two ticks of a clock, that counts in its place.

    Attributes:
        sources: Where events come from: SOURCE, or SOURCE@LABEL,LABEL for some of its labels.
        backgrounds: Where backgrounds come from, written likewise; none for noise by formula.
        label_map: What the labels of `folder:` and `csv:` sources mean; they name concepts by default.
        part: Scenes of the folds that train, or of the fold that tests. In a test part no stretch of audio is used
            twice, and of recordings that share content one alone; a training part begins again when all is used.
        fold: The fold that tests, from 1.
        inner: Cut the training side once more, and let this part take the place of the fold that tests: to tune on, as
            with a recipe's `data.inner: {part: INNER}`. The fold itself is in neither part then.
        folds: How many folds the content groups are dealt to.
        official_folds: Take the folds of clips that have official ones from there; the others are dealt.
        recipe: Name and hash of the recipe whose held-out clips are the test part, in place of all these.
        seed: Decides the folds between equals, and everything that is drawn.
        scenes: How many; None: in a test part as many as it takes to use all audio once, else `TRAIN_SCENES`.
        seconds: Length of a scene; the last one of a test part is perhaps shorter.
        snr_db: Every scene is made once at each of these ratios, with the same background and the same events.
        events_per_minute: Expected number of events; each scene draws its own (Poisson).
        overlap: Most events that sound at once.
        gap_seconds: Least time between two events of one concept, so that they are two.
        background_dbfs: Level of a scene's background, root mean square, drawn evenly from here.
        rate_hz: Sample rate of the scenes.
        activity: Where in a clip its sound is.
    """

    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    backgrounds: tuple[str, ...] = ()
    label_map: str | None = None
    part: Part = "test"
    fold: int = Field(default=1, ge=1)
    inner: int | None = Field(default=None, ge=1, le=INNER_PARTS)
    folds: int = Field(default=5, ge=2)
    official_folds: bool = False
    recipe: str | None = None
    seed: int = Field(default=1, ge=0)
    scenes: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=60.0, ge=2.0, le=3600.0)
    snr_db: Annotated[tuple[float, ...], Field(min_length=1)] = (20.0, 10.0, 0.0)
    events_per_minute: float = Field(default=4.0, ge=0, le=600.0)
    overlap: int = Field(default=2, ge=1)
    gap_seconds: float = Field(default=1.0, ge=0)
    background_dbfs: tuple[float, float] = (-50.0, -35.0)
    rate_hz: int = Field(default=16_000, ge=1_000, le=192_000)
    activity: ActivityConfig = ActivityConfig()

    @model_validator(mode="after")
    def _consistent(self) -> ScapeConfig:
        if self.fold > self.folds:
            raise ValueError(f"fold {self.fold}: expected 1 to {self.folds}, the number of folds")
        if len(set(self.snr_db)) != len(self.snr_db):
            raise ValueError(f"snr_db holds a ratio twice: {self.snr_db}")
        if not self.background_dbfs[0] <= self.background_dbfs[1] <= 0:
            raise ValueError(
                f"background_dbfs: expected a lower and a higher level, at most 0, got {self.background_dbfs}"
            )
        return self
