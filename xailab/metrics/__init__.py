"""How good is an explanation? Overlap with an object, faithfulness to the model, and how sure we are."""

from .intervals import Interval, bootstrap_interval, compare, holm, paired_bootstrap
from .overlap import (
    LOCALISATION,
    best_threshold,
    box_mask,
    cross_validated_threshold,
    f1,
    grid_pointing_game,
    iou,
    localisation,
    pointing_game,
    precision,
    recall,
    region,
    saliency_score,
    threshold_curve,
)

_OF_A_NETWORK = (
    "Curve",
    "Cascade",
    "average_drop",
    "deletion",
    "insertion",
    "map_similarity",
    "cascading_randomisation",
    "stability",
)


def __getattr__(name: str):
    """The measures that ask a network, imported when first used: torch takes seconds to load."""
    if name in _OF_A_NETWORK:
        from . import faithfulness

        return getattr(faithfulness, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
