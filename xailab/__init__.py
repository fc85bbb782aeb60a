"""xailab: the helper package of a Jupyter course on Explainable AI.

A subject is one folder or one file here, as in ``from xailab import cam, data, shapley``. Imports run
one way, in the order that ``tests/house/test_house.py`` lists. Nothing is imported in this file, so a
notebook that needs only Shapley values does not wait for a neural network library.
"""

__version__ = "0.1.0"
