"""What a reader sees instead of a method's name: "Grad-CAM++" for ``grad_cam_pp``."""

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


def label(name: object) -> str:
    """The label of a method, or of a pair of them; any other name as it is.

    >>> label("grad_cam_pp"), label("layer_cam - grad_cam"), label("my_method")
    ('Grad-CAM++', 'Layer-CAM - Grad-CAM', 'my_method')
    """
    return " - ".join(LABELS.get(part, part) for part in str(name).split(" - "))
