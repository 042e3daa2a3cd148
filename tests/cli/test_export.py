"""`aed export`, and what the command line does with the file where torch is not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import aed
import aed.export.export
from aed.audio.scene import write_demo_scene
from aed.cli.main import app
from aed.export.export import Export

Made = tuple[Path, Export]
NOT_IN_THE_BASE = ("torch", "torchaudio", "pandas", "scipy", "sklearn", "safetensors", "onnx", "matplotlib")
_WITHOUT = "import sys; sys.modules.update(dict.fromkeys({names!r})); from aed.cli.main import main; main()"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.wav"
    write_demo_scene(path, np.random.default_rng(5))
    return path


def aed_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def without_torch(*arguments: object) -> str:
    """What the command prints where only the base is installed."""
    program = _WITHOUT.format(names=NOT_IN_THE_BASE)
    environment = {**os.environ, "PYTHONPATH": str(Path(aed.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_events_with_and_without_torch(single_export: Made, recording: Path) -> None:
    folder, export = single_export
    options = (recording, "--format", "jsonl", "--min-probability", 0.28)
    expected = events(aed_cli("detect", *options, "--model", folder).stdout)
    found = events(without_torch("detect", *options, "--model", export.path))
    assert expected
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.pop("score") == pytest.approx(theirs.pop("score"), abs=2e-4)
        assert ours == theirs


def test_listens_without_torch(multi_export: Made, recording: Path) -> None:
    options = ("--model", multi_export[1].path, "--min-probability", 0.3, "--format", "jsonl")
    heard = events(without_torch("listen", f"file:{recording}", "--speed", "max", *options))
    found = events(aed_cli("detect", recording, *options).stdout)
    assert found
    told = [{key: event[key] for key in event if key != "type"} for event in heard if event["type"] == "event"]
    expected = [{key: event[key] for key in event if key != "file"} for event in found]
    assert sorted(told, key=str) == sorted(expected, key=str)  # told as they end, listed as they begin


def test_predicts_without_torch(single_export: Made) -> None:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({NOT_IN_THE_BASE!r})); import aed, numpy;"
        f"print(aed.load({str(single_export[1].path)!r}).predict(numpy.zeros(16000, 'float32'), 16000))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "path: Sound 1.00 > " in done.stdout


def test_prints_a_table_or_json(single_export: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, export = single_export
    asked: list[dict[str, object]] = []

    def export_again(model: Path, out: Path, **options: object) -> Export:
        asked.append({"model": model, "out": out, **options})
        return export

    monkeypatch.setattr(aed.export.export, "export_model", export_again)
    result = aed_cli("export", folder, "--to", "onnx", "--int8", "--calibrate-on", tmp_path, "--rows-per-block", 32)
    assert result.exit_code == 0, result.output
    assert "largest difference of P" in " ".join(result.stdout.split())
    assert result.stdout.endswith(f"written: {export.path} (float32)\n")
    assert asked == [
        {
            "model": folder,
            "out": folder.parent / "fold1.onnx",
            "int8": True,
            "calibrate_on": tmp_path,
            "rows_per_block": 32,
            "held_out": True,
        }
    ]
    printed = json.loads(aed_cli("export", folder, "--json").stdout)
    assert printed["variants"][0]["parity"]["largest"] <= 1e-4
    assert printed["path"] == str(export.path)


def test_mistakes_are_one_line(single_export: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, export = single_export
    (tmp_path / "broken.onnx").write_bytes(export.path.read_bytes()[:-50])
    for arguments, words in (
        (("export", folder, "--out", "x.bin"), "--out x.bin: expected a name that ends in .onnx"),
        (("export", tmp_path / "nothing"), "not a model folder"),
        (("detect", folder, "--model", tmp_path / "broken.onnx"), "no audio file in this folder"),
        (("detect", folder.parent / "made", "--model", tmp_path / "broken.onnx"), "damaged or cut short"),
        (("detect", folder.parent / "made", "--model", tmp_path / "none.onnx"), "cannot be read"),
    ):
        result = aed_cli(*arguments)
        assert (result.exit_code, words in result.stderr) == (2, True), result.output
        assert len(result.stderr.splitlines()) == 1
    monkeypatch.setitem(sys.modules, "aed.export.export", None)
    result = aed_cli("export", folder)
    assert result.exit_code == 2
    assert "pip install 'aed[export]'" in result.stderr
