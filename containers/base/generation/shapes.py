"""Outlines of cells: a small variational auto-encoder of their radii, and new ones drawn from it.

An outline is the logarithm of its distance from the cell's centre in ANGLES directions, counted
from the longest axis and divided by the radius of the disc of the same area (Ruan and Murphy 2019:
models of outlines beat models of pictures, which smooth all shapes). New codes, and sizes with
them, are those of `posterior.Posterior`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from containers.base.generation.data import Collection, Floats
from containers.base.generation.posterior import Posterior

ANGLES = 48
HIDDEN = 96
SPREAD = 0.03
"""Standard deviation of a log radius that the decoder is taken to have."""
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Outline:
    """One cell's outline in its own frame."""

    radii: Floats
    """ANGLES logarithms."""
    scale: float
    """Radius of the disc of the same area, pixels."""
    centre: tuple[float, float]
    angle: float
    """Of the longest axis, radians from the columns' axis towards the rows'."""


def outline(cell: npt.NDArray[np.bool_]) -> Outline:
    """The outline of a h×w mask; radii to concave outlines are those of the outermost pixels."""
    rows, columns = np.nonzero(cell)
    centre = (float(rows.mean()), float(columns.mean()))
    down, across = rows - centre[0], columns - centre[1]
    angle = 0.5 * float(np.arctan2(2 * (down * across).mean(), (across**2 - down**2).mean()))
    scale = float(np.sqrt(rows.size / np.pi))
    steps = np.linspace(0.25, 3.5 * scale, 96)
    ways = angle + 2 * np.pi * np.arange(ANGLES) / ANGLES
    at = [
        centre[0] + np.sin(ways)[:, None] * steps,
        centre[1] + np.cos(ways)[:, None] * steps,
    ]
    inside = ndimage.map_coordinates(cell.astype(np.float32), at, order=1) >= 0.5
    last = np.where(inside.any(axis=1), inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1), 0)
    radii = np.log(np.maximum(steps[last], 0.5) / scale)
    return Outline(radii=radii.astype(np.float32), scale=scale, centre=centre, angle=angle)


def draw_outline(radii: Floats, scale: float, angle: float) -> npt.NDArray[np.bool_]:
    """The tight mask of an outline that is turned by `angle`."""
    reach = int(np.ceil(scale * float(np.exp(radii).max()))) + 1
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    place = (np.arctan2(rows, columns) - angle) / (2 * np.pi) * ANGLES % ANGLES
    limit = np.interp(place, np.arange(ANGLES + 1), scale * np.exp(np.append(radii, radii[0])))
    mask: npt.NDArray[np.bool_] = np.hypot(rows, columns) <= limit
    return mask[ndimage.find_objects(mask.astype(np.uint8))[0]]


class ShapeNetwork(torch.nn.Module):
    """N×ANGLES log radii to mean and log variance of a code of L numbers, and back."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.encoder = torch.nn.Sequential(
            torch.nn.Linear(ANGLES, HIDDEN), torch.nn.SiLU(), torch.nn.Linear(HIDDEN, 2 * latent)
        )
        self.decoder = torch.nn.Sequential(
            torch.nn.Linear(latent, HIDDEN), torch.nn.SiLU(), torch.nn.Linear(HIDDEN, ANGLES)
        )

    def forward(self, radii: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Reconstruction, mean and log variance; the code is drawn by torch's generator."""
        mean, spread = self.encoder(radii).chunk(2, dim=1)
        spread = spread.clamp(-10, 4)
        code = mean + torch.exp(spread / 2) * torch.randn_like(mean)
        return self.decoder(code), mean, spread


class ShapeModel:
    """The trained network and the codes of the training cells."""

    def __init__(self, network: ShapeNetwork, codes: Floats, stems: list[str]) -> None:
        self.network, self.codes, self.stems = network.eval(), codes, stems
        self._posterior = Posterior(codes)
        self._scales = float(np.exp(codes[:, -1].min())), float(np.exp(codes[:, -1].max()))

    def draw(self, rng: np.random.Generator) -> tuple[Floats, float, int]:
        """Log radii, scale in pixels, and the training cell whose code was moved."""
        index = int(rng.integers(len(self.codes)))
        code = self._posterior.near(index, rng)
        with torch.inference_mode():
            start = torch.from_numpy(code[None, :-1].astype(np.float32))
            radii = self.network.decoder(start)[0].numpy()
        return radii, float(np.clip(np.exp(code[-1]), *self._scales)), index

    def tensors(self) -> dict[str, torch.Tensor]:
        """What `load_shapes` takes, with the prefix of a weights file."""
        named = {f"shape.{name}": value for name, value in self.network.state_dict().items()}
        return {**named, "shape_codes": torch.from_numpy(self.codes)}


def train_shapes(
    collection: Collection, *, latent: int, steps: int, seed: int
) -> ShapeModel | None:
    """Learns the outlines of all whole cells, in seconds; None where there are fewer than two.

    The loss is the squared error over twice the variance SPREAD², summed, plus the
    Kullback-Leibler divergence, whose weight rises over the first fifth of the steps.
    """
    found = [
        (outline(np.pad(real.cell(number), 1)), real.stem)
        for real in collection
        for number in real.whole
    ]
    if len(found) < 2:
        return None
    radii = torch.from_numpy(np.stack([one.radii for one, _ in found]))
    torch.manual_seed(seed)
    network = ShapeNetwork(latent)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    rng = np.random.default_rng([seed, 5])
    for step in range(steps):
        batch = radii[torch.from_numpy(rng.integers(len(radii), size=BATCH))]
        if step >= steps // 2:
            optimiser.param_groups[0]["lr"] = 2e-3 * 2 * (steps - step) / steps
        again, mean, spread = network(batch)
        error = ((again - batch) ** 2).sum() / (2 * SPREAD**2)
        divergence = 0.5 * (mean**2 + spread.exp() - 1 - spread).sum()
        loss = (error + min(1.0, 5 * step / steps) * divergence) / BATCH
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        means = network.encoder(radii).chunk(2, dim=1)[0].numpy()
    scales = np.log([[one.scale] for one, _ in found])
    codes = np.concatenate([means, scales], axis=1).astype(np.float32)
    return ShapeModel(network, codes, [name for _, name in found])


def load_shapes(tensors: dict[str, Any], stems: list[str]) -> ShapeModel | None:
    """The model in a weights file; None when there was none."""
    if "shape_codes" not in tensors:
        return None
    codes = tensors["shape_codes"].numpy()
    network = ShapeNetwork(codes.shape[1] - 1)
    prefix = "shape."
    network.load_state_dict(
        {name[len(prefix) :]: one for name, one in tensors.items() if name.startswith(prefix)}
    )
    return ShapeModel(network, codes, stems)
