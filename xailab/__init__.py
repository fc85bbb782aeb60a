"""xailab: the helper package of a Jupyter course on Explainable AI.

The house, from the ground up; imports run downwards only:

    data -> models -> hooks -> cam, lime_tabular, lime_image, shapley -> metrics -> plots -> widgets

Every module has one subject and can be imported on its own, for example
``from xailab import cam``. Nothing is imported here, so that a notebook which
only needs Shapley values never waits for a neural network library.
"""

__version__ = "0.1.0"
