"""The estimator: scikit-learn's own checks, what it knows of the tree, and labels at any depth."""

from __future__ import annotations

import doctest
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import aed.sklearn.classifier
from aed.errors import ConfigError, OntologyError
from aed.ontology.graph import load_ontology
from aed.ontology.structure import Node, Taxonomy
from aed.ontology.taxonomy import build_taxonomy
from aed.sklearn import OntologyTreeClassifier
from aed.sklearn.fitting import HEAD_NAMES, HeadName, log_probabilities, log_probabilities_of
from aed.tree.registry import HeadConfig, build_head
from tests.random_taxonomy import random_taxonomy

CENTRES = {
    "Dog": (4.0, 2.0, 0.0),
    "Cat": (4.0, -2.0, 0.0),
    "Rain": (-4.0, 0.0, 2.0),
    "Wind": (-4.0, 0.0, -2.0),
    "Animal": (4.0, 0.0, 0.0),
}
LEAVES = ("Dog", "Cat", "Rain", "Wind")
FINELY = 1e-10
"""Weights and repetitions of samples must agree to 7 digits."""


def sounds(names: tuple[str, ...] = LEAVES, each: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(names, each)
    centres = np.array([CENTRES[name] for name in labels])
    return centres + np.random.default_rng(seed).normal(size=centres.shape), labels


@parametrize_with_checks([OntologyTreeClassifier(tol=FINELY)])
def test_scikit_learns_checks(estimator: OntologyTreeClassifier, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def test_the_example_of_the_docstring() -> None:
    assert doctest.testmod(aed.sklearn.classifier).failed == 0


def test_probabilities_of_leaves_and_of_what_is_above_them() -> None:
    features, labels = sounds()
    model = OntologyTreeClassifier().fit(features, labels)
    assert model.classes_.tolist() == sorted(LEAVES)
    assert model.score(features, labels) > 0.95
    probabilities, nodes = model.predict_proba(features), model.node_proba(features)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(nodes[:, 0], 1)
    names = model.node_names_.tolist()
    pets = names.index("Domestic animals, pets")
    dog, cat = names.index("Dog"), names.index("Cat")
    np.testing.assert_allclose(nodes[:, pets], nodes[:, dog] + nodes[:, cat])
    np.testing.assert_allclose(nodes[:, dog], probabilities[:, model.classes_.tolist().index("Dog")])
    path = model.decision_path([CENTRES["Dog"]]).toarray()[0]
    assert [names[index] for index in np.flatnonzero(path)] == ["Sound", "Domestic animals, pets", "Dog"]


def test_an_answer_is_as_deep_as_it_is_sure() -> None:
    model = OntologyTreeClassifier(min_probability=0.9).fit(*sounds())
    assert model.predict_nodes([CENTRES["Dog"], CENTRES["Animal"]]).tolist() == ["Dog", "Domestic animals, pets"]
    assert model.predict_nodes([[0, 0, 0]], min_probability=0.999).tolist() == [None]
    with pytest.raises(ConfigError, match="min_probability must lie between 0 and 1, got 1"):
        model.predict_nodes([[0, 0, 0]], min_probability=1)


def test_a_label_inside_the_tree_teaches_the_upper_part() -> None:
    few_leaves, names = sounds(each=2)
    coarse = np.random.default_rng(5).normal(size=(200, 3)) + CENTRES["Animal"]
    leaves_only = OntologyTreeClassifier(LEAVES).fit(few_leaves, names)
    both = OntologyTreeClassifier(LEAVES).fit(
        np.concatenate([few_leaves, coarse]), np.concatenate([names, np.full(200, "Domestic animals, pets")])
    )
    assert both.classes_.tolist() == leaves_only.classes_.tolist() == sorted(LEAVES)
    column = both.node_names_.tolist().index("Domestic animals, pets")
    unheard = np.random.default_rng(6).normal(size=(200, 3)) + CENTRES["Animal"]
    assert both.node_proba(unheard)[:, column].mean() > leaves_only.node_proba(unheard)[:, column].mean()
    right = both.score(unheard, np.full(200, "Domestic animals, pets"))
    assert right > 0.95  # any leaf below it is right


def test_a_label_below_a_leaf_teaches_that_leaf() -> None:
    features, labels = sounds()
    barks = np.where(labels == "Dog", "Bark", labels)
    model = OntologyTreeClassifier(LEAVES).fit(features, barks)
    assert model.classes_.tolist() == sorted(LEAVES)
    assert model.predict([CENTRES["Dog"]]).tolist() == ["Dog"]
    np.testing.assert_array_equal(model.coef_, OntologyTreeClassifier(LEAVES).fit(features, labels).coef_)


def test_a_class_above_another_class_has_a_leaf_of_its_own() -> None:
    features, labels = sounds(("Dog", "Animal", "Rain"))
    model = OntologyTreeClassifier().fit(features, labels)
    assert model.classes_.tolist() == ["Animal", "Dog", "Rain"]
    assert set(model.predict(features)) == {"Animal", "Dog", "Rain"}
    assert "Animal, other" in [node.name for node in model.taxonomy_.nodes]


def test_labels_are_spelt_as_in_y_and_mean_the_same() -> None:
    features, labels = sounds()
    ids = {name: load_ontology().resolve(name).id for name in LEAVES}
    by_name = OntologyTreeClassifier().fit(features, labels)
    for spell in (str.lower, ids.__getitem__):
        spelt = np.array([spell(name) for name in labels])
        model = OntologyTreeClassifier().fit(features, spelt)
        assert model.classes_.tolist() == sorted({spell(name) for name in LEAVES})
        np.testing.assert_array_equal(model.coef_, by_name.coef_)
        assert (model.predict(features) == spelt).mean() > 0.95
    with pytest.raises(OntologyError, match=r"'Cat' and 'cat' both mean 'Cat': give it one name$"):
        OntologyTreeClassifier().fit(features, np.where(np.arange(len(labels)) % 2, labels, np.char.lower(labels)))


def test_label_maps() -> None:
    features, labels = sounds()
    names = {"Dog": "dog", "Cat": "chirping_birds", "Rain": "rain", "Wind": "sea_waves"}
    esc = np.array([names[label] for label in labels])
    model = OntologyTreeClassifier(label_map="esc50").fit(features, esc)
    assert model.classes_.tolist() == ["chirping_birds", "dog", "rain", "sea_waves"]
    assert "Animal" in model.node_names_
    own = OntologyTreeClassifier(label_map={"woof": "Dog", "drip": "Rain"})
    barks, kept = np.where(labels == "Dog", "woof", "drip"), np.isin(labels, ["Dog", "Rain"])
    assert own.fit(features[kept], barks[kept]).classes_.tolist() == ["drip", "woof"]
    with pytest.raises(OntologyError, match=r"the label map 'label_map' has no label 'Cat'$"):
        own.fit(features, labels)


def test_unknown_labels_are_refused_with_the_nearest_names() -> None:
    features, labels = sounds()
    wrong = np.where(labels == "Dog", "Dogg", labels)
    with pytest.raises(OntologyError, match=r"'Dogg'.*did you mean 'Dog'.*taxonomy='flat'"):
        OntologyTreeClassifier().fit(features, wrong)
    with pytest.raises(OntologyError, match="no node called 'Dogg': did you mean 'Dog'"):
        OntologyTreeClassifier(LEAVES).fit(features, wrong)
    with pytest.raises(OntologyError, match="the label 'Music' is no node of this taxonomy, nor below one"):
        OntologyTreeClassifier(LEAVES).fit(features, np.where(labels == "Dog", "Music", labels))
    with pytest.raises(OntologyError, match="expected names or ids of sound concepts"):
        OntologyTreeClassifier("ontology").fit(features, np.arange(len(features)) % 3)


def test_a_tree_of_ones_own() -> None:
    nodes = (
        Node("r", "Sound", -1, 0, "root"),
        Node("user:a", "Workshop", 0, 1, "concept"),
        Node("user:b", "Quiet", 0, 1, "concept"),
        Node("user:c", "Press", 1, 2, "concept"),
        Node("user:d", "Lathe", 1, 2, "concept"),
    )
    features, labels = sounds(("Dog", "Cat", "Rain"))
    own = np.array([{"Dog": "Press", "Cat": "Lathe", "Rain": "Quiet"}[name] for name in labels])
    model = OntologyTreeClassifier(Taxonomy(nodes, "single"), min_probability=0.9).fit(features, own)
    assert model.predict_nodes([CENTRES["Animal"]]).tolist() == ["Workshop"]
    with pytest.raises(ConfigError, match="task 'single'"):
        OntologyTreeClassifier(Taxonomy(nodes, "multi")).fit(features, own)


def test_none_of_these_is_no_answer() -> None:
    features, labels = sounds(("Dog", "Cat", "Rain"))
    ids = [load_ontology().resolve(name).id for name in ("Dog", "Cat")]
    tree = build_taxonomy(load_ontology(), ids, task="single", none_of_these=True)
    model = OntologyTreeClassifier(tree).fit(features, np.where(labels == "Rain", "None of these", labels))
    assert model.predict([CENTRES["Rain"]]).tolist() == ["None of these"]
    assert model.predict_nodes([CENTRES["Rain"]]).tolist() == [None]


@pytest.mark.parametrize("head", HEAD_NAMES)
def test_heads_compute_what_those_of_the_networks_do(head: HeadName) -> None:
    generator = np.random.default_rng(2)
    taxonomy = random_taxonomy(generator, "single")
    log_p, logits = log_probabilities(head, taxonomy)
    network = build_head(HeadConfig(name=head), 4, taxonomy)
    embeddings = torch.from_numpy(generator.normal(size=(5, 4)).astype(np.float32))
    with torch.inference_mode():
        decided = network.decision(embeddings)  # type: ignore[operator]
        assert decided.shape == (5, logits)
        torch.testing.assert_close(log_p(decided.double()).float(), network(embeddings).log_p)
    for node in range(taxonomy.num_nodes):
        of_node = log_probabilities_of(head, taxonomy, torch.full((5,), node))
        torch.testing.assert_close(of_node(decided.double()), log_p(decided.double())[:, node])


@pytest.mark.parametrize("head", HEAD_NAMES)
def test_without_a_tree_it_is_logistic_regression(head: HeadName) -> None:
    features, labels = make_blobs(150, centers=4, cluster_std=4.0, random_state=1)
    ours = OntologyTreeClassifier(head=head, tol=FINELY).fit(features, labels)
    theirs = LogisticRegression(tol=FINELY, max_iter=1000).fit(features, labels)
    np.testing.assert_allclose(ours.predict_proba(features), theirs.predict_proba(features), atol=1e-5)
    assert ours.classes_.tolist() == [0, 1, 2, 3]


def test_in_pipelines_searches_and_pickles() -> None:
    features, labels = sounds()
    model = make_pipeline(StandardScaler(), OntologyTreeClassifier())
    search = GridSearchCV(
        model, {"ontologytreeclassifier__C": [1e-4, 1.0], "ontologytreeclassifier__head": list(HEAD_NAMES)}, cv=2
    )
    search.fit(features, labels)
    assert search.best_score_ > 0.9
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(features), search.predict_proba(features))
    copy = clone(search.best_estimator_).fit(features, labels)
    np.testing.assert_array_equal(copy.predict_proba(features), search.predict_proba(features))  # no chance in it
    tree = build_taxonomy(
        load_ontology(), [load_ontology().resolve(name).id for name in LEAVES], task="single", none_of_these=False
    )
    assert clone(OntologyTreeClassifier(tree)).taxonomy == tree


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"head": "prototype"}, "head='prototype': expected one of tree, flat, path_sum"),
        ({"C": 0}, "C, tol and max_iter must be above 0, got C=0"),
        ({"taxonomy": "deep"}, "taxonomy='deep': expected one of"),
        ({"min_probability": 0}, "min_probability must lie between 0 and 1"),
    ],
)
def test_wrong_parameters(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OntologyTreeClassifier(**parameters).fit(*sounds())


def test_the_package_does_not_stand_before_scikit_learn() -> None:
    program = "import aed, aed.sklearn, sklearn; assert 'aed' not in sklearn.__name__; assert sklearn.__version__"
    subprocess.run([sys.executable, "-c", program], check=True)
