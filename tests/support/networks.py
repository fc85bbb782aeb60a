"""Small networks of every kind that the CAM family has to work on, for several test files."""

import torch
from torch import nn
from torch.nn import functional as F


def small_cnn(gap=True, act=nn.ReLU):
    """Two convolutions and a head: GAP + linear, or one that is not."""
    pool = nn.AdaptiveAvgPool2d(1) if gap else nn.AdaptiveAvgPool2d(2)
    rest = [nn.Linear(6, 5)] if gap else [nn.Linear(24, 8), act(), nn.Linear(8, 5)]
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        act(),
        nn.Conv2d(4, 6, 3, 2, 1),
        act(),
        pool,
        nn.Flatten(),
        *rest,
    ).eval()


class SmallVGG(nn.Module):
    """VGG's plan: convolutions with ReLU in place, and three linear layers on flattened maps."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.ReLU(True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(True),
            nn.MaxPool2d(2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(3)
        self.classifier = nn.Sequential(
            nn.Linear(72, 16),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(16, 16),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(16, 5),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class UNet(nn.Module):
    """An encoder with a skip connection around the middle, some steps in place."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3, padding=1)
        self.side = nn.Conv2d(4, 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.middle = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU(True), nn.Conv2d(6, 6, 1))
        self.up = nn.Conv2d(10, 5, 3, padding=1)
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        skip = self.down(x)
        skip += self.side(skip)
        skip = self.relu(skip)
        middle = F.interpolate(self.middle(skip), scale_factor=2.0)
        return self.head(F.gelu(self.up(torch.cat([skip, middle], 1))).mean((2, 3)))


class DataDependent(nn.Module):
    """Plain Python decides from the numbers which branch runs and how often."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.bright, self.dark = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 1)
        self.last, self.head = nn.Conv2d(6, 7, 3, padding=1), nn.Linear(7, 4)

    def forward(self, x):
        a = self.stem(x).relu()
        for _ in range(1 + int(x[0, 0, 0, 0] > 0)):
            a = (self.bright if a.mean().item() > 0.2 else self.dark)(a).tanh()
        b = self.last(a)
        return self.head(torch.tanh(b if b.mean().item() > 0 else -2 * b).mean((2, 3)))


def network(name: str) -> nn.Module:
    """A small one of the kind, in eval mode, for inputs (B, 3, 32, 32), weights by torch's seed."""
    model = _build(name)
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.normal_(norm.bias, 0, 0.2)
        norm.momentum = 1.0  # so that one batch sets the statistics, and no signal dies out
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 32, 32))
    return model.eval()


def _build(name: str) -> nn.Module:
    from torchvision import models as tv

    if name == "vit":
        from torchvision.models.vision_transformer import VisionTransformer

        model = VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=5)
        nn.init.normal_(model.heads.head.weight)
    elif name == "swin":
        from torchvision.models.swin_transformer import SwinTransformer

        model = SwinTransformer([4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=5)
        nn.init.normal_(model.head.weight)
    elif name == "convnext":
        from torchvision.models.convnext import CNBlockConfig, ConvNeXt

        stages = [CNBlockConfig(8, 16, 2), CNBlockConfig(16, None, 2)]
        model = ConvNeXt(stages, num_classes=5, layer_scale=0.5)
        nn.init.normal_(model.classifier[2].weight)
    elif name == "inception":
        from torchvision.models.googlenet import BasicConv2d, Inception

        model = nn.Sequential(
            BasicConv2d(3, 8, kernel_size=3, stride=2),
            Inception(8, 4, 4, 6, 2, 4, 4),
            Inception(18, 4, 4, 6, 2, 4, 4),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(72, 5),
        )
    elif name == "densenet":
        model = tv.DenseNet(8, (2, 3, 2), 8, num_classes=5)
    elif name in OWN:
        model = OWN[name]()
    else:
        model = getattr(tv, name)(weights=None, num_classes=5)
    return model


OWN = {"vgg": SmallVGG, "unet": UNet, "data_dependent": DataDependent}

# Layers that return maps, some inside a block, some its end; the last is where CAMs are made.
MAP_LAYERS = {
    "resnet18": ["layer1.0.bn1", "layer2.0.downsample", "layer3.1", "layer4"],
    "vgg": ["features.0", "features.3", "features.4", "features.5"],
    "densenet": ["features.denseblock1.denselayer2.conv1", "features.denseblock2", "features"],
    "inception": ["1.branch2.0.conv", "1.branch3", "2"],
    "mobilenet_v2": ["features.4.conv.1", "features.7", "features.18"],
    "convnext": ["features.1.0.block.0", "features.1", "features.3.0"],
    "unet": ["down", "side", "middle.0", "middle.2", "up"],
    "data_dependent": ["stem", "last"],
}
