"""The learning rate as a pure function of the step, so that it needs no state and no restart changes it."""

import math

from training.config import ScheduleSettings


def learning_rate_share(step: int, steps: int, schedule: ScheduleSettings) -> float:
    """Learning rate of a step as a share of the highest, in [0, 1].

    Args:
        step: number of the step, from 1 to `steps`. The first has a share above 0.
        steps: steps of the whole training; the last has `final_share`, unless the kind is constant.
        schedule: kind and lengths.
    """
    if step <= schedule.warmup_steps:
        return step / schedule.warmup_steps
    first = steps - schedule.decay_steps if schedule.kind == "wsd" else schedule.warmup_steps
    if schedule.kind == "constant" or step <= first:
        return 1.0
    done = min(1.0, (step - first) / (steps - first))
    left = (1 + math.cos(math.pi * done)) / 2 if schedule.kind == "cosine" else 1 - done
    return schedule.final_share + (1 - schedule.final_share) * left
