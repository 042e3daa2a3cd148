"""Fetching from a hub and pushing to one, through the hub's own client and HTTP, against a hub on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")

import aed  # noqa: E402  # after the check for the extra
from aed.detect.thresholds import FILE_NAME  # noqa: E402
from aed.errors import ConfigError, HubError, MissingExtraError, ModelError  # noqa: E402
from aed.hub.repository import HUB_FILES, fetch, find_model, push  # noqa: E402
from aed.model import ModelConfig, TreeModel  # noqa: E402
from tests.fake_scorer import small_taxonomy  # noqa: E402
from tests.hub.fake_hub import TOKEN, FakeHub, serving  # noqa: E402
from tests.hub.isolation import isolate  # noqa: E402

NAME = "owner/small-tree"


@pytest.fixture(scope="module")
def model() -> TreeModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TreeModel(ModelConfig(), small_taxonomy()).eval()


@pytest.fixture(scope="module")
def saved(model: TreeModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "run"
    model.save(folder)
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on this machine in place of the world's; nobody is logged in, the cache is empty, no folder is near."""
    with serving() as hub:
        isolate(monkeypatch, tmp_path, hub.url)
        yield hub


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_pushed_is_what_is_fetched(model: TreeModel, hub: FakeHub) -> None:
    address = model.push_to_hub(NAME, token=TOKEN)
    assert address.startswith(f"{hub.url}/{NAME}/commit/")
    fetched = TreeModel.from_pretrained(NAME)
    samples = torch.zeros(1, 20_000)
    with torch.inference_mode():
        assert torch.equal(fetched.score_clips(samples).log_p, model.score_clips(samples).log_p)
    assert {"config.json", "model.safetensors", "README.md"} < set(hub.repositories[NAME].files())
    assert hub.objects  # the weights went the way of large files


def test_aed_load_fetches_once_and_works_without_the_hub_afterwards(
    model: TreeModel, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.push_to_hub(NAME, token=TOKEN)
    noise = np.random.default_rng(0).normal(0, 0.1, 20_000).astype(np.float32)
    first = aed.load(NAME).predict(noise, 16_000)
    downloads = len(hub.downloads())
    assert downloads > 0
    assert np.array_equal(aed.load(NAME).predict(noise, 16_000).probabilities, first.probabilities)
    assert len(hub.downloads()) == downloads
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert aed.load(NAME).taxonomy == model.taxonomy


def test_only_files_of_a_model_travel(saved: Path, hub: FakeHub, tmp_path: Path) -> None:
    stranger = {**files_of(saved), "weights.pkl": b"never", "run.json": b"{}", "deep/config.json": b"{}"}
    hub.add(NAME, stranger)
    assert {path.name for path in fetch(NAME, cache_dir=tmp_path / "mine").iterdir()} == set(files_of(saved))
    assert (tmp_path / "mine").is_dir()
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in stranger.items():
        if "/" not in name:
            (folder / name).write_bytes(content)
    push(folder, "owner/other", small_taxonomy(), token=TOKEN)
    assert set(hub.repositories["owner/other"].files()) == {*files_of(saved), "README.md", ".gitattributes"}
    assert "README.md" not in files_of(folder)


def test_what_held_for_former_weights_goes_with_them(saved: Path, hub: FakeHub) -> None:
    repository = hub.add(NAME, {**files_of(saved), FILE_NAME: b"of former weights", "notes.txt": b"the owner's"})
    push(saved, NAME, small_taxonomy(), token=TOKEN)
    assert FILE_NAME in HUB_FILES
    assert FILE_NAME not in repository.files()
    assert "notes.txt" in repository.files()
    assert len(repository.commits) == 2  # one commit: nobody fetches half a model


def test_a_private_repository_and_a_branch(model: TreeModel, hub: FakeHub) -> None:
    model.push_to_hub(NAME, private=True, token=TOKEN, revision="wide")
    assert hub.repositories[NAME].private
    assert "config.json" not in hub.repositories[NAME].files("main")
    assert TreeModel.from_pretrained(NAME, revision="wide", token=TOKEN).taxonomy == model.taxonomy
    assert find_model(f"{NAME}@wide", token=TOKEN).is_dir()
    with pytest.raises(HubError, match=r"no model repository of that name that you may see.*token="):
        TreeModel.from_pretrained(NAME, revision="wide", cache_dir="other-cache")


def test_the_folders_own_card_is_kept_and_gets_front_matter(saved: Path, hub: FakeHub, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in files_of(saved).items():
        (folder / name).write_bytes(content)
    (folder / "README.md").write_text("# Mine\nMeasured.\n", encoding="utf-8")
    (folder / "LICENSE.md").write_text("ask me\n", encoding="utf-8")
    push(folder, NAME, small_taxonomy(), token=TOKEN)
    pushed = hub.repositories[NAME].files()["README.md"].decode()
    card = huggingface_hub.ModelCard(pushed)
    assert card.text.strip() == "# Mine\nMeasured."
    assert (card.data.license, card.data.license_link, card.data.library_name) == ("other", "LICENSE.md", "aed")
    assert "audio-classification" in card.data.tags
    (folder / "README.md").write_text(pushed.replace("license: other", "license: mit"), encoding="utf-8")
    push(folder, NAME, small_taxonomy(), token=TOKEN)
    assert huggingface_hub.ModelCard(hub.repositories[NAME].files()["README.md"].decode()).data.license == "mit"


def test_no_such_repository_revision_or_permission(saved: Path, hub: FakeHub) -> None:
    with pytest.raises(HubError, match="no folder owner/nothing is here, and the hub has no model repository"):
        aed.load("owner/nothing")
    hub.add(NAME, files_of(saved), gated=True)
    with pytest.raises(HubError, match=f"{NAME} is gated: ask for access"):
        fetch(NAME)
    with pytest.raises(HubError, match="no such revision"):
        fetch(NAME, revision="v9")
    with pytest.raises(HubError, match=r"does not let you push to owner/new \(HTTP 401\).*with the right to write"):
        push(saved, "owner/new", small_taxonomy(), token="hf_of_a_stranger")
    with pytest.raises(HubError, match="'a b/c' is no name of a repository"):
        push(saved, "a b/c", small_taxonomy(), token=TOKEN)


def test_a_repository_of_something_else(hub: FakeHub) -> None:
    hub.add(NAME, {"config.json": json.dumps({"model_type": "bert"}).encode(), "pytorch_model.bin": b"a pickle"})
    with pytest.raises(HubError, match=r"is no model of aed: it has no taxonomy\.json"):
        aed.load(NAME)
    assert "pytorch_model.bin" not in hub.downloads()


def test_no_network(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(HubError, match="no folder owner/name is here or in the cache, and the hub cannot be reached"):
        aed.load("owner/name")
    with pytest.raises(HubError, match="owner/name was not pushed: the hub cannot be reached"):
        push(saved, "owner/name", small_taxonomy(), token=TOKEN)
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="cannot be reached"):
        aed.load("owner/name")


def test_a_path_never_asks_a_hub(saved: Path, hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "here" / "runs").mkdir()
    for path in ("runs/fold1", "./owner/name", "owner/name/fold1", "name", "owner/name.onnx"):
        with pytest.raises((ModelError, ConfigError)):
            aed.load(path)
    assert find_model(saved) == saved
    with pytest.raises(ConfigError, match="revision='main' is for a repository of a hub"):
        find_model(saved, revision="main")
    assert not hub.requests


def test_an_incomplete_folder_is_not_pushed(saved: Path, hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_bytes(b"{}")
    with pytest.raises(ModelError, match="not a whole model folder"):
        push(tmp_path / "half", NAME, small_taxonomy(), token=TOKEN)
    assert not hub.requests


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"No folder owner/name is here; .* pip install 'aed\[hub\]'"):
        aed.load("owner/name")
