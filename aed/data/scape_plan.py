"""Where in which scene each piece of audio goes: a plan without any audio.

Our own and not `scaper` or its fork `dscaper`: these loop a background that is too short and draw events anew for every
scene, so that nobody could say how many minutes were heard once only, and they need sox, jams and a web server.

A test part uses every stretch of a clip at most once: backgrounds are laid end to end, what a scene has no room for
begins the next one; of each concept one stretch of every content group comes first, then second stretches.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aed.data.isolated_events import Stretch
from aed.data.scape_config import TRAIN_SCENES, ScapeConfig
from aed.data.scape_sources import ScapeClip
from aed.errors import DataError
from aed.timebase import samples_from_seconds

JOIN_SECONDS = 0.1
"""Two backgrounds fade over into each other for this long."""
SHORTEST_SCENE_SECONDS = 2.0
"""What is left of the backgrounds makes a last, shorter scene of its own if it is so long."""
_TRIES = 30
"""Places that are drawn for an event before it waits for the next scene."""
_EMPTY_SCENES = 20
"""Scenes in a row without room for any event after which the rest of the events is given up."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a clip; of noise by formula where there is no clip."""

    source: ScapeClip | None
    stretch: Stretch

    @property
    def samples(self) -> int:
        """Its length."""
        return self.stretch.samples


@dataclass(frozen=True)
class PlacedPiece:
    """A piece in a scene.

    Attributes:
        piece: The piece.
        at_samples: Where in the scene it begins.
    """

    piece: Piece
    at_samples: int

    @property
    def end_samples(self) -> int:
        """Where in the scene it is over."""
        return self.at_samples + self.piece.samples

    @property
    def concept(self) -> str | None:
        """Id of what it is."""
        return None if self.piece.source is None else self.piece.source.concept


@dataclass(frozen=True)
class ScenePlan:
    """One scene.

    Attributes:
        number: From 1.
        samples: Length.
        background_dbfs: Level of the background, root mean square.
        backgrounds: End to end, each fading over into the next for `JOIN_SECONDS`.
        events: By onset.
    """

    number: int
    samples: int
    background_dbfs: float
    backgrounds: tuple[PlacedPiece, ...]
    events: tuple[PlacedPiece, ...]


def plan_scenes(config: ScapeConfig, events: Sequence[Piece], backgrounds: Sequence[Piece]) -> tuple[ScenePlan, ...]:
    """Plan all scenes of a part.

    Args:
        config: Settings.
        events: Stretches of events; longer than half a scene is cut.
        backgrounds: Backgrounds; none for noise by formula.

    Raises:
        DataError: Nothing says how many scenes there are to be.
    """
    generator = np.random.default_rng([config.seed, config.fold, config.part == "test"])
    refills = config.part == "train"
    longest = samples_from_seconds(config.seconds, config.rate_hz) // 2
    event_pool = _EventPool([_at_most(piece, longest) for piece in events], generator, refills)
    background_pool = _BackgroundPool(backgrounds, generator, refills, join_samples(config)) if backgrounds else None
    wanted = config.scenes or (TRAIN_SCENES if refills else None)
    if wanted is None and background_pool is None and config.events_per_minute == 0:
        raise DataError("a test part of noise without events has no end: say how many scenes with --scenes")
    plans: list[ScenePlan] = []
    empty = 0
    while wanted is None or len(plans) < wanted:
        if wanted is None and background_pool is None and (not event_pool or empty >= _EMPTY_SCENES):
            break
        laid, samples = _lay(config, background_pool)
        if not laid:
            break
        placed = _place(config, event_pool, samples, generator)
        empty = 0 if placed else empty + 1
        level = float(generator.uniform(*config.background_dbfs))
        plans.append(ScenePlan(len(plans) + 1, samples, level, laid, placed))
    return tuple(plans)


def join_samples(config: ScapeConfig) -> int:
    """How long two backgrounds fade over into each other."""
    return samples_from_seconds(JOIN_SECONDS, config.rate_hz)


def _at_most(piece: Piece, longest: int) -> Piece:
    start = piece.stretch.start_samples
    return replace(piece, stretch=Stretch(start, min(piece.stretch.stop_samples, start + longest)))


def _lay(config: ScapeConfig, pool: _BackgroundPool | None) -> tuple[tuple[PlacedPiece, ...], int]:
    """Return the backgrounds of a scene and its length; none where too little is left."""
    samples, join = samples_from_seconds(config.seconds, config.rate_hz), join_samples(config)
    if pool is None:
        return (PlacedPiece(Piece(None, Stretch(0, samples)), 0),), samples
    laid: list[PlacedPiece] = []
    end = 0
    while end < samples:
        at = max(0, end - join)
        piece = pool.take(samples - at)
        if piece is None:
            break
        laid.append(PlacedPiece(piece, at))
        end = laid[-1].end_samples
    enough = end >= min(samples, samples_from_seconds(SHORTEST_SCENE_SECONDS, config.rate_hz))
    return (tuple(laid), end) if enough else ((), 0)


def _place(
    config: ScapeConfig, pool: _EventPool, samples: int, generator: np.random.Generator
) -> tuple[PlacedPiece, ...]:
    """Draw how many events a scene has, which, and where; one for which no place is found goes back."""
    expected = config.events_per_minute * samples / (60.0 * config.rate_hz)
    placed: list[PlacedPiece] = []
    for _ in range(int(generator.poisson(expected))):
        piece = pool.take()
        if piece is None:
            break
        where = next(_places(piece, config, samples, placed, generator), None)
        if where is None:
            pool.put_back(piece)
        else:
            placed.append(where)
    return tuple(sorted(placed, key=lambda each: each.at_samples))


def _places(
    piece: Piece, config: ScapeConfig, samples: int, placed: Sequence[PlacedPiece], generator: np.random.Generator
) -> Iterator[PlacedPiece]:
    if piece.samples > samples:
        return
    for at in generator.integers(samples - piece.samples + 1, size=_TRIES):
        candidate = PlacedPiece(piece, int(at))
        if _fits(candidate, placed, config):
            yield candidate


def _fits(candidate: PlacedPiece, placed: Iterable[PlacedPiece], config: ScapeConfig) -> bool:
    gap = samples_from_seconds(config.gap_seconds, config.rate_hz)
    over = []
    for other in placed:
        apart = max(other.at_samples - candidate.end_samples, candidate.at_samples - other.end_samples)
        if other.concept == candidate.concept and apart < max(gap, 1):
            return False
        if apart < 0:
            over.append(other)
    moments = [candidate.at_samples, *(other.at_samples for other in over if other.at_samples > candidate.at_samples)]
    busiest = max(sum(other.at_samples <= moment < other.end_samples for other in over) for moment in moments)
    return busiest < config.overlap


class _BackgroundPool:
    """Backgrounds in random order, each part of each once, or again and again.

    Args:
        pieces: The backgrounds.
        generator: Draws the order.
        refills: Whether to begin again when all are used.
        join: Length of a fade between two; a piece that is shorter than two of these cannot be laid.
    """

    def __init__(self, pieces: Sequence[Piece], generator: np.random.Generator, refills: bool, join: int) -> None:
        self._pieces = [piece for piece in pieces if piece.samples > 2 * join]
        self._generator, self._refills, self._join = generator, refills, join
        self._waiting: deque[Piece] = deque()
        self._fill()

    def take(self, most_samples: int) -> Piece | None:
        """Return the beginning of the next piece; the rest of it waits. None where nothing is left."""
        if not self._waiting and self._refills:
            self._fill()
        if not self._waiting:
            return None
        piece = self._waiting.popleft()
        taken = _at_most(piece, most_samples)
        rest = replace(piece, stretch=Stretch(taken.stretch.stop_samples, piece.stretch.stop_samples))
        if rest.samples > 2 * self._join:
            self._waiting.appendleft(rest)
        return taken

    def _fill(self) -> None:
        self._waiting.extend(self._pieces[place] for place in self._generator.permutation(len(self._pieces)))


class _EventPool:
    """Events by concept: all concepts are equally likely, and of each the contents come in turn.

    Args:
        pieces: The events.
        generator: Draws the order.
        refills: Whether to begin again with a concept when all of it is used.
    """

    def __init__(self, pieces: Sequence[Piece], generator: np.random.Generator, refills: bool) -> None:
        self._generator, self._refills = generator, refills
        self._all: dict[str, list[Piece]] = defaultdict(list)
        for piece in pieces:
            assert piece.source is not None
            self._all[str(piece.source.concept)].append(piece)
        self._waiting = {concept: self._shuffled(concept) for concept in sorted(self._all)}

    def __bool__(self) -> bool:
        """Whether any event is left."""
        return any(self._waiting.values())

    def take(self) -> Piece | None:
        """Return an event of any concept of which one is left; None where none is."""
        concepts = [concept for concept, waiting in self._waiting.items() if waiting]
        if not concepts:
            return None
        concept = concepts[int(self._generator.integers(len(concepts)))]
        piece = self._waiting[concept].popleft()
        if not self._waiting[concept] and self._refills:
            self._waiting[concept] = self._shuffled(concept)
        return piece

    def put_back(self, piece: Piece) -> None:
        """Let an event wait for another scene."""
        assert piece.source is not None
        self._waiting[str(piece.source.concept)].appendleft(piece)

    def _shuffled(self, concept: str) -> deque[Piece]:
        """One piece of every content group in random order, then a second one of every group, and so on."""
        of_concept, turn = self._all[concept], defaultdict[str, int](int)
        keyed = []
        for order, place in enumerate(self._generator.permutation(len(of_concept))):
            piece = of_concept[place]
            assert piece.source is not None
            keyed.append((turn[piece.source.clip.group], order, piece))
            turn[piece.source.clip.group] += 1
        return deque(piece for *_, piece in sorted(keyed, key=lambda each: each[:2]))
