"""The networks of the formula duel, and derivatives against those written out on paper."""

import torch
from torch import nn

from xailab import duel


def test_the_two_networks_share_their_weights_and_differ_in_the_sign_of_their_maps():
    before = torch.get_rng_state()
    nets = duel.networks()
    assert torch.equal(torch.get_rng_state(), before)
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    for a, b in zip(nets["ReLU"].parameters(), nets["GELU"].parameters(), strict=True):
        assert torch.equal(a, b)
    maps = {name: net[:4](x) for name, net in nets.items()}
    assert maps["ReLU"].shape == (1, 8, 7, 7)
    assert maps["ReLU"].min() == 0 and maps["GELU"].min() < 0
    assert not torch.equal(duel.networks(1)["ReLU"][0].weight, nets["ReLU"][0].weight)


class Square(nn.Module):
    """S = sum of a_i w_i + a_i^2 / 2, whose derivatives are known."""

    w = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)

    def forward(self, A):
        a = A.flatten(1)
        return (a * self.w + a**2 / 2).sum(1, keepdim=True)


def test_derivatives_of_exp_are_those_on_paper():
    A = torch.tensor([0.1, 0.4, -0.3, 0.2], dtype=torch.float64).view(1, 1, 2, 2)
    found = duel.derivatives_of_exp(Square(), A, 0, range(1, 4))
    slope = Square.w + A.flatten()  # S'; and S'' = 1, S''' = 0
    E = Square()(A).exp().item()
    paper = E * torch.stack([slope, slope**2 + 1, slope**3 + 3 * slope], 1)
    torch.testing.assert_close(found, paper[1:])
