"""What the generators share. Import from the modules; importing the package is free.

A generator trains a network and paints scenes with it. A `scenes.Scene` is a mask, the brightness
of each cell, the look of a real image, and the names of the images that all this came from. Its
masks are real ones, real cells `placing` has put elsewhere, or cells with outlines from `shapes`.

To train: `settings`, `data` (the images), `crops`, `encode` (masks as networks see them), and
`loop`, which resumes to the bit. To generate: `weights`, `scenes`, and `quality`, the filter that
the validation images have set.

`pictures` reads real images as they can be written again, for generators that paint nothing.
"""
