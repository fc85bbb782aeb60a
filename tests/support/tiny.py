"""A network small enough for any test, and pictures for it."""

import dataclasses

import numpy as np
import torch


@dataclasses.dataclass
class Item:
    name: str
    image: np.ndarray
    mask: np.ndarray
    target: int


class Tiny:
    """Stands in for a CNN: 16 x 16 views, three classes, no weights to load."""

    name, default_layer, resize, input_size = "tiny", "0", 16, 16

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        conv, linear = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Linear(8, 3)
        for p in [*conv.parameters(), *linear.parameters()]:
            p.data = torch.randn(p.shape, generator=generator)
        self.model = (
            torch.nn.Sequential(
                torch.nn.Sequential(conv, torch.nn.ReLU()),
                torch.nn.AdaptiveAvgPool2d(1),
                torch.nn.Flatten(),
                linear,
            )
            .eval()
            .requires_grad_(False)
        )

    def view(self, image):
        return image[:16, :16]

    view_mask = view

    def preprocess(self, image):
        return torch.from_numpy(self.view(image).copy()).permute(2, 0, 1)[None].float() / 255

    def predict_proba(self, images):
        x = torch.cat([self.preprocess(image) for image in images])
        return self.model(x).softmax(1).numpy()


class Logged(Tiny):
    """Writes the first pixel of each picture that it draws maps for into a file, in any process."""

    def __init__(self, log):
        super().__init__()
        self.log = str(log)

    def preprocess(self, image):
        with open(self.log, "a") as file:
            file.write(f"{image[0, 0, 0]}\n")
        return super().preprocess(image)


def made(n=7, size=16):
    """n items; the first pixel of picture i is i."""
    rng = np.random.default_rng(0)
    items = []
    for i in range(n):
        mask = np.zeros((size, size), bool)
        mask[2 : 8 + i % 3, 3:12] = True
        image = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
        image[0, 0, 0] = i
        items.append(Item(f"p{i}", image, mask, i % 3))
    return items


METHODS = ("grad_cam", "layer_cam")
