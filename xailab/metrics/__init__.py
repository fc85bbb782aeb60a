"""How good is an explanation? Overlap with an object, faithfulness to the model, and how sure we are."""

from importlib import import_module
from typing import Any

from .intervals import Interval, bootstrap_interval, compare, holm, paired_bootstrap
from .overlap import (
    LOCALISATION,
    average_precision,
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

# measures that ask a network are imported when first used: torch takes seconds to load
_IMPORTED_WHEN_USED = {
    **dict.fromkeys(("Curve", "average_drop", "deletion", "insertion"), "faithfulness"),
    **dict.fromkeys(
        ("Cascade", "cascading_randomisation", "map_similarity", "stability"), "sanity"
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _IMPORTED_WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_IMPORTED_WHEN_USED[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_IMPORTED_WHEN_USED])
