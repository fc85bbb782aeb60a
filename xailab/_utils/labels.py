"""What a reader sees instead of a name in the code: "Grad-CAM++" for ``grad_cam_pp``."""

from collections.abc import Mapping

# The CAM family and the baselines of ``evaluate``. No torch here: plots use it too.
LABELS = {
    "cam": "CAM",
    "grad_cam": "Grad-CAM",
    "grad_cam_pp": "Grad-CAM++",
    "ablation_cam": "Ablation-CAM",
    "layer_cam": "Layer-CAM",
    "hires_cam": "HiResCAM",
    "input_gradient": "input gradient",
    "edge_map": "edge map",
    "centre_blob": "centre blob",
    "random_map": "random map",
}
NETWORKS = {
    "efficientnet_lite0": "EfficientNet-Lite0",
    "efficientnet_lite1": "EfficientNet-Lite1",
    "efficientnet_lite2": "EfficientNet-Lite2",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "resnet50": "ResNet50",
    "scene_net": "scene network",
}
# the two segmentations of ``lime_image`` that are no English words
SEGMENTATIONS = {"slic": "SLIC", "felzenszwalb": "Felzenszwalb"}
# the photographs whose names are more than their words
PICTURES = {
    "arc_de_triomphe": "Arc de Triomphe",
    "berlin_cathedral": "Berlin Cathedral",
    "chateau_de_chambord": "Château de Chambord",
    "dome_of_the_rock": "Dome of the Rock",
    "great_stupa": "Great Stupa",
    "hammer_bench": "hammer on a bench",
    "hammer_blue": "blue hammer",
    "hammer_claw": "claw hammer",
    "hammer_red": "red hammer",
    "hammer_sledge": "sledgehammer",
    "india_gate": "India Gate",
    "komodo_dragon": "Komodo dragon",
    "measuring_tape_blue": "blue measuring tape",
    "neuschwanstein_castle": "Neuschwanstein Castle",
    "nubian_ibex": "Nubian ibex",
    "pont_du_gard": "Pont du Gard",
    "schwerin_palace": "Schwerin Palace",
}
KNOWN = LABELS | NETWORKS | SEGMENTATIONS


def label(name: object) -> str:
    """The label of a method or network, or of a pair of them; any other name as it is.

    >>> label("grad_cam_pp"), label("layer_cam - grad_cam"), label("my_method")
    ('Grad-CAM++', 'Layer-CAM - Grad-CAM', 'my_method')
    """
    return " - ".join(KNOWN.get(part, part) for part in str(name).split(" - "))


def layer_label(name: str, shape: tuple[int, int, int], last: bool = False) -> str:
    """A layer with the number and the size of its feature maps. shape: (K, h, w).

    >>> layer_label("blocks.10", (112, 14, 14)), layer_label("head", (1280, 7, 7), last=True)
    ('blocks.10 (112 maps, 14 x 14)', 'head (last layer, 1,280 maps, 7 x 7)')
    """
    k, h, w = shape
    return f"{name} ({'last layer, ' * last}{k:,} maps, {h} x {w})"


def feature_label(name: object, units: Mapping[str, str] | None = None) -> str:
    """The name of a feature with the unit of its numbers, where one is known.

    >>> feature_label("Age", {"Age": "years"}), feature_label("Sex", {"Age": "years"})
    ('Age (years)', 'Sex')
    """
    unit = (units or {}).get(str(name))
    return f"{name} ({unit})" if unit else str(name)


def picture_label(name: str) -> str:
    """The name of a picture as a person writes it.

    >>> picture_label("red_panda"), picture_label("hammer_claw")
    ('red panda', 'claw hammer')
    """
    return PICTURES.get(name, name.replace("_", " "))
