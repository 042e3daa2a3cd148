"""`OntologyTreeClassifier`: a decision tree of an ontology's shape on feature vectors, as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from aed.detect.hedge import Hedge
from aed.errors import ConfigError
from aed.sklearn.class_tree import WantedTree, make_class_tree
from aed.sklearn.fitting import HEAD_NAMES, HeadName, fit_head, score_nodes
from aed.sklearn.meanings import LabelMeanings


class OntologyTreeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """One linear decision at every node of a tree of sounds, fitted to vectors such as embeddings.

    It knows not only leaves but also their supercategories: `node_proba` gives P of every node, and `predict_nodes`
    answers "Animal" where the leaf is not sure enough. Labels may stand at any depth: a sample of which only "Animal"
    is known teaches the upper part of the tree. With labels that are no sounds it is a flat linear classifier.

    Features are taken as they are: put a `StandardScaler` before it where their scales differ. The fit is convex
    and starts at zero: there is no chance in it, and no `random_state`.

    Args:
        taxonomy: `auto`: the tree of the labels in `y` where any is a concept of the ontology, else a flat one;
            `ontology`, `flat`: only the one or the other; labels: the tree with these leaves, among whose nodes those
            of `y` are; or a single-label `aed.ontology.taxonomy.Taxonomy`.
        label_map: What labels mean where they are not the names or ids of concepts: name of a shipped map ("esc50"),
            path of a YAML file, or a dict from label to concept.
        head: `tree`: a softmax among the children of each node; `path_sum`: a softmax over leaves whose logits are
            summed along their paths; `flat`: over leaves whose logits are their own.
        C: Inverse strength of the penalty on weights, as in `LogisticRegression`.
        max_iter: Most steps of the fit.
        tol: Slope of the loss at which the fit ends, as in `LogisticRegression`.
        min_probability: How sure an answer of `predict_nodes` must be.

    Attributes:
        classes_: Labels of the leaves, sorted: the columns of `predict_proba`. As `y` spells them; a leaf that `y`
            never names is called by its own name.
        taxonomy_: The tree.
        node_names_: What each node is called, (node,): the columns of `node_proba`.
        coef_: (logit, feature).
        intercept_: (logit,).
        n_iter_: Steps of the fit.
        n_features_in_: Length of a vector.
        feature_names_in_: Names of the columns, where `X` had them.

    Examples:
        >>> import numpy as np
        >>> from aed.sklearn import OntologyTreeClassifier
        >>> names = np.repeat(["Dog", "Cat", "Rain"], 20)
        >>> centres = {"Dog": [3, 3, 0], "Cat": [3, -3, 0], "Rain": [-3, 0, 1]}
        >>> X = np.array([centres[name] for name in names]) + np.random.default_rng(0).normal(size=(60, 3))
        >>> model = OntologyTreeClassifier().fit(X, names)
        >>> model.predict([[3, 3, 0]])
        array(['Dog'], dtype='<U4')
        >>> model.predict_nodes([[3, 0, 0]], min_probability=0.8)  # Dog or Cat
        array(['Domestic animals, pets'], dtype=object)
    """

    def __init__(
        self,
        taxonomy: WantedTree = "auto",
        *,
        label_map: LabelMeanings = None,
        head: HeadName = "tree",
        C: float = 1.0,  # noqa: N803  # scikit-learn's name
        max_iter: int = 1000,
        tol: float = 1e-4,
        min_probability: float = 0.5,
    ) -> None:
        self.taxonomy = taxonomy
        self.label_map = label_map
        self.head = head
        self.C = C
        self.max_iter = max_iter
        self.tol = tol
        self.min_probability = min_probability

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> OntologyTreeClassifier:  # noqa: N803
        """Fit the decisions.

        Args:
            X: (sample, feature).
            y: Labels, (sample,).
            sample_weight: How much each sample counts, (sample,); all the same by default.

        Raises:
            OntologyError: A label is no node of the tree; the message names the closest ones.
            ConfigError: A parameter cannot be.
            ValueError: X, y or sample_weight are no such arrays.
        """
        self._check_parameters()
        features, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        weights = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
        used, positions = np.unique(labels, return_inverse=True)
        self._tree = make_class_tree(used, self.taxonomy, self.label_map)
        nodes = np.array([self._tree.nodes[label] for label in used.tolist()])[positions]
        self._linear = fit_head(
            *(self.head, self._tree.taxonomy, features, nodes, weights),
            inverse_strength=self.C,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self.classes_, self.taxonomy_ = self._tree.classes, self._tree.taxonomy
        self.node_names_ = self._tree.node_names
        self.coef_, self.intercept_, self.n_iter_ = self._linear.weights.T, self._linear.biases, self._linear.iterations
        return self

    def node_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """P of every node: (sample, feature) -> (sample, node), the columns as in `node_names_`; the root's is 1."""
        probabilities: np.ndarray = np.exp(self._log_nodes(X))
        return probabilities

    def predict_log_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Log P of every leaf: (sample, feature) -> (sample, class)."""
        log_nodes = self._log_nodes(X)
        leaves: np.ndarray = log_nodes[:, self._tree.leaves]
        return leaves

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """P of every leaf: (sample, feature) -> (sample, class), the columns as in `classes_`."""
        probabilities: np.ndarray = np.exp(self.predict_log_proba(X))
        return probabilities

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest leaf: (sample, feature) -> (sample,) label."""
        best = self.predict_log_proba(X).argmax(axis=1)
        labels: np.ndarray = self.classes_[best]
        return labels

    def predict_nodes(self, X: Any, min_probability: float | None = None) -> np.ndarray:  # noqa: N803
        """The deepest node that is sure enough, from the root along the likeliest children.

        Args:
            X: (sample, feature).
            min_probability: How sure; the parameter of the estimator by default.

        Returns:
            (sample,) object: names as in `node_names_`, None where nothing but the root is sure enough.

        Raises:
            ConfigError: The probability is none.
        """
        least = _probability(self.min_probability if min_probability is None else min_probability)
        probabilities = self.node_proba(X)
        answers = Hedge(self.taxonomy_).answers(probabilities, probabilities >= least)
        names = np.where(answers.any(axis=1), self.node_names_[answers.argmax(axis=1)], None)
        return cast(np.ndarray, names)

    def decision_path(self, X: Any) -> csr_matrix:  # noqa: N803
        """The nodes from the root to the likeliest leaf, as scikit-learn's trees tell it.

        Returns:
            (sample, node) sparse, 1 where a node is on the path; `taxonomy_.nodes` and `node_names_` tell of the nodes.
        """
        leaf = self._likeliest_leaves(X)
        return csr_matrix(self.taxonomy_.ancestor_matrix[leaf].astype(np.int64))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Share of samples whose likeliest leaf is that of the label, or lies below it where it is a supercategory."""
        labels = np.asarray(y).tolist()
        nodes = {label: self._tree.node(label) for label in dict.fromkeys(labels)}
        right = [
            nodes[label] is not None and bool(self.taxonomy_.ancestor_matrix[leaf, nodes[label]])
            for leaf, label in zip(self._likeliest_leaves(X), labels, strict=True)
        ]
        return float(np.average(right, weights=sample_weight))

    def _likeliest_leaves(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest leaf as a node, (sample,)."""
        best = self.predict_log_proba(X).argmax(axis=1)
        leaves: np.ndarray = self._tree.leaves[best]
        return leaves

    def _log_nodes(self, X: Any) -> np.ndarray:  # noqa: N803
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, reset=False)
        return score_nodes(self.head, self.taxonomy_, self._linear, features)

    def _check_parameters(self) -> None:
        if self.head not in HEAD_NAMES:
            raise ConfigError(f"head='{self.head}': expected one of {', '.join(HEAD_NAMES)}")
        if self.C <= 0 or self.tol <= 0 or self.max_iter < 1:
            raise ConfigError(
                f"C, tol and max_iter must be above 0, got C={self.C}, tol={self.tol}, max_iter={self.max_iter}"
            )
        _probability(self.min_probability)


def _probability(value: float) -> float:
    if not 0 < value < 1:
        raise ConfigError(f"min_probability must lie between 0 and 1, got {value}")
    return value
