"""Shapley values: exact over all coalitions, and two estimates for when there are too many.

``game`` says what a coalition of features is worth; ``exact_values`` and ``estimates`` share it out;
``attribution`` is what comes out.
"""

from .attribution import Attribution, Attributions
from .estimates import constrained_fit, kernel, kernel_weight, sampling
from .exact_values import exact, exact_rows, interaction_values, shapley_from_values
from .game import coalition_values
