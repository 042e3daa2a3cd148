"""What `aed study run` does with the grid that a study's folder holds, for a test to kill, with any worker.

Arguments: folder of the study, workers, and the command that starts a worker.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aed.study.runner import run_study
from aed.study.study_folder import StudyFolder


def main(folder: str, workers: str, *command: str) -> None:
    study = StudyFolder(Path(folder))
    progress = run_study(study, study.read_grid(), command, int(workers), lambda progress: None)
    print(len(progress.done), len(progress.failed), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
