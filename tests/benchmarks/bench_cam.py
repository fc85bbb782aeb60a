"""The CAM family beside pytorch-grad-cam, captum and torchcam: time, agreement, memory. Prints tables.

    python tests/benchmarks/bench_cam.py [rounds]          two threads, a few minutes

Networks of torchvision with seeded random weights (for the time they take weights do not matter),
EfficientNet-Lite0 with its own. Every package gives a map of the picture's size. pytorch-grad-cam's
Ablation-CAM runs the whole network once a channel, which takes minutes: it is timed on two subsets of
the channels, and the cost of one channel between them times their number is its time ("estimated").
Its agreement is measured on those channels.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("TQDM_DISABLE", "1")

import logging
import sys
import warnings

import numpy as np
import pytorch_grad_cam as gc
import torch
import torchcam.methods as tc
from captum.attr import LayerGradCam
from measure import (
    HEAD,
    Table,
    amount,
    apart,
    digits,
    extra_memory,
    in_turns,
    mib,
    ratio,
    seconds,
    show,
    timed,
)
from pytorch_grad_cam.ablation_layer import AblationLayer
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchvision import models as zoo

from xailab import cam, hooks, models
from xailab.cam import ablation

THREADS = 2
SUBSETS = (32, 64)  # pytorch-grad-cam takes 32 channels at a time
REPORT = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam")
NETWORKS = (("lite0", "head"), ("resnet50", "layer4"), ("vgg16", "features.29"))


def network(name: str) -> torch.nn.Module:
    if name == "lite0":
        return models.load_cnn().model
    torch.manual_seed(0)
    return getattr(zoo, name)(weights=None).eval().requires_grad_(False)


def picture() -> torch.Tensor:
    return torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def forward(net, x) -> torch.Tensor:
    with torch.no_grad():
        return net(x)


# --- the peers' maps, each as a numpy array (224, 224) ------------------------------------------


def full_size(raw: torch.Tensor) -> np.ndarray:
    return cam.normalise(cam.upsample(raw.detach().float(), 224))[0].numpy()


def stretched(heatmap: np.ndarray) -> np.ndarray:
    """From its minimum to its maximum, as the other packages scale, so that only formulas differ."""
    return (heatmap - heatmap.min()) / (np.ptp(heatmap) or 1)


def grad_cam_map(kind, net, layer, x, target) -> np.ndarray:
    with kind(net, [net.get_submodule(layer)]) as found:
        return found(x.clone().requires_grad_(), [ClassifierOutputTarget(target)])[0]


def torchcam_map(kind, net, layer, x, target) -> np.ndarray:
    with kind(net, layer) as found:
        scores = net(x.clone().requires_grad_())
        return full_size(found(target, scores)[0])


def captum_map(net, layer, x, target) -> np.ndarray:
    found = LayerGradCam(net, net.get_submodule(layer))
    raw = found.attribute(x.clone().requires_grad_(), target=target, relu_attributions=True)
    return full_size(raw[:, 0])


PEERS = {  # method -> package -> its map
    "cam": {"torchcam": (torchcam_map, tc.CAM)},
    "grad_cam": {
        "pytorch-grad-cam": (grad_cam_map, gc.GradCAM),
        "captum": (captum_map,),
        "torchcam": (torchcam_map, tc.GradCAM),
    },
    "grad_cam_pp": {
        "pytorch-grad-cam": (grad_cam_map, gc.GradCAMPlusPlus),
        "torchcam": (torchcam_map, tc.GradCAMpp),
    },
    "layer_cam": {
        "pytorch-grad-cam": (grad_cam_map, gc.LayerCAM),
        "torchcam": (torchcam_map, tc.LayerCAM),
    },
}
PACKAGES = ("pytorch-grad-cam", "captum", "torchcam")


def target_with_a_map(net, layer, x) -> int:
    """The best class whose Grad-CAM is not empty: empty maps would agree with anything."""
    for target in forward(net, x)[0].argsort(descending=True).tolist():
        if cam.heatmaps(net, x, layer, target, ["grad_cam"])["grad_cam"].any():
            return target
    raise ValueError("Grad-CAM is empty for every class.")


def gradient_rows(name: str, layer: str, rounds: int) -> list[tuple[str, ...]]:
    net, x = network(name), picture()
    target = target_with_a_map(net, layer, x)
    jobs = {"forward": lambda: forward(net, x)}
    for method, packages in PEERS.items():
        if method == "cam" and name == "vgg16":
            continue  # its head is not GAP + linear
        jobs[method, "xailab"] = lambda m=method: cam.heatmaps(net, x, layer, target, [m])[m][0]
        for package, (call, *kind) in packages.items():
            jobs[method, package] = lambda c=call, k=kind: c(*k, net, layer, x, target)
    if name != "vgg16":  # there Ablation-CAM runs the head again: see its own table
        jobs["all four", "xailab"] = lambda: cam.heatmaps(net, x, layer, target, REPORT)
    times = in_turns(jobs, rounds)
    base, rows = times["forward"], []
    for method in dict.fromkeys(job[0] for job in jobs if job != "forward"):
        ours = times[method, "xailab"]
        cells = []
        for package in PACKAGES:
            theirs = times.get((method, package))
            if theirs is None:
                cells.append("–")
                continue
            gap = amount(apart(stretched(ours.result), stretched(theirs.result)))
            cells.append(f"{digits(ratio(theirs, base))} ({gap})")
        memory = mib(extra_memory(jobs[method, "xailab"]))
        if (method, PACKAGES[0]) in jobs:
            memory += " / " + mib(extra_memory(jobs[method, PACKAGES[0]]))
        rows.append((f"{name}, {method}", f"{ratio(ours, base):.2f}", *cells, memory))
    rows[0] = (f"{rows[0][0]} (one forward pass: {seconds(base.median)})", *rows[0][1:])
    print(f"  {name} done", file=sys.stderr, flush=True)
    return rows


# --- ablation ------------------------------------------------------------------------------------


def our_weights(net, x, layer: str, target: int, closed_form: bool) -> torch.Tensor:
    """Ablation-CAM's channel weights (K,), the forward pass included, as heatmaps() finds them."""
    with hooks.record(net, layer, tape=True) as rec:
        logits = net(x)
    score = logits.detach()[:, target]
    if not closed_form:
        return cam.ablation_weights(score, ablation.tail_logits(rec, 0)[None, :, target])[0]
    try:
        w, _ = cam.gap_linear_head(net, rec.activations, logits)
        scores = score[:, None] - w[[target]] * rec.activations.mean((2, 3))
    except ValueError:
        scores = ablation.ablated_scores(rec, [target])
    return cam.ablation_weights(score, scores)[0]


class FirstChannels(AblationLayer):
    """pytorch-grad-cam's own ablation layer, asked to ablate the first n channels only."""

    def activations_to_be_ablated(self, activations, ratio_channels_to_ablate=1.0):
        self.indices = np.arange(self.n)
        return self.indices


def peer_weights(net, x, layer: str, target: int, n: int) -> np.ndarray:
    """The weights of the first n channels by pytorch-grad-cam, with its default batch of 32."""
    ablating = FirstChannels()
    ablating.n = n
    with gc.AblationCAM(net, [net.get_submodule(layer)], ablation_layer=ablating) as peer:
        found = {}
        weights_of = peer.get_cam_weights
        peer.get_cam_weights = lambda *a: found.setdefault("w", weights_of(*a))
        peer(x.clone().requires_grad_(), [ClassifierOutputTarget(target)])
    return found["w"][0, :n]


GROWTH = ("layer1", "layer2", "layer3", "layer4")
TAIL, CLOSED = "the tail for every channel", "closed form"
ABLATION = (
    ("resnet50", "layer4", (TAIL, CLOSED)),
    ("vgg16", "features.29", (TAIL, CLOSED)),
    ("resnet50", "layer3", (TAIL,)),
    ("lite0", "head", (CLOSED,)),
)


def ablation_rows(rounds: int) -> list[tuple[str, ...]]:
    rows = []
    for name, layer, ways in ABLATION:
        net, x = network(name), picture()
        asked = (net, x, layer, target_with_a_map(net, layer, x))
        jobs = {way: lambda way=way, a=asked: our_weights(*a, way == CLOSED) for way in ways}
        jobs |= {n: lambda n=n, a=asked: peer_weights(*a, n) for n in SUBSETS}
        times = in_turns(jobs, rounds)
        few, many = (times[n] for n in SUBSETS)
        for way in ways:
            ours, channels = times[way], len(times[way].result)
            theirs = few._replace(
                rounds=[
                    f + (m - f) / (SUBSETS[1] - SUBSETS[0]) * (channels - SUBSETS[0])
                    for f, m in zip(few.rounds, many.rounds, strict=True)
                ]
            )
            rows.append(
                (
                    f"Ablation-CAM, {name} {layer}, {channels:,} channels, {way}",
                    seconds(ours.median),
                    "pytorch-grad-cam, estimated",
                    seconds(theirs.median),
                    digits(ratio(theirs, ours)),
                    amount(apart(many.result, ours.result[: SUBSETS[1]])),
                    mib(extra_memory(jobs[way])) + " / –",
                )
            )
        print(f"  ablation, {name} {layer} done", file=sys.stderr, flush=True)
    return rows


def growth_rows() -> list[tuple[str, ...]]:
    """How ablation by the tail grows: with the channels and with what lies behind the layer."""
    net, x, rows = network("resnet50"), picture(), []
    base = in_turns({"forward": lambda: forward(net, x)}, 5)["forward"]
    for layer in GROWTH:
        with hooks.record(net, layer, tape=True) as rec:
            net(x)
        A = rec.activations
        tail = in_turns({"": lambda rec=rec, A=A: rec.tail(A)}, 3)[""].median
        whole, _ = timed(lambda rec=rec: ablation.tail_logits(rec, 0))
        rows.append(
            (
                layer,
                f"{A.shape[1]:,}",
                f"{100 * tail / base.median:.0f} %",
                seconds(whole / A.shape[1]),
                seconds(whole),
            )
        )
        print(f"  growth, {layer} done", file=sys.stderr, flush=True)
    return rows


def tables(rounds: int = 3) -> list[Table]:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)  # torchcam says which linear layer it took
    torch.set_num_threads(THREADS)
    gradient = [row for name, layer in NETWORKS for row in gradient_rows(name, layer, 3 * rounds)]
    head = (
        "network, method",
        "xailab",
        *PACKAGES,
        "extra memory, MiB (pytorch-grad-cam's behind /)",
    )
    return [
        Table(
            "One heat map, in forward passes of the same network, two threads",
            head,
            gradient,
            "In brackets: how far the package's map is from ours, both stretched from minimum to "
            "maximum as the packages do. Where it is large, at Grad-CAM++, the packages leave the "
            "paper's equation, which ours is tested against. All four: the report's methods at once.",
        ),
        Table("Ablation-CAM, two threads", HEAD, ablation_rows(rounds)),
        Table(
            "Ablation grows with the channels and with the tail behind the layer (resnet50)",
            ("layer", "channels", "one tail, of a forward pass", "a channel", "all channels"),
            growth_rows(),
        ),
    ]


if __name__ == "__main__":
    show(tables(*map(int, sys.argv[1:])))
