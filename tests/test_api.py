from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import aed
from aed.api import LoadedModel
from aed.audio.synth import SOUNDS
from aed.detect.detector import DetectorConfig
from aed.detect.thresholds import FORMER_SHORTEST_EVENT_SECONDS
from aed.errors import AudioError, ConfigError, MissingExtraError
from aed.resources import DEFAULT_MODEL, shipped_models
from tests.fake_scorer import LAYOUT, FakeScorer, scene, small_scorer, small_taxonomy


@pytest.fixture
def model() -> LoadedModel:
    return LoadedModel(small_scorer())


def written(folder: Path, samples: np.ndarray, name: str = "a.wav", rate_hz: int = LAYOUT.rate_hz) -> Path:
    soundfile.write(folder / name, samples, rate_hz, subtype="FLOAT")
    return folder / name


def test_importing_the_package_loads_nothing_heavy_and_its_names_come_when_used() -> None:
    program = (
        "import sys, aed; heavy = {'numpy', 'torch', 'pydantic', 'aed.api'}; assert not heavy & set(sys.modules);"
        "assert set(aed.__all__) <= set(dir(aed)); aed.load;"
        "assert 'numpy' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_offered_name_is_there_and_others_are_not() -> None:
    for name in aed.__all__:
        assert getattr(aed, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        aed.lod  # type: ignore[attr-defined]  # noqa: B018


def test_predicts_a_file_and_its_samples_alike(model: LoadedModel, tmp_path: Path) -> None:
    samples = scene((1, 2.0))
    prediction = model.predict(written(tmp_path, samples))
    assert [answer.name for answer in prediction.answers] == ["Dog"]
    assert [node.name for node in prediction.path] == ["Sound", "Animal", "Dog"]
    assert prediction.path[0].probability == pytest.approx(1)
    assert prediction.top_leaves[0].name == "Dog"
    assert len(prediction.top_leaves) == 4
    again = model.predict(samples, LAYOUT.rate_hz)
    np.testing.assert_array_equal(again.probabilities, prediction.probabilities)


def test_an_unsure_answer_is_the_supercategory_and_none_is_no_answer(model: LoadedModel) -> None:
    unsure = model.predict(scene((3, 1.0)), LAYOUT.rate_hz)
    assert [answer.path for answer in unsure.answers] == [("Animal",)]
    surer = model.predict(scene((3, 1.0)), LAYOUT.rate_hz, min_probability=0.4)
    assert [answer.name for answer in surer.answers] in (["Dog"], ["Cat"])
    nothing = model.predict(scene((0, 1.0)), LAYOUT.rate_hz)
    assert nothing.answers == ()
    assert "nothing that the model knows" in str(nothing)


def test_a_multi_label_model_may_answer_twice() -> None:
    table = np.array([[1.0, 0.9, 0.8, 0.85, 0.1]])
    prediction = LoadedModel(FakeScorer(small_taxonomy("multi"), table)).predict(np.zeros(500), 1000)
    assert {answer.name for answer in prediction.answers} == {"Dog", "Glass"}


def test_a_prediction_reads_well_and_is_json(model: LoadedModel) -> None:
    prediction = model.predict(scene((1, 1.0)), LAYOUT.rate_hz)
    assert str(prediction).splitlines()[0] == "Dog 0.94"
    assert "Sound 1.00 > Animal 0.96 > Dog 0.94" in str(prediction)
    data = json.loads(json.dumps(prediction.to_dict()))
    assert data["answers"] == [{"node_id": "d", "name": "Dog", "probability": 0.94, "path": ["Animal", "Dog"]}]


def test_samples_at_another_rate_are_resampled(model: LoadedModel) -> None:
    assert model.predict(scene((1, 2.0), rate_hz=8000), 8000).answers[0].name == "Dog"


def test_detects_in_files_and_samples(model: LoadedModel, tmp_path: Path) -> None:
    samples = scene((0, 1.0), (1, 1.0), (0, 2.0), (4, 1.0), (0, 1.0))
    events = model.detect(written(tmp_path, samples))
    assert [event.name for event in events] == ["Dog", "Glass"]
    assert model.detect(samples, LAYOUT.rate_hz) == events
    assert model.detect(samples, LAYOUT.rate_hz, config=DetectorConfig(min_probability=0.99)) == []


def test_mistakes_are_named(model: LoadedModel, tmp_path: Path) -> None:
    path = written(tmp_path, scene((1, 1.0)))
    with pytest.raises(ConfigError, match="samples need their rate"):
        model.predict(np.zeros(10))
    with pytest.raises(ConfigError, match="leave it out"):
        model.predict(path, 16_000)
    with pytest.raises(ConfigError, match=r"between 0 and 1, got 1\.5"):
        model.predict(path, min_probability=1.5)
    with pytest.raises(AudioError, match=r"got \(3, 2\)"):
        model.detect(np.zeros((3, 2)), 1000)
    with pytest.raises(AudioError, match=r"samples are int16: expected floats in \[-1, 1\]"):
        model.predict(np.zeros(10, np.int16), 1000)
    with pytest.raises(AudioError, match="no such file"):
        model.predict(tmp_path / "missing.wav")
    long = written(tmp_path, scene((0, 301.0)), "long.wav")
    for sound, rate_hz in ((long, None), (scene((0, 301.0)), 1000)):
        with pytest.raises(AudioError, match="301 s are too long for one answer"):
            model.predict(sound, rate_hz)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "aed.scorer.pytorch", None)
    with pytest.raises(MissingExtraError, match=r"aed\[train\]"):
        aed.load(tmp_path)


def test_loads_a_saved_model(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    from aed.model import ModelConfig, TreeModel

    TreeModel(ModelConfig(), small_taxonomy()).save(tmp_path / "model")
    model = aed.load(tmp_path / "model")
    assert model.taxonomy == small_taxonomy()
    assert len(model.predict(np.ones(1), 16_000).probabilities) == 6


def test_the_shipped_model_hears_what_matters_in_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By formula, in a scene: it learned from recordings alone."""
    (tmp_path / "home").mkdir()  # a folder of its name that is no model
    monkeypatch.chdir(tmp_path)
    model = aed.load()
    assert model.thresholds is not None
    assert model.detector_config.min_event_seconds == FORMER_SHORTEST_EVENT_SECONDS  # with which they were counted
    generator, pause = np.random.default_rng(2), np.zeros(16_000)
    sounds = [SOUNDS[name](16_000, generator) for name in ("siren", "crying_baby", "smoke_alarm", "dog_bark")]
    scene_of_all = np.concatenate([part for sound in sounds for part in (pause, 0.5 * sound, pause)]).astype(np.float32)
    heard = {name for event in model.detect(scene_of_all, 16_000) for name in event.path}
    assert {"Alarm", "Baby cry, infant cry", "Safety alarm", "Dog"} <= heard
    assert "Shatter" not in heard
    assert model.embed(scene_of_all, 16_000).shape[1] == 128


def test_a_shipped_model_bears_its_card_and_its_licence() -> None:
    for name, path in shipped_models().items():
        assert path.stem == name
        assert "Not a safety device" in (path.parent / "MODEL_CARD.md").read_text()
        assert "NonCommercial" in (path.parent / "LICENSE.md").read_text()
        assert path.stat().st_size < 6_000_000
    assert DEFAULT_MODEL in shipped_models()
