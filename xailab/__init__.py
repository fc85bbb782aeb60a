"""xailab: the helper package of a Jupyter course on Explainable AI.

The house, from the ground up; imports run downwards only:

    inputs, tensor_inputs: what every door checks first; interrupts, results: nothing is lost
    images, scenes -> data; weights, income_net, efficientnet_lite, tape -> hooks
    images and the last four -> models -> planted
    local_fit -> lime_tabular, chosen_masks -> lime_image, lime_text -> stability
    attribution -> shapley -> capstone; data, lime_text -> texts; lime_text -> marked_text
    integrated_gradients; counterfactual; own_table
    ablation, maps -> cam; duel
    intervals, faithfulness -> metrics -> controls, measure -> evaluate, datasets -> report
    figure_text -> drawing -> table_plots -> plots; panels, overlay -> picker -> widgets, image_widgets
    exercises -> exercises_tables, _shapley, _images, _measures, _texts, _beyond; progress -> checks; quiz
    course -> checklist -> site_pages -> website -> editions -> handin; offline: pages, site, archive

Every module has one subject and can be imported on its own, for example
``from xailab import cam``. Nothing is imported here, so that a notebook which
only needs Shapley values never waits for a neural network library.
"""

__version__ = "0.1.0"
