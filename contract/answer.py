"""What a model answers for an image, checked."""

import numpy as np

from contract.protocol import Image, Prediction, Segmenter


def ask(model: Segmenter, image: Image) -> Prediction:
    """The model's labels of the image; TypeError and ValueError for what cannot be them."""
    found = model.predict(image)
    said = found if isinstance(found, Prediction) else Prediction(labels=found)
    _refuse_wrong_labels(said.labels, image.pixels.shape)
    counts = {str(name): int(number) for name, number in said.counts.items()}
    return Prediction(labels=said.labels, counts=counts, message=str(said.message))


def _refuse_wrong_labels(labels: object, shape: tuple[int, ...]) -> None:
    if not isinstance(labels, np.ndarray):
        raise TypeError(f"the model gave {type(labels).__name__}, not a numpy array of labels")
    if labels.shape != shape[:2]:
        raise ValueError(
            f"the model gave labels of shape {labels.shape} for an image of {shape[:2]}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"the model gave labels of type {labels.dtype}, not whole numbers")
