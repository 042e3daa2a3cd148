from __future__ import annotations

import math

import pytest
import torch

from aed.loss.strong import StrongTargets, joined_targets, strong_loss
from aed.tree.head import NodeScores, log_complement
from aed.tree.time_pooling import TimePoolingConfig

SCENES, SOURCES, TIME, NODES = 3, 2, 12, 4
POOLING = TimePoolingConfig(exponent=4.0)


def scores_of(log_p: torch.Tensor) -> NodeScores:
    return NodeScores(log_p, log_complement(log_p))


def random_case(seed: int) -> tuple[torch.Tensor, StrongTargets]:
    generator = torch.Generator().manual_seed(seed)
    log_p = torch.nn.functional.logsigmoid(3 * torch.randn(SCENES, TIME, NODES, generator=generator))
    heard = torch.rand(SCENES, SOURCES, TIME, generator=generator) < 0.3
    heard[0, 0] = False
    present = (torch.rand(SCENES, SOURCES, NODES, generator=generator) < 0.4) & heard.any(dim=2)[..., None]
    absent = torch.rand(SCENES, TIME, NODES, generator=generator) < 0.5
    absent[1, :, 2] = False
    return log_p, StrongTargets(heard, present, absent)


def power_mean(probabilities: list[float]) -> float:
    return (sum(p**4 for p in probabilities) / len(probabilities)) ** 0.25


def twin(log_p: torch.Tensor, targets: StrongTargets) -> float:
    p, costs = log_p.double().exp(), []
    for scene in range(SCENES):
        for node in range(NODES):
            for source in range(SOURCES):
                if targets.present[scene, source, node]:
                    heard = [float(p[scene, t, node]) for t in range(TIME) if targets.heard[scene, source, t]]
                    costs.append(-math.log(power_mean(heard)))
            outside = [float(p[scene, t, node]) for t in range(TIME) if targets.absent[scene, t, node]]
            if outside:
                costs.append(-math.log1p(-power_mean(outside)))
    return sum(costs) / len(costs)


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_twins(seed: int) -> None:
    log_p, targets = random_case(seed)
    assert float(strong_loss(scores_of(log_p), targets, POOLING)) == pytest.approx(twin(log_p, targets), rel=1e-4)


def test_what_is_unknown_teaches_nothing() -> None:
    log_p, targets = random_case(0)
    log_p.requires_grad_()
    strong_loss(scores_of(log_p), targets, POOLING).backward()
    assert log_p.grad is not None
    assert log_p.grad.isfinite().all()
    spans = (targets.heard[..., None] & targets.present[:, :, None, :]).any(dim=1)
    assert (log_p.grad[~(spans | targets.absent)] == 0).all()
    assert (log_p.grad[spans & ~targets.absent] < 0).all(), "less of a node that is heard costs more"
    assert (log_p.grad[targets.absent & ~spans] > 0).all()


def test_nothing_known_costs_nothing() -> None:
    log_p, targets = random_case(0)
    nothing = StrongTargets(*(torch.zeros_like(part) for part in targets))
    assert strong_loss(scores_of(log_p), nothing, POOLING) == 0


def test_one_heard_moment_of_an_event_suffices_and_none_outside_is_free() -> None:
    """Presence asks for some moment within the event; a false alarm costs wherever it comes."""
    targets = StrongTargets(torch.zeros(1, 1, TIME).bool(), torch.ones(1, 1, 1).bool(), torch.ones(1, TIME, 1).bool())
    targets.heard[0, 0, 4:8], targets.absent[0, 2:10] = True, False
    quiet = torch.full((1, TIME, 1), math.log(0.01))

    def cost(*times: int) -> float:
        log_p = quiet.clone()
        log_p[0, list(times)] = math.log(0.99)
        return float(strong_loss(scores_of(log_p), targets, POOLING))

    assert cost(4, 5, 6, 7) < cost(5) < cost()
    assert cost(4, 5, 6, 7) == cost(3, 4, 5, 6, 7, 8), "the edges are unknown"
    assert cost(5) < cost(5, 11)


def test_rows_of_two_batches_cost_together_what_they_say() -> None:
    """However many sources either has."""
    (log_p, targets), (other_log_p, others) = random_case(0), random_case(1)
    more = StrongTargets(others.heard.repeat(1, 2, 1), others.present.repeat(1, 2, 1), others.absent)
    for first, second in ((targets, more), (more, targets)):
        logs = (log_p, other_log_p) if first is targets else (other_log_p, log_p)
        joined = joined_targets(first, second)
        assert joined.heard.shape == (2 * SCENES, 2 * SOURCES, TIME)
        known = [int(part.present.sum() + part.absent.any(dim=1).sum()) for part in (first, second)]
        costs = [
            float(strong_loss(scores_of(each), part, POOLING)) * count
            for each, part, count in zip(logs, (first, second), known, strict=True)
        ]
        together = float(strong_loss(scores_of(torch.cat(logs)), joined, POOLING))
        assert together == pytest.approx(sum(costs) / sum(known), rel=1e-4)
