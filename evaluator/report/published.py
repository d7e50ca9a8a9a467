"""Published scores to set beside ours, for models of the same name.

They come from a benchmark of five models on the 101 tuning images of the NeurIPS 2022 Cell
Segmentation Challenge (neurips22-cellseg.grand-challenge.org), trained on 1000 labelled images and
scored by the challenge's script: the mean F1 at IoU 0.5.
"""

MEAN_F1 = {
    "unet": 0.3344,
    "nnunet": 0.3725,
    "sac": 0.0037,
    "lstmunet": 0.2898,
    "maunet": 0.5355,
}
NOTE = (
    "Published F1: a benchmark on the 101 tuning images of the NeurIPS 2022 Cell Segmentation"
    " Challenge, after training on 1000 labelled images. It compares with this report only as far"
    " as images, training and protocol agree."
)


def published_f1(model: str) -> float | None:
    """The published mean F1 of the model with that name, capital letters ignored."""
    return MEAN_F1.get(model.lower())
