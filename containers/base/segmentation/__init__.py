"""What the segmentation models share. Import from the modules; importing the package is free.

To train: `settings` (all that a profile can say), `data` and `crops` (which pixels a network sees),
`augment`, `targets`, `losses`, `three_class` (a complete task: target, loss, decoding), `step`
and `loop` (`train_network` is the one call a model needs), `schedule`, `checkpoint`, `validation`.

To predict: `weights` (`load_predictor` is the one call a model needs), `predict`, `tiling`,
`decode`, `normalise`, `resample`.

A model with other outputs writes its own task, an object with the methods of `loop.Task`.
"""
