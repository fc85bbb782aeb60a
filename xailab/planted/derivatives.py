"""Two small networks that differ in one thing, and derivatives of exp(S) without a formula.

What Grad-CAM++ writes as powers of a gradient is exact behind a ReLU and an assumption behind a GELU.
"""

import torch
from torch import nn


def relu_and_gelu(seed: int = 0) -> dict[str, nn.Sequential]:
    """{"ReLU": net, "GELU": net}, float64, with the same random weights of the seed.

    (B, 3, 32, 32) -> (B, 5) logits. Layer "3" returns 8 maps of 7 x 7, never negative behind ReLU, of both
    signs behind GELU; the parts from 4 on are the head.
    """
    made = {}
    for name, act in (("ReLU", nn.ReLU), ("GELU", nn.GELU)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            maps = [nn.Conv2d(3, 6, 3, 2), act(), nn.Conv2d(6, 8, 3, 2), act()]
            head = [nn.Flatten(), nn.Linear(392, 16), act(), nn.Linear(16, 5)]
        made[name] = nn.Sequential(*maps, *head).double().eval().requires_grad_(False)
    return made


def derivatives_of_exp(
    head: nn.Module, A: torch.Tensor, target: int, places: range
) -> torch.Tensor:
    """First, second and third derivative of exp(S) along single activations, (len(places), 3).

    head: activations (1, K, h, w) -> logits. places: which activations, counted through A. By automatic
    differentiation of t -> exp(S(A + t e)), so that no formula of a paper is used.
    """
    found = []
    for place in places:
        step = torch.zeros_like(A)
        step.view(-1)[place] = 1
        first = torch.func.grad(lambda t, step=step: head(A + t * step)[0, target].exp())
        second = torch.func.grad(first)
        zero = torch.zeros((), dtype=A.dtype)
        found.append(torch.stack([first(zero), second(zero), torch.func.grad(second)(zero)]))
    return torch.stack(found)
