"""New textures for given outlines, and what a decoder smooths away."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from containers.base.generation.data import Collection, Floats
from containers.base.generation.posterior import Posterior
from containers.base.generation.shapes import Outline
from containers.vae.network import TextureNetwork
from containers.vae.nuclei import (
    Nuclei,
    contrast_of,
    find_outline,
    frame,
    place_in_frame,
)

ALIKE = 16
"""Training nuclei of the most similar outline among which a texture is drawn."""
MEASURED = 300
"""Nuclei whose grain is measured."""


@dataclass(frozen=True, kw_only=True)
class Grain:
    """What real nuclei have beyond their decoded textures."""

    spread: float
    """Standard deviation in units of the nucleus's brightness above the ground."""
    correlation: float
    """Between neighbouring pixels."""


class Textures:
    """Draws a texture for an outline: a step from the code of a nucleus with such an outline."""

    def __init__(
        self, network: TextureNetwork, codes: Floats, radii: Floats, stems: list[str], side: int
    ) -> None:
        self._network, self._codes, self._radii = network.eval(), codes, radii
        self.stems, self._side = stems, side
        self._posterior = Posterior(codes)

    def draw(self, shape: Outline, cell: Floats, rng: np.random.Generator) -> tuple[Floats, str]:
        """S×S texture for an outline and its mask in the frame, and the stem of the nucleus."""
        distance = np.abs(self._radii - shape.radii).sum(axis=1)
        alike = np.argsort(distance, kind="stable")[:ALIKE]
        index = int(alike[int(rng.integers(len(alike)))])
        return self.decode(self._posterior.near(index, rng), cell), self.stems[index]

    @torch.inference_mode()
    def decode(self, code: npt.NDArray[np.floating], cell: Floats) -> Floats:
        """S×S texture of a code in a mask."""
        device = next(self._network.parameters()).device
        codes = torch.from_numpy(code.astype(np.float32))[None].to(device)
        masks = torch.from_numpy(cell)[None, None].to(device)
        texture: Floats = self._network.decode(codes, masks)[0, 0].float().cpu().numpy()
        return texture

    def mask_in_frame(self, labels: npt.NDArray[np.int32], number: int, shape: Outline) -> Floats:
        """S×S, 1 where the frame's pixel lies in the cell."""
        at = np.rint(frame(shape, self._side)).astype(int)
        inside = ((at >= 0) & (at < np.array(labels.shape)[:, None, None])).all(axis=0)
        at = np.clip(at, 0, np.array(labels.shape)[:, None, None] - 1)
        mask: Floats = ((labels[at[0], at[1]] == number) & inside).astype(np.float32)
        return mask

    def spread_out(
        self,
        texture: Floats,
        shape: Outline,
        rows: npt.NDArray[np.int_],
        columns: npt.NDArray[np.int_],
    ) -> Floats:
        """The texture at pixels of the image."""
        at = place_in_frame(shape, rows, columns, self._side)
        values: Floats = ndimage.map_coordinates(texture, at, order=1, mode="nearest")
        return values

    def measure(self, nuclei: Nuclei, collection: Collection) -> Grain:
        """The grain of the first MEASURED nuclei of a regular choice."""
        step = max(1, len(nuclei.places) // MEASURED)
        squares, products, count, pairs = 0.0, 0.0, 0, 0
        for place in range(0, len(nuclei.places), step):
            index, number = nuclei.places[place]
            real = collection[index]
            box = real.box(number)
            shape = find_outline(real.labels, number, box)
            texture = self.decode(self._codes[place], nuclei.masks[place])
            rows, columns = np.mgrid[box]
            ground = real.glow[0]
            own = (real.grey[box] - ground) / contrast_of(float(real.glow[number] - ground))
            decoded = self.spread_out(texture, shape, rows.ravel(), columns.ravel())
            inside = ndimage.binary_erosion(real.labels[box] == number)
            rest = np.where(inside, own - decoded.reshape(own.shape), 0)
            both = inside[:, 1:] & inside[:, :-1]
            squares, count = squares + float((rest**2).sum()), count + int(inside.sum())
            products += float((rest[:, 1:] * rest[:, :-1])[both].sum())
            pairs += int(both.sum())
        if not count or not pairs or squares == 0:
            return Grain(spread=0.0, correlation=0.0)
        variance = squares / count
        return Grain(
            spread=float(np.sqrt(variance)),
            correlation=float(np.clip(products / pairs / variance, 0, 0.95)),
        )
