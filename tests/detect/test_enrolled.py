"""Sounds enrolled from a few clips: found again, and nothing else with them; live equals file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed.api import LoadedModel
from aed.detect.detector import Detector
from aed.detect.enrolled import (
    HEARD_SECONDS,
    BackgroundSum,
    Prototypes,
    probability,
    release_below,
    running_mean,
)
from aed.detect.enrolled_files import (
    EnrolledSound,
    check_name,
    enrolled_folder,
    file_stem,
    numbers_digest,
    pack,
    read_enrolled,
    write_enrolled,
)
from aed.detect.enrolled_tree import EnrolledLeaf, EnrolledScorer, tree_with
from aed.detect.enrolment import Enrolment, enroll, threshold_place
from aed.detect.promise import most_per_hour
from aed.errors import ConfigError, DataError, ModelError, OntologyError
from aed.scorer.embedding import as_embedding_scorer
from aed.timebase import rows_from_seconds
from tests.fake_embedder import OURS, small_embedder
from tests.fake_scorer import LAYOUT, scene, small_scorer

Enrolled = tuple[EnrolledSound, Prototypes]


def write(path: Path, *parts: tuple[int, float]) -> Path:
    soundfile.write(path, scene(*parts), LAYOUT.rate_hz, subtype="FLOAT")
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model"


def enrolled(tmp_path: Path, model: Path, under: str = "Glass", task: str = "multi") -> Enrolled:
    clips = tuple(write(tmp_path / f"ring{n}.wav", (0, 0.3), (OURS, 1.0 + n / 10), (0, 0.3)) for n in range(3))
    against = tuple(
        write(tmp_path / f"quiet{n}.wav", (0, 5.0), (1, 2.0), (0, 3.0), (4, 1.5), (2, 2.0), (3, 1.0)) for n in range(2)
    )
    return enroll(small_embedder(task), model, Enrolment("our bell", under, clips, against))


@pytest.mark.parametrize("task", ["single", "multi"])
def test_an_enrolled_sound_is_found_and_nothing_else_is_lost(tmp_path: Path, model: Path, task: str) -> None:
    sound, prototypes = enrolled(tmp_path, model, task=task)
    assert (sound.false_alarms, sound.heard_again) == (0, 3)
    assert sound.most_per_hour == pytest.approx(3.0 / sound.hours, rel=0.01)
    loaded = LoadedModel(small_embedder(task), enrolled=[(sound, prototypes)])
    events = loaded.detect(scene((0, 2.0), (1, 1.5), (0, 2.0), (OURS, 1.5), (0, 2.0), (4, 1.5), (0, 1.0)), 1000)
    assert [event.path for event in events] == [("Animal", "Dog"), ("Glass", "our bell"), ("Glass",)], (
        f"{sound.threshold}"
    )
    ours = events[1]
    assert ours.onset_seconds == pytest.approx(5.5, abs=0.3)
    assert ours.offset_seconds == pytest.approx(7.0, abs=0.3)
    assert ours.node_id == "enrolled:our-bell"


def test_any_chunking_gives_the_same_bits(tmp_path: Path, model: Path) -> None:
    sound, prototypes = enrolled(tmp_path, model)
    loaded = LoadedModel(small_embedder("multi"), enrolled=[(sound, prototypes)])
    samples = scene((0, 1.0), (OURS, 1.2), (3, 0.7), (OURS, 2.0), (0, 1.1))

    def rows(step: int) -> np.ndarray:
        seen: list[np.ndarray] = []
        detector = Detector(loaded.scorer, loaded.detector_config, on_rows=seen.append)
        for start in range(0, len(samples), step):
            detector.push(samples[start : start + step])
        detector.flush()
        return np.concatenate(seen)

    whole = rows(len(samples))
    assert all(np.array_equal(rows(step), whole) for step in (37, 400, 999))


@pytest.mark.parametrize("task", ["single", "multi"])
def test_the_larger_tree_keeps_the_laws_of_probability(tmp_path: Path, model: Path, task: str) -> None:
    sound, prototypes = enrolled(tmp_path, model, "Animal", task)
    scorer = EnrolledScorer(small_embedder(task), [sound.leaf(prototypes)])
    rng = np.random.default_rng(0)
    p = np.exp(scorer.score_blocks(rng.uniform(0, 0.055, (5, LAYOUT.block_samples)).astype(np.float32)))
    parents = scorer.taxonomy.parents
    assert (p[..., 1:] <= p[..., parents[1:]] + 1e-6).all()
    if task == "single":
        for node in range(scorer.taxonomy.num_nodes):
            if children := list(scorer.taxonomy.children(node)):
                np.testing.assert_allclose(p[..., children].sum(-1), p[..., node], atol=1e-5)
    alone = np.exp(small_embedder(task).score_blocks(np.zeros((1, LAYOUT.block_samples), dtype=np.float32)))
    added = np.exp(scorer.score_blocks(np.zeros((1, LAYOUT.block_samples), dtype=np.float32)))
    known = [scorer.taxonomy.index(node.id) for node in small_embedder(task).taxonomy.nodes]
    np.testing.assert_allclose(added[..., known], alone, atol=0.02)  # in silence nothing changes


def test_a_leaf_is_put_behind_the_children_of_its_node() -> None:
    taxonomy = small_embedder("multi").taxonomy
    prototypes = Prototypes.of(_background(), np.eye(6, dtype=np.float32), [])
    leaf = EnrolledLeaf("enrolled:x", "x", "a", prototypes, 0.5)
    tree = tree_with(taxonomy, [leaf, EnrolledLeaf("enrolled:y", "y", "s", prototypes, 0.5)])
    assert [node.name for node in tree.nodes] == ["Sound", "Animal", "Glass", "y", "Dog", "Cat", "x"]
    assert tree.path_names(tree.find("x")) == ("Animal", "x")
    with pytest.raises(ConfigError, match="a node called 'Dog' already"):
        tree_with(taxonomy, [EnrolledLeaf("enrolled:dog", "Dog", "a", prototypes, 0.5)])
    with pytest.raises(OntologyError, match="no node with the id 'nowhere'"):
        tree_with(taxonomy, [EnrolledLeaf("enrolled:z", "z", "nowhere", prototypes, 0.5)])
    with pytest.raises(ConfigError, match="which is never an answer"):
        tree_with(small_embedder().taxonomy, [EnrolledLeaf("enrolled:z", "z", "aed:none", prototypes, 0.5)])


def _background() -> object:
    collected = BackgroundSum(6)
    collected.add(np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32))
    return collected.background()


def test_whitening_makes_the_background_round() -> None:
    rng = np.random.default_rng(1)
    rows = (rng.standard_normal((4000, 3)) @ np.diag([10.0, 1.0, 3.0]) + 5).astype(np.float32)
    collected = BackgroundSum(3)
    for part in np.array_split(rows, 7):
        collected.add(part)
    background = collected.background()
    whitened = (rows - background.mean) @ background.whitener
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(3), atol=0.35)  # shrinkage widens the thinnest direction
    with pytest.raises(DataError, match="too short to compare with"):
        BackgroundSum(3).background()


def test_probability_is_a_half_at_the_threshold_and_releases_below_it() -> None:
    assert probability(np.float32(0.6), 0.6) == pytest.approx(0.5)
    assert probability(np.float32(release_below(0.6, 0.7)), 0.6) == pytest.approx(0.35, abs=1e-3)


def test_the_threshold_keeps_the_wish_on_average() -> None:
    counts = np.array([0, 0, 1, 2, 2, 5])
    assert threshold_place(counts, hours=3.5, wished_per_hour=1.0) == 4  # two in 3.5 hours: the third is the next one
    assert threshold_place(counts, hours=1.5, wished_per_hour=1.0) == 1
    assert threshold_place(counts, hours=0.1, wished_per_hour=1.0) == 1


def test_the_promise_is_the_exact_bound() -> None:
    from scipy.stats import chi2

    for count in (0, 1, 7, 40):
        assert most_per_hour(count, 2.0) == pytest.approx(chi2.ppf(0.95, 2 * count + 2) / 4.0, rel=1e-9)
    assert most_per_hour(0, 0.0) == np.inf


def test_without_other_recordings_nothing_is_promised(tmp_path: Path, model: Path) -> None:
    clip = write(tmp_path / "ring.wav", (0, 0.3), (OURS, 1.0), (0, 0.3))
    sound, _ = enroll(small_embedder(), model, Enrolment("our bell", "Glass", (clip,)))
    assert sound.false_alarms is sound.most_per_hour is sound.heard_again is None
    assert sound.hours == 0


def test_files_are_read_as_they_were_written_and_belong_to_their_weights(tmp_path: Path, model: Path) -> None:
    sound, prototypes = enrolled(tmp_path, model)
    folder = enrolled_folder(model)
    path = write_enrolled(folder, sound, pack(prototypes))
    ((again, numbers),) = read_enrolled(folder, sound.weights)
    assert again == sound
    assert np.array_equal(numbers.directions, prototypes.directions)
    with pytest.raises(ModelError, match="enrolled with the model"):
        read_enrolled(folder, "0" * 12)
    path.with_suffix(".npz").write_bytes(pack(prototypes)[:-100])
    with pytest.raises(ModelError, match="not those that it names"):
        read_enrolled(folder, sound.weights)
    broken = sound.with_changes(numbers=numbers_digest(b"no zip"))
    write_enrolled(folder, broken, b"no zip")
    with pytest.raises(ModelError, match="damaged"):
        read_enrolled(folder, sound.weights)


def test_names_become_safe_file_names() -> None:
    assert file_stem("Our doorbell!") == "our-doorbell"
    assert file_stem("Türklingel") == "türklingel"
    for wrong in ("", "a/b", "..", "<b>", "x" * 61):
        with pytest.raises(ConfigError, match="cannot be the name of a sound"):
            check_name(wrong)


def test_a_model_that_cannot_embed_says_so() -> None:
    with pytest.raises(ModelError, match=r"home\.onnx: this model does not give its embeddings"):
        as_embedding_scorer(small_scorer(), "home.onnx")


def test_a_model_of_one_file_keeps_sounds_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "home.onnx").write_bytes(b"graph")
    folder = enrolled_folder(tmp_path / "home.onnx")
    assert folder.parent == tmp_path / "aed" / "enrolled"
    assert len(folder.name) == 12


def test_a_row_is_averaged_over_what_was_heard_last_also_before_its_block(tmp_path: Path, model: Path) -> None:
    sound, prototypes = enrolled(tmp_path, model)
    loaded = LoadedModel(small_embedder("multi"), enrolled=[(sound, prototypes)])
    assert isinstance(loaded.scorer, EnrolledScorer)
    blocks = np.random.default_rng(0).uniform(0, 0.055, (4, LAYOUT.block_samples)).astype(np.float32)
    place = loaded.taxonomy.index(sound.id)
    heard = np.exp(loaded.scorer.open_stream().score_blocks(blocks)[..., place]).ravel()
    likeness = prototypes.similarity(small_embedder("multi").score_and_embed(blocks)[1].reshape(-1, 6))
    rows = max(1, rows_from_seconds(HEARD_SECONDS, LAYOUT.row_seconds))
    slowly = [likeness[max(0, row + 1 - rows) : row + 1].mean() for row in range(len(likeness))]
    np.testing.assert_allclose(heard, probability(np.array(slowly, dtype=np.float32), sound.threshold), rtol=1e-4)


def test_a_model_of_short_rows_hears_more_than_one() -> None:
    mean = running_mean(0.08)
    np.testing.assert_allclose(
        mean.push(np.eye(1, 8, dtype=np.float32).T)[:, 0], [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 0, 0, 0]
    )
