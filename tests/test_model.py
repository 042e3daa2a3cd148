from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor

from aed.encoder.cnn import CnnConfig
from aed.errors import ConfigError, ModelError, StorageError
from aed.model import ModelConfig, TreeModel, WindowConfig, pool_over_time
from aed.model_folder import hub_config
from aed.ontology.taxonomy import Node, Taxonomy
from aed.tree.registry import HeadConfig
from aed.tree.time_pooling import TimePoolingConfig, pool_decisions
from tests.random_taxonomy import random_taxonomy

FILES = ("config.json", "model.safetensors", "taxonomy.json")
SHORT_BLOCKS = WindowConfig(window_embeddings=6, row_embeddings=2, rows_per_block=5)


def taxonomy_of(seed: int, task: str = "single") -> Taxonomy:
    return random_taxonomy(np.random.default_rng(seed), task)


def made_model(config: ModelConfig | None = None, taxonomy_seed: int = 1, task: str = "single") -> TreeModel:
    """Untrained, in evaluation mode, with batch norms that are not the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TreeModel(config or ModelConfig(window=SHORT_BLOCKS), taxonomy_of(taxonomy_seed, task))
        with torch.no_grad():
            model.train().score_clips(0.1 * torch.randn(2, 16_000))
    return model.eval()


def noise(samples: int, batch: int = 1) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def model() -> TreeModel:
    return made_model()


@pytest.fixture
def folder(model: TreeModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("samples", [1, 1_279, 1_280, 1_281, 20_000])
def test_one_embedding_per_step_begun(model: TreeModel, samples: int) -> None:
    assert model.embedding_samples == 1_280
    embeddings = model.embed(noise(samples))
    assert embeddings.shape == (1, -(-samples // 1_280), model.encoder.dim)
    assert model.score_clips(noise(samples)).log_p.shape == (1, model.taxonomy.num_nodes)


EVERY_TIME = ModelConfig(
    encoder=CnnConfig(temporal_blocks=2),
    window=WindowConfig(window_embeddings=1, row_embeddings=1, rows_per_block=8),
    time_pooling=TimePoolingConfig(exponent=3),
)


def test_decisions_at_every_time() -> None:
    model = made_model(EVERY_TIME, task="multi")
    layout, samples = model.layout, noise(2 * 8 * 1_280)
    assert layout.row_samples == layout.window_samples == 1_280
    with torch.inference_mode():
        lead = layout.lead_samples
        read = torch.nn.functional.pad(samples, (lead, lead))
        blocks = [read[:, start : start + layout.block_samples] for start in (0, layout.advance_samples)]
        log_p = torch.cat([model.score_windows(block) for block in blocks], dim=1)
        ahead = torch.nn.functional.pad(samples, (5 * lead, 5 * lead))
        edge = 5 * lead // 1_280
        expected = model.head(model.embed(ahead)[:, edge : edge + 16]).log_p
        torch.testing.assert_close(log_p, expected, rtol=1e-3, atol=1e-4)
        clip = model.score_clips(samples)
        pooled = pool_decisions(model.head(model.embed(samples)), TimePoolingConfig(exponent=3))
        torch.testing.assert_close(clip.log_p, pooled.log_p)
        keep = torch.zeros(1, 2, 16, dtype=torch.bool)
        keep[0, 0], keep[0, 1, 4:9] = True, True
        both = model(model.frames(samples), keep).log_p[0]
        torch.testing.assert_close(both[0], clip.log_p[0])
        part = pool_decisions(model.head(model.embed(samples)[:, 4:9]), TimePoolingConfig(exponent=3))
        torch.testing.assert_close(both[1], part.log_p[0])
        over_time = model(model.frames(samples), over_time=True)
        torch.testing.assert_close(over_time.log_p, model.head(model.embed(samples)).log_p)


def test_decisions_at_every_time_are_for_several_labels() -> None:
    with pytest.raises(ConfigError, match="it would break the sums of a single-label tree"):
        TreeModel(EVERY_TIME, taxonomy_of(1))


def test_the_windows_of_a_block_are_those_of_the_recording(model: TreeModel) -> None:
    """At absolute positions: window by window, against one embedding of the whole recording."""
    layout = model.layout
    samples = noise(4 * layout.advance_samples + 2 * layout.lead_samples)
    with torch.inference_mode():
        # ahead of it, silence for the first block's context, far enough that the network's own edge is out of sight
        ahead = 2 * layout.lead_samples
        embeddings = model.embed(torch.nn.functional.pad(samples, (ahead, ahead)))[0]
        for block in range(4):
            start = block * layout.advance_samples - layout.lead_samples
            read = torch.nn.functional.pad(samples, (ahead, ahead))[:, ahead + start :][:, : layout.block_samples]
            log_p = model.score_windows(read)
            assert log_p.shape == (1, layout.rows_per_block, model.taxonomy.num_nodes)
            for row in range(layout.rows_per_block):
                centre = ahead + (block * layout.rows_per_block + row + 0.5) * layout.row_samples
                first = (centre - layout.window_samples / 2) / model.embedding_samples
                window = embeddings[int(first) : int(first) + model.config.window.window_embeddings]
                expected = model.head(pool_over_time(window[None])).log_p
                assert first == int(first)
                torch.testing.assert_close(log_p[:, row], expected, rtol=1e-4, atol=1e-4)


def test_a_row_sees_its_window_and_the_encoders_reach_and_no_more(model: TreeModel) -> None:
    layout, row = model.layout, 2
    samples = noise(layout.block_samples)
    centre = layout.lead_samples + (row + 0.5) * layout.row_samples
    reach = layout.window_samples // 2 + layout.lead_samples
    louder = samples.clone()
    louder[:, : int(centre) - reach] *= 10
    louder[:, int(centre) + reach :] *= 10
    with torch.inference_mode():
        before, after = model.score_windows(samples)[0], model.score_windows(louder)[0]
    torch.testing.assert_close(before[row], after[row])
    assert not torch.allclose(before[-1], after[-1])


def test_pooling_adds_the_mean_and_the_maximum() -> None:
    embeddings = torch.rand(2, 5, 3, generator=torch.Generator().manual_seed(0))
    expected = embeddings.mean(dim=1) + embeddings.max(dim=1).values
    torch.testing.assert_close(pool_over_time(embeddings), expected)
    torch.testing.assert_close(pool_over_time(embeddings, torch.ones(2, 5, dtype=torch.bool)), expected)
    keep = torch.tensor([False, True, True, False, False])
    torch.testing.assert_close(pool_over_time(embeddings, keep.expand(2, 5)), pool_over_time(embeddings[:, 1:3]))


def test_scores_of_chosen_windows_are_those_of_their_embeddings(model: TreeModel) -> None:
    frames = model.frames(noise(10 * model.embedding_samples, batch=2))
    keep = torch.zeros(2, 2, 10, dtype=torch.bool)
    keep[:, 0] = True
    keep[0, 1, 2:5] = keep[1, 1, 6:9] = True
    with torch.inference_mode():
        scores, clips, embeddings = model(frames, keep), model(frames), model.encoder(frames)
        torch.testing.assert_close(scores.log_p[:, 0], clips.log_p)
        window = model.head(pool_over_time(torch.stack([embeddings[0, 2:5], embeddings[1, 6:9]])))
    torch.testing.assert_close(scores.log_p[:, 1], window.log_p)


def test_scores_are_float32_under_bf16(model: TreeModel) -> None:
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        scores = model.score_clips(noise(16_000))
    assert scores.log_p.dtype == scores.log_not_p.dtype == torch.float32


@pytest.mark.parametrize("task", ["single", "multi"])
@pytest.mark.parametrize("head", ["tree", "flat"])
def test_saved_and_loaded_is_the_same_to_the_bit(tmp_path: Path, head: str, task: str) -> None:
    config = ModelConfig(head=HeadConfig(name=head), window=SHORT_BLOCKS)
    model = made_model(config, task=task)
    model.save(tmp_path)
    loaded = TreeModel.load(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert (loaded.config, loaded.taxonomy, loaded.training) == (model.config, model.taxonomy, False)
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    with torch.inference_mode():
        assert torch.equal(loaded.score_clips(noise(16_000)).log_p, model.score_clips(noise(16_000)).log_p)


def test_saving_twice_gives_the_same_bytes_and_replaces(model: TreeModel, folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in FILES}
    made_model(taxonomy_seed=2).save(folder)
    assert TreeModel.load(folder).taxonomy == taxonomy_of(2)
    model.save(folder)
    assert {name: (folder / name).read_bytes() for name in FILES} == before


def test_a_full_disk_while_saving_leaves_the_former_model_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {name: (folder / name).read_bytes() for name in FILES}
    other = made_model(taxonomy_seed=2)
    with monkeypatch.context() as patch, pytest.raises(StorageError, match="no space left"):
        patch.setattr("aed.model_folder.Path.write_bytes", full)
        other.save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_kill_while_moving_leaves_no_model_rather_than_a_mixture(
    folder: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, replace = [None] * moves, Path.replace

    def killed_after(source: Path, target: Path) -> Path:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return replace(source, target)

    other = made_model(taxonomy_seed=2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("aed.storage.Path.replace", killed_after)
        other.save(folder)
    with pytest.raises(ModelError, match=r"not a model folder: config\.json is missing"):
        TreeModel.load(folder)


def test_saving_where_a_file_stands_is_a_storage_error(model: TreeModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="file"):
        model.save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def resave_weights(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    """Other weights under the right taxonomy."""
    path = folder / "model.safetensors"
    weights = safetensors.torch.load(path.read_bytes())
    change(weights)
    digest = json.loads((folder / "config.json").read_text())["taxonomy_digest"]
    path.write_bytes(safetensors.torch.save(weights, {"taxonomy_digest": digest}))


def foreign(folder: Path, name: str) -> None:
    """One file of a model with another tree."""
    other = folder.parent / "other"
    made_model(taxonomy_seed=2).save(other)
    (folder / name).write_bytes((other / name).read_bytes())


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "not a model folder: config.json is missing"),
    "no taxonomy": (lambda folder: (folder / "taxonomy.json").unlink(), "taxonomy.json is missing"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
    "cut config": (lambda folder: cut(folder / "config.json"), "config.json: cannot be read as JSON"),
    "cut taxonomy": (lambda folder: cut(folder / "taxonomy.json"), "taxonomy.json: cannot be read as JSON"),
    "cut weights": (lambda folder: cut(folder / "model.safetensors"), "model.safetensors: damaged or cut short"),
    "empty weights": (
        lambda folder: (folder / "model.safetensors").write_bytes(b""),
        "model.safetensors: damaged or cut short",
    ),
    "weights are a pickle": (
        lambda folder: torch.save({"head.decision.bias": torch.zeros(3)}, folder / "model.safetensors"),
        "model.safetensors: damaged or cut short",
    ),
    "config is a list": (lambda folder: (folder / "config.json").write_text("[1]"), "expected a JSON object, got list"),
    "config is binary": (
        lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe\x00"),
        "cannot be read as JSON",
    ),
    "taxonomy without nodes": (
        lambda folder: (folder / "taxonomy.json").write_text('{"version": 1}'),
        "damaged taxonomy",
    ),
    "newer format": (lambda folder: change_json(folder / "config.json", format="aed-model-9"), "aed-model-9"),
    "unknown setting": (lambda folder: change_json(folder / "config.json", colour=3), "colour"),
    "wrong setting": (lambda folder: change_json(folder / "config.json", encoder={"size": "huge"}), "encoder.size"),
    "foreign taxonomy": (lambda folder: foreign(folder, "taxonomy.json"), "different models"),
    "foreign weights": (lambda folder: foreign(folder, "model.safetensors"), "weights of taxonomy"),
    "other size": (
        lambda folder: change_json(folder / "config.json", encoder=CnnConfig(size="medium").model_dump()),
        "weights do not fit config.json, first at 'encoder",
    ),
    "a weight lacks": (
        lambda folder: resave_weights(folder, lambda weights: weights.pop("head.decision.bias")),
        "first at 'head.decision.bias'",
    ),
    "a weight too many": (
        lambda folder: resave_weights(folder, lambda weights: weights.update(extra=torch.zeros(2))),
        "first at 'extra'",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_gives_one_clear_line(folder: Path, damage: str) -> None:
    break_it, words = DAMAGES[damage]
    break_it(folder)
    with pytest.raises(ModelError) as caught:
        TreeModel.load(folder)
    message = str(caught.value)
    assert words in message
    assert str(folder) in message
    assert "\n" not in message
    assert len(message) < 500


@pytest.mark.parametrize("what", ["nowhere", "file"])
def test_what_is_no_folder_gives_one_clear_line(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ModelError, match="not a model folder"):
        TreeModel.load(tmp_path / what)


@pytest.mark.parametrize(("window", "row"), [(12, 3), (2, 4)])
def test_refuses_windows_that_cannot_be_centred(window: int, row: int) -> None:
    with pytest.raises(ValidationError, match="even number"):
        WindowConfig(window_embeddings=window, row_embeddings=row)


@pytest.mark.parametrize("task", ["single", "multi"])
def test_config_names_the_outputs_as_hubs_do(task: str, tmp_path: Path) -> None:
    model = made_model(ModelConfig(window=SHORT_BLOCKS), task=task)
    model.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["problem_type"] == f"{task}_label_classification"
    assert config["model_type"] == config["library_name"] == "aed"
    names = [node.name for node in model.taxonomy.nodes]
    assert [config["id2label"][str(index)] for index in range(len(names))] == names
    assert config["label2id"] == {name: index for index, name in enumerate(names)}


def test_nodes_of_one_name_are_told_apart_by_their_ids() -> None:
    nodes = (Node("r", "Sound", -1, 0, "root"), Node("a", "Hiss", 0, 1, "concept"), Node("b", "Hiss", 0, 1, "concept"))
    labels = hub_config(Taxonomy(nodes, "multi"))
    assert labels["id2label"] == {"0": "Sound", "1": "Hiss (a)", "2": "Hiss (b)"}
    assert labels["label2id"] == {"Sound": 0, "Hiss (a)": 1, "Hiss (b)": 2}


def test_a_folder_of_before_the_hub_loads(model: TreeModel, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for name in hub_config(model.taxonomy):
        del config[name]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert TreeModel.load(folder).taxonomy == model.taxonomy


def test_saved_as_pretrained_it_has_a_card(model: TreeModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "mine", licence="cc-by-4.0")
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: cc-by-4.0\nlibrary_name: aed\npipeline_tag: audio-classification\n")
    assert "# mine\n" in card
    assert all(node.name in card for node in model.taxonomy.nodes[1:])
    (tmp_path / "mine" / "README.md").write_text("measured", encoding="utf-8")
    model.save_pretrained(tmp_path / "mine")
    assert (tmp_path / "mine" / "README.md").read_text(encoding="utf-8") == "measured"
    assert TreeModel.from_pretrained(tmp_path / "mine").taxonomy == model.taxonomy
