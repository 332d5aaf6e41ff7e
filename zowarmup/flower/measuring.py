"""Measurements and log lines of the server, which has test images at most and no client's data."""

import math

import torch

from zowarmup.flower.federation import Federation
from zowarmup.runtime.progress import log
from zowarmup.training import loop
from zowarmup.training.context import Context
from zowarmup.training.evaluate import outcomes
from zowarmup.training.loop import Step
from zowarmup.training.metrics_row import Measured, MetricsRow
from zowarmup.training.phases import TrainingPhase

NAN = math.nan


def row(context: Context, phase: TrainingPhase, step: Step, loss: float) -> MetricsRow:
    """Return a row of metrics.csv, with NaN for what only the nodes could measure.

    Args:
        loss: the mean loss that nodes reported, NaN if they did not.
    """
    accuracy, test_loss, recall = _tested(context, step.w)
    judged = test_loss if math.isfinite(test_loss) or len(context.test) else loss
    unknown = not len(context.test) and math.isnan(loss)
    return MetricsRow(
        phase=phase.number,
        round=step.t,
        measured=Measured(
            test_accuracy=accuracy,
            test_loss=test_loss,
            train_loss=loss,
            train_loss_high=NAN,
            train_loss_low=NAN,
            train_accuracy=NAN,
            train_accuracy_high=NAN,
            train_accuracy_low=NAN,
            heldout_loss=NAN,
            recall=recall,
        ),
        costs=step.costs,
        drift=step.drift,
        gradient_cosine=NAN,
        dissimilarity=NAN,
        diverged=not unknown and loop.diverged(context, judged),
    )


def _tested(context: Context, w: torch.Tensor) -> tuple[float, float, tuple[float, ...]]:
    """Accuracy, mean loss and recall of each class on the test images; NaN without images."""
    if not len(context.test):
        return NAN, NAN, (NAN,) * context.classes
    losses, right = outcomes(context.model, w, context.test)
    classes = [right[context.test.y == c].double() for c in range(context.classes)]
    recall = tuple(own.mean().item() if len(own) else NAN for own in classes)
    return right.double().mean().item(), losses.mean().item(), recall


def say(phase: TrainingPhase, step: Step, nodes: Federation, last: int, seconds: float) -> None:
    """Log a line about a round: nodes, loss and bytes."""
    missing = len(nodes.missing.get(step.t, ()))
    loss = "" if math.isnan(nodes.loss) else f"  loss of the nodes {nodes.loss:.4f}"
    log.info(
        f"round {step.t}/{last}  phase {phase.number}  nodes missing {missing}{loss}  "
        f"up {step.costs.bytes_up} B  down {step.costs.bytes_down} B  {seconds:.1f} s"
    )


def say_row(measured: MetricsRow) -> None:
    """Log the accuracy of a row, if the server has test images."""
    if not math.isnan(accuracy := measured.measured.test_accuracy):
        log.info(f"test accuracy {accuracy:.4f}  loss {measured.measured.test_loss:.4f}")
