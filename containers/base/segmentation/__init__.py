"""What the segmentation models share. Import from the modules; importing the package is free.

A model brings a network and a `task`: what the network learns, and how its outputs become cells.
`three_class` is a task that most networks can learn, with `targets`, `losses` and `decode`. The
model's class inherits `segmenter.NetworkSegmenter` and names both; the rest is called from there.

To train: `settings` (all that a profile can say), `material` (the images of a call: `data`,
`crops`, `augment`, `normalise`, `resample`), `step` (one step of the optimiser), `validation` (with
`match`), `schedule`, `journal` and `checkpoint` (what is left on the disk), and `loop`.

To predict: `weights`, `predict`, `tiling`.

Both run on a `device`, and on its cores through `workers`.
"""
