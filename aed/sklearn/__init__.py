"""The ontology tree for people who live in scikit-learn: an estimator on embeddings or any other features.

`import sklearn` inside this package is scikit-learn's: imports here are absolute.
"""

from __future__ import annotations

from aed.sklearn.classifier import OntologyTreeClassifier

__all__ = ["OntologyTreeClassifier"]
