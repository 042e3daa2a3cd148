"""What a folder of scenes is worth as evidence: how much of it is real, heard once, and from how many sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aed.data.scape_config import ScapeConfig
from aed.data.scape_plan import Piece, ScenePlan
from aed.data.scape_sources import ScapeClip, ScapeClips
from aed.data.waveforms import WaveformStore
from aed.timebase import seconds_from_samples


@dataclass(frozen=True)
class LabelSummary:
    """What a part holds of one concept.

    Attributes:
        label: Its name.
        events: Events at each ratio.
        clips: Clips that they come from.
        sources: Content groups that they come from: distinct sources.
        sources_in_part: Content groups that this side of the fold has of it.
        unchecked_minutes: Minutes of background at each ratio that nobody has checked for it.
    """

    label: str
    events: int
    clips: int
    sources: int
    sources_in_part: int
    unchecked_minutes: float


@dataclass(frozen=True)
class ScapeSummary:
    """What a folder of scenes is worth as evidence.

    Attributes:
        scenes: Scenes at each ratio.
        files: Recordings, at all ratios.
        minutes: Minutes of scenes at each ratio.
        background_minutes: Minutes of real background that are heard in them at each ratio, each once.
        repeated_minutes: Minutes of real background that were heard before at the same ratio.
        noise_minutes: Minutes over noise by formula instead.
        unused_background_minutes: What is left of this part's backgrounds.
        unused_events: Stretches of events that are left.
        labels: What there is of each concept.
        left_out: Clips with several labels or without a concept, by source.
        skipped: Clip id -> why it could not be read.
    """

    scenes: int
    files: int
    minutes: float
    background_minutes: float
    repeated_minutes: float
    noise_minutes: float
    unused_background_minutes: float
    unused_events: int
    labels: tuple[LabelSummary, ...]
    left_out: dict[str, int]
    skipped: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)


def summarise(
    config: ScapeConfig,
    clips: ScapeClips,
    plans: Sequence[ScenePlan],
    events: Sequence[Piece],
    backgrounds: Sequence[Piece],
    store: WaveformStore,
) -> ScapeSummary:
    """Sum up the plan of a folder of scenes.

    Args:
        config: Its settings.
        clips: The clips of this side of the fold.
        plans: The scenes.
        events: All stretches of events that there are.
        backgrounds: All backgrounds that there are.
        store: Knows which clips could not be read.
    """

    def minutes(samples: int) -> float:
        return round(seconds_from_samples(samples, config.rate_hz) / 60, 3)

    laid = [placed for plan in plans for placed in plan.backgrounds]
    real = [placed.piece for placed in laid if placed.piece.source is not None]
    once = _unique_samples(real)
    used = {piece for plan in plans for piece in (placed.piece for placed in plan.events)}
    return ScapeSummary(
        scenes=len(plans),
        files=len(plans) * len(config.snr_db),
        minutes=minutes(sum(plan.samples for plan in plans)),
        background_minutes=minutes(once),
        repeated_minutes=minutes(sum(piece.samples for piece in real) - once),
        noise_minutes=minutes(sum(placed.piece.samples for placed in laid if placed.piece.source is None)),
        unused_background_minutes=minutes(max(0, sum(piece.samples for piece in backgrounds) - once)),
        unused_events=len({_beginning(piece) for piece in events} - {_beginning(piece) for piece in used}),
        labels=_label_summaries(clips, plans, minutes),
        left_out={source: count for source, count in clips.left_out.items() if count},
        skipped=dict(store.skipped),
    )


def _label_summaries(clips: ScapeClips, plans: Sequence[ScenePlan], minutes: Any) -> tuple[LabelSummary, ...]:
    in_part: dict[str, set[str]] = defaultdict(set)
    for each in clips.events:
        in_part[str(each.name)].add(each.clip.group)
    placed: dict[str, list[ScapeClip]] = defaultdict(list)
    for event in (event for plan in plans for event in plan.events):
        assert event.piece.source is not None
        placed[str(event.piece.source.name)].append(event.piece.source)
    unchecked: dict[str, int] = defaultdict(int)
    for background in (background for plan in plans for background in plan.backgrounds):
        for name in clips.unchecked_in(background.piece.source):
            unchecked[name] += background.piece.samples
    return tuple(
        LabelSummary(
            label=name,
            events=len(placed[name]),
            clips=len({each.clip.clip_id for each in placed[name]}),
            sources=len({each.clip.group for each in placed[name]}),
            sources_in_part=len(in_part[name]),
            unchecked_minutes=minutes(unchecked[name]),
        )
        for name in sorted(in_part)
    )


def _beginning(piece: Piece) -> tuple[str, int]:
    assert piece.source is not None
    return piece.source.clip.clip_id, piece.stretch.start_samples


def _unique_samples(pieces: Iterable[Piece]) -> int:
    """Samples of clips that are in at least one piece."""
    by_clip: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for piece in pieces:
        assert piece.source is not None
        by_clip[piece.source.clip.clip_id].append((piece.stretch.start_samples, piece.stretch.stop_samples))
    total = 0
    for spans in by_clip.values():
        reached = 0
        for start, stop in sorted(spans):
            total += max(0, stop - max(start, reached))
            reached = max(reached, stop)
    return total
