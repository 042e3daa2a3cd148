"""Write `concepts.csv`: the bare facts of AudioSet's ontology, from its published `ontology.json`.

Usage: python make_concepts.py path/to/ontology.json > concepts.csv
Descriptions, links and examples are left out on purpose. Parents stand in the order in which the file names them.
"""

import csv
import json
import sys
from pathlib import Path


def main(ontology_json: Path) -> None:
    """Print one row per concept, in the order of the file."""
    concepts = json.loads(ontology_json.read_text(encoding="utf-8"))
    parents: dict[str, list[str]] = {concept["id"]: [] for concept in concepts}
    for concept in concepts:
        for child in concept["child_ids"]:
            parents[child].append(concept["id"])
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["id", "name", "parents", "abstract", "blacklist"])
    for concept in concepts:
        flags = [int(flag in concept["restrictions"]) for flag in ("abstract", "blacklist")]
        writer.writerow([concept["id"], concept["name"], ";".join(parents[concept["id"]]), *flags])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
