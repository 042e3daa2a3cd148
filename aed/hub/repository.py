"""Fetching a model folder from a hub and pushing one to it. Only files on a fixed list travel; none is a pickle.

`huggingface_hub.PyTorchModelHubMixin` does not fit: it stores a module's arguments, and a model of ours is made from a
taxonomy, has files beside its weights that hold for these weights only, and is to be fetched by people who have
no torch. Its client (`HfApi`, `snapshot_download`) is what is used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from aed import __version__
from aed.errors import ConfigError, HubError, ModelError
from aed.hub.card import LIBRARY_NAME, UNNAMED_LICENCE, front_matter, short_card, with_front_matter
from aed.hub.failures import hub_library, told_plainly
from aed.ontology.structure import Taxonomy
from aed.resources import MODEL_CONFIG_NAME
from aed.storage import write_atomic

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD_FILE, LICENCE_FILE = "README.md", "LICENSE.md"
NEEDED_FILES = (MODEL_CONFIG_NAME, "taxonomy.json", "model.safetensors")
"""Without these a folder is no model."""
HUB_FILES = (*NEEDED_FILES, "calibration.json", "thresholds.json", LICENCE_FILE, CARD_FILE)
"""What travels. Not `run.json`, `recipe.yaml`, checkpoints and results: they may name folders of a machine."""
_REPOSITORY = re.compile(r"([\w][\w.-]*/[\w][\w.-]*?)(?:@([\w][\w./-]*))?")


def find_model(
    model: Path | str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: Path | str | None = None,
) -> Path:
    """Return the folder or file of a model; one that is not here and is named like a repository is fetched.

    Args:
        model: A path, "owner/name", or "owner/name@revision".
        revision: Branch, tag or commit of the repository.
        token: What the hub knows you by; True for the stored one, which is also taken where it is needed.
        cache_dir: Where fetched models are kept; the hub library's own place by default.

    Raises:
        ConfigError: A revision is given for a path.
        HubError: It is named like a repository, and could not be fetched.
        MissingExtraError: So named, and the extra `hub` is not installed.
    """
    repository = _named_repository(model)
    if repository is None:
        if revision is not None:
            raise ConfigError(
                f"revision='{revision}' is for a repository of a hub, but {model} is a path: leave it out"
            )
        return Path(model)
    repo_id, named = repository
    return fetch(repo_id, revision=revision or named, token=token, cache_dir=cache_dir)


def _named_repository(model: Path | str) -> tuple[str, str | None] | None:
    """Return (owner/name, revision) where this can only be a repository: its first part is no folder here."""
    path = Path(model)
    match = _REPOSITORY.fullmatch(model if isinstance(model, str) else path.as_posix())
    if match is None or path.exists() or Path(path.parts[0]).exists() or path.suffix == ".onnx":
        return None
    return match[1], match[2]


def fetch(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: Path | str | None = None,
) -> Path:
    """Fetch a model's files into the cache; what is there is not fetched again, and serves without a network.

    Returns:
        The model folder in the cache, not to be written to.

    Raises:
        HubError: The hub cannot be reached, has no such model, or does not give it to you; or it is no model of ours.
        MissingExtraError: The extra `hub` is not installed.
    """
    library = hub_library(f"No folder {repo_id} is here; fetching it from a hub")
    with told_plainly(repo_id):
        folder = Path(
            _client(library.HfApi, token).snapshot_download(
                repo_id, revision=revision, cache_dir=cache_dir, allow_patterns=list(HUB_FILES)
            )
        )
    if missing := [name for name in NEEDED_FILES if not (folder / name).is_file()]:
        raise HubError(f"{repo_id} is no model of aed: it has no {missing[0]}; expected what 'aed push' makes")
    return folder


def push(
    folder: Path,
    repo_id: str,
    taxonomy: Taxonomy,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    licence: str = UNNAMED_LICENCE,
    message: str = "Upload a model of aed",
) -> str:
    """Push a model folder as one commit; the repository is made where there is none.

    A file of ours that the repository has and the folder has not is removed there: a calibration holds only for the
    weights that it was made with. A folder without `README.md` gets a short card; one without front matter gets that.

    Args:
        folder: A whole model folder; nothing is written into it.
        repo_id: "owner/name".
        taxonomy: The model's tree, for the card.
        private: Whether a new repository is seen by its owner only; what the owner's settings say by default.
        token: What the hub knows you by; the stored one by default.
        revision: Branch to push to, the main one by default.
        licence: Short name of the licence for the card's front matter, such as "cc-by-nc-4.0".
        message: Title of the commit.

    Returns:
        Address of the commit.

    Raises:
        ModelError: The folder is no whole model.
        HubError: The hub cannot be reached, or does not let you write there.
        MissingExtraError: The extra `hub` is not installed.
    """
    library = hub_library("Pushing a model to a hub")
    contents = _contents(folder, repo_id, taxonomy, licence)
    with told_plainly(repo_id, writing=True):
        api = _client(library.HfApi, token)
        api.create_repo(repo_id, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        there = set(api.list_repo_files(repo_id, revision=revision))
        operations = [library.CommitOperationAdd(name, content) for name, content in contents.items()]
        stale = sorted(there.intersection(HUB_FILES) - contents.keys())
        operations += [library.CommitOperationDelete(name) for name in stale]
        commit = api.create_commit(repo_id, operations, commit_message=message, revision=revision)
    return str(commit.commit_url)


def _client(kind: type[HfApi], token: str | bool | None) -> HfApi:
    return kind(token=token, library_name=LIBRARY_NAME, library_version=__version__)


def write_card(folder: Path, taxonomy: Taxonomy, licence: str) -> None:
    """Write a short card into a model folder that has none.

    Raises:
        StorageError: The folder cannot be written.
    """
    if not (folder / CARD_FILE).exists():
        write_atomic(folder / CARD_FILE, _card(folder, folder.resolve().name, taxonomy, licence))


def _contents(folder: Path, repo_id: str, taxonomy: Taxonomy, licence: str) -> dict[str, Path | bytes]:
    """What is pushed, by name: files of the folder, and the card."""
    here = [name for name in HUB_FILES if (folder / name).is_file()]
    if missing := [name for name in NEEDED_FILES if name not in here]:
        raise ModelError(f"{folder} is not a whole model folder: {missing[0]} is missing; train one with 'aed train'")
    contents: dict[str, Path | bytes] = {name: folder / name for name in here}
    contents[CARD_FILE] = _card(folder, repo_id, taxonomy, licence).encode()
    return contents


def _card(folder: Path, name: str, taxonomy: Taxonomy, licence: str) -> str:
    """The folder's own card, or a short one; with front matter."""
    has_licence, path = (folder / LICENCE_FILE).is_file(), folder / CARD_FILE
    card = path.read_text(encoding="utf-8") if path.is_file() else short_card(name, taxonomy)
    return with_front_matter(card, front_matter(licence, LICENCE_FILE if has_licence else None))
