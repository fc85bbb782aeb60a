"""What a call may leave behind, looked at before and after it: nothing."""

import random
import threading
from contextlib import contextmanager

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks_always_called",
)


def hooks(model: nn.Module) -> int:
    """How many hooks hang on the model and everything in it."""
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in HOOKS)


def _of_module(module: nn.Module) -> tuple:
    return (module.training, "forward" in vars(module), sorted(vars(module)))


def of_model(model: nn.Module) -> tuple:
    """Modes, shadowed methods, hooks, flags, numbers and gradients of a model."""
    tensors = [*model.parameters(), *model.buffers()]
    return (
        hooks(model),
        [_of_module(module) for module in model.modules()],
        [(t.requires_grad, t.is_inference(), t._version) for t in tensors],
        [None if t.grad is None else t.grad.tolist() for t in model.parameters()],
        [t.data_ptr() for t in tensors],
    )


def random_states() -> tuple:
    """The three global random generators."""
    name, keys, *rest = np.random.get_state()
    return random.getstate(), (name, keys.tobytes(), *rest), torch.get_rng_state().tolist()


def of_process() -> tuple:
    """Switches of torch, threads and open figures."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_num_threads(),
        torch.is_autocast_enabled("cpu"),
        threading.active_count(),
        tuple(plt.get_fignums()),
    )


@contextmanager
def nothing_left(*models: nn.Module, folder=None):
    """Everything above, and the files in ``folder``, are as they were."""

    def look():
        files = sorted(folder.rglob("*")) if folder else ()
        return [of_model(m) for m in models], random_states(), of_process(), files

    before = look()
    yield
    for kind, was, now in zip(
        ("models", "random", "process", "files"), before, look(), strict=True
    ):
        assert was == now, f"{kind} changed"
