"""Two processes under torchrun train one model, and one of them speaks and writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aed.model import TreeModel
from tests.tiny_corpus import write_recipe
from tests.train import one_of_two


@pytest.mark.training
def test_two_processes_train_one_model(manifest: Path, tmp_path: Path) -> None:
    recipe, out, told = write_recipe(tmp_path / "recipe.yaml", manifest), tmp_path / "runs", tmp_path / "told"
    told.mkdir()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    verb = ["train", str(recipe), "--fold", "1", "--out", str(out), "--device", "cpu", "--threads", "1"]
    verb += ["--set", "pretrain={steps: 3, batch_size: 4, segment_seconds: 0.4}"]
    done = subprocess.run(
        [*torchrun, one_of_two.__file__, str(told), *verb], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("model written to") == 1
    assert done.stdout.count("labelled clips") == 1
    assert len(re.findall(r"pretraining .* 3/3", done.stdout)) == 1, "the first process pretrains, the other reads"
    assert done.stdout.count("step 5/5") == 1

    folder = out / "fold1"
    assert {path.name for path in folder.iterdir()} == {
        *("model.safetensors", "config.json", "taxonomy.json", "recipe.yaml", "run.json", "LICENSE.md", "tensorboard")
    }
    assert len(list((folder / "tensorboard").iterdir())) == 1
    assert json.loads((folder / "run.json").read_text())["processes"] == 2
    assert (told / "0.safetensors").read_bytes() == (told / "1.safetensors").read_bytes()
    scores = TreeModel.load(folder).score_clips(torch.zeros(1, 16_000))
    assert torch.isfinite(scores.log_p).all()
