"""The exercises of notebooks 10 to 13."""

from .exercises import Exercise

__all__ = ["EXERCISES"]

EXERCISES: dict[str, Exercise] = {}
