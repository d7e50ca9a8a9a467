"""What a network is trained for: with the network itself, all that a model brings."""

from typing import Any, Protocol, TypeVar

import numpy as np
import torch

Output = TypeVar("Output", contravariant=True)
Decoding = TypeVar("Decoding")


class Task(Protocol[Output, Decoding]):
    """What a network learns, and how what it says becomes cells.

    `Output` is what the network returns for a batch of images: a tensor, or whatever the model
    likes. `Decoding` is a frozen dataclass (or pydantic model) of the numbers that decoding depends
    on; the validation images choose one of `decodings`, which is kept with the weights.

    In training `encode` makes the targets of the crops and `loss` holds the outputs against them.
    In prediction `activate` makes maps of the outputs, which are averaged over windows and mirror
    images, and `decode` finds the cells in them.

    A task is made of its settings and inherits their class, so that `contract.take` makes one from
    a profile, and again from what is kept with the weights. `three_class.ThreeClass` is complete.
    """

    @property
    def loss_name(self) -> str:
        """For training.json."""
        ...

    @property
    def maps(self) -> int:
        """Maps that `activate` makes, M."""
        ...

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """The target of a crop, from its H×W int32 labels; a batch of targets is stacked."""
        ...

    def loss(self, outputs: Output, target: torch.Tensor) -> torch.Tensor:
        """A scalar: the mean over the images of a batch."""
        ...

    def activate(self, outputs: Output) -> torch.Tensor:
        """B×M×H×W float32 maps."""
        ...

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: Decoding, scale: float
    ) -> np.ndarray:
        """H×W int32 labels of size `shape`, 0 for background.

        `maps` is M×h×w float16 in working pixels, `scale` of which make one pixel of `shape`.
        """
        ...

    def first_decoding(self) -> Decoding:
        """What is used until the validation images have chosen; of the class that all are of."""
        ...

    def decodings(self) -> list[Decoding]:
        """The candidates; of equally good ones the first is taken."""
        ...

    def model_dump(self) -> dict[str, Any]:
        """The settings by key, as pydantic's models give them."""
        ...
