"""Fitting a linear tree head to all samples at once: a convex loss, from zero, in float64, by L-BFGS.

    loss = mean over samples, by weight, of -log P(node of the label) + |W|^2 / (2 C total weight)            (1)

as scikit-learn's logistic regression weighs it; biases are free. There is no chance in it: equal input, equal output.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aed.ontology.structure import Taxonomy
from aed.tree.leaf_sums import LeafSums
from aed.tree.structure import TreeStructure

HeadName = Literal["tree", "flat", "path_sum"]
HEAD_NAMES: tuple[HeadName, ...] = ("tree", "flat", "path_sum")
_LEAST_GAIN = 64 * float(np.finfo(np.float64).eps)
"""A step that lowers the loss by a smaller share of it is rounding."""


@dataclass(frozen=True)
class Linear:
    """A fitted head.

    Attributes:
        weights: (feature, logit) float64.
        biases: (logit,) float64.
        iterations: Steps that it took.
    """

    weights: np.ndarray
    biases: np.ndarray
    iterations: int


def log_probabilities(head: HeadName, taxonomy: Taxonomy) -> tuple[Callable[[Tensor], Tensor], int]:
    """Return what turns logits into log P(node), (..., logit) -> (..., node), and how many logits it wants.

    The heads of `aed.tree` by the same names compute the same, in float32.
    """
    structure, leaf_sums, leaves = TreeStructure(taxonomy).double(), LeafSums(taxonomy), list(taxonomy.leaves)
    if head == "tree":
        return lambda logits: structure.sum_over_path(structure.log_softmax_among_siblings(logits)), taxonomy.num_nodes
    if head == "path_sum":
        return lambda logits: leaf_sums(structure.sum_over_path(logits)[..., leaves]).log_p, taxonomy.num_nodes
    return lambda logits: leaf_sums(logits).log_p, len(leaves)


def log_probabilities_of(head: HeadName, taxonomy: Taxonomy, nodes: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what turns logits into log P of one node a sample, (sample, logit) -> (sample,).

    The same numbers as `log_probabilities` has at these nodes, without those of all the others.

    Args:
        head: Which head.
        taxonomy: The tree.
        nodes: (sample,) int64.
    """
    structure, leaves = TreeStructure(taxonomy).double(), list(taxonomy.leaves)
    if head == "tree":
        on_path = structure.paths[nodes]
        return lambda logits: (structure.log_softmax_among_siblings(logits) * on_path).sum(dim=-1)
    is_outside = ~LeafSums(taxonomy).below[nodes]

    def of_leaves(leaf_logits: Tensor) -> Tensor:
        return leaf_logits.log_softmax(-1).masked_fill(is_outside, float("-inf")).logsumexp(-1)

    if head == "path_sum":
        return lambda logits: of_leaves(structure.sum_over_path(logits)[..., leaves])
    return of_leaves


def fit_head(
    head: HeadName,
    taxonomy: Taxonomy,
    features: np.ndarray,
    nodes: np.ndarray,
    sample_weight: np.ndarray,
    *,
    inverse_strength: float,
    max_iter: int,
    tol: float,
) -> Linear:
    """Fit weights and biases.

    Args:
        head: Which head.
        taxonomy: The tree.
        features: (sample, feature) float64.
        nodes: Node of each sample's label, (sample,) int64.
        sample_weight: (sample,) float64, not negative, not all 0.
        inverse_strength: C of (1).
        max_iter: Most steps.
        tol: Largest slope at which it ends.
    """
    from scipy.optimize import minimize

    _, logits = log_probabilities(head, taxonomy)
    log_p_of_labels = log_probabilities_of(head, taxonomy, torch.tensor(nodes))
    shape, size = (features.shape[1], logits), features.shape[1] * logits
    x, shares = torch.tensor(features), torch.from_numpy(sample_weight / sample_weight.sum())
    decay = 1 / (2 * inverse_strength * sample_weight.sum())

    def loss_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = torch.tensor(flat, requires_grad=True)
        weights, biases = parameters[:size].view(shape), parameters[size:]
        loss = -(shares * log_p_of_labels(x @ weights + biases)).sum() + decay * weights.square().sum()
        (slope,) = torch.autograd.grad(loss, parameters)
        return float(loss.detach()), slope.numpy()

    options = {"maxiter": max_iter, "gtol": tol, "ftol": _LEAST_GAIN, "maxls": 50}
    found = minimize(loss_and_slope, np.zeros(size + logits), jac=True, method="L-BFGS-B", options=options)
    if found.nit >= max_iter:
        _warn_not_converged(max_iter)
    return Linear(found.x[:size].reshape(shape), found.x[size:], int(found.nit))


def score_nodes(head: HeadName, taxonomy: Taxonomy, linear: Linear, features: np.ndarray) -> np.ndarray:
    """Log P of every node: (sample, feature) float64 -> (sample, node) float64."""
    log_p, _ = log_probabilities(head, taxonomy)
    with torch.inference_mode():
        scores: np.ndarray = log_p(torch.from_numpy(features @ linear.weights + linear.biases)).numpy()
    return scores


def _warn_not_converged(max_iter: int) -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.warn(
        f"not converged after max_iter={max_iter} steps: raise max_iter, or scale the features (StandardScaler)",
        ConvergenceWarning,
        stacklevel=4,
    )
