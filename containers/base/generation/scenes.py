"""What a picture is to show: a mask, each cell's brightness, and the look of a real image."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from containers.base.generation.crops import cut_window
from containers.base.generation.data import Collection, Floats, Levels, Real, scale
from containers.base.generation.encode import condition, touching_share
from containers.base.generation.placing import Ground, renumber, turned
from containers.base.generation.shapes import ShapeModel, draw_outline
from contract import CallError

NEIGHBOURS = 6
"""Images of the most similar look whose cells may be placed into one picture."""
COUNT_SPREAD = 0.15
"""Standard deviation of the logarithm by which the number of cells differs from the real image."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One picture to come."""

    labels: npt.NDArray[np.int32]
    """H×W, ids 0..n, each one 4-connected piece."""
    glow: Floats
    """The grey of each cell by id in [-1, 1], the ground's under 0."""
    style: Floats
    """See `data.Real.style`."""
    levels: Levels
    anchor: str
    """Stem of the image whose look it has."""
    modality: str
    sources: frozenset[str]
    """Stems of all images that anything here comes from."""
    picture: Floats | None = None
    """H×W×C in [-1, 1]: the real image of a real mask."""

    def condition(self) -> Floats:
        """See `encode.condition`."""
        return condition(self.labels, self.glow, self.style)


class Scenes:
    """Draws scenes from the training images. What is drawn depends on the generator alone."""

    def __init__(self, collection: Collection, shapes: ShapeModel | None, largest: int) -> None:
        self._collection, self._shapes, self._largest = collection, shapes, largest
        self._known = set(collection.stems)
        self._ways: Mapping[str, Callable[[Real, np.random.Generator], Scene]] = {
            "real": self._real,
            "replaced": self._replaced,
            "sampled": self._sampled,
        }

    def draw(self, how: str, rng: np.random.Generator) -> Scene:
        """A scene whose mask is a real one, real cells placed anew, or new outlines.

        Raises CallError for another word, and for shapes that could not be learned.
        """
        if how not in self._ways:
            raise CallError(
                f"There are no masks {how!r}.", do=f"choose one of: {', '.join(self._ways)}"
            )
        anchor = self._collection[int(rng.integers(len(self._collection)))]
        return self._ways[how](anchor, rng)

    def _real(self, anchor: Real, rng: np.random.Generator) -> Scene:
        window = cut_window(anchor.labels.shape, self._largest, None, rng)
        window = replace(window, missing=(0, 0))  # a smaller image stays as small as it is
        scene = self._scene(anchor, window.cut(anchor.labels), anchor.glow, ())
        return replace(scene, picture=scale(window.cut(anchor.image)))

    def _replaced(self, anchor: Real, rng: np.random.Generator) -> Scene:
        """As many cells as in the anchor, from it and from images that look most like it."""
        near = self._near(anchor, rng)
        shape, wanted = self._size_and_count(anchor, rng)
        touching = touching_share(anchor.labels)
        ground, glow, sources = Ground(shape), [anchor.glow[0]], list[str]()
        for _ in range(wanted):
            real = near[int(rng.integers(len(near)))]
            if not real.whole:
                continue
            number = real.whole[int(rng.integers(len(real.whole)))]
            cell = turned(real.cell(number), rng)
            if ground.put(cell, rng.random() < touching, rng, _spacing(anchor, rng)):
                glow.append(_transferred(real, anchor, number))
                sources.append(real.stem)
        return self._scene(anchor, ground.labels, np.array(glow, np.float32), sources)

    def _sampled(self, anchor: Real, rng: np.random.Generator) -> Scene:
        """As many cells as in the anchor and as bright, with outlines of the shape model."""
        if self._shapes is None:
            raise CallError(
                "There are no masks to sample.",
                why="fewer than two whole cells were there to learn outlines from",
                do="choose masks real or replaced",
            )
        shape, wanted = self._size_and_count(anchor, rng)
        touching = touching_share(anchor.labels)
        ground, glow, sources = Ground(shape), [anchor.glow[0]], list[str]()
        for _ in range(wanted):
            radii, size, index = self._shapes.draw(rng)
            cell = draw_outline(radii, size, rng.uniform(0, 2 * np.pi))
            if ground.put(cell, rng.random() < touching, rng, _spacing(anchor, rng)):
                glow.append(anchor.glow[1 + int(rng.integers(anchor.cells))])
                sources += {self._shapes.stems[index]} & self._known
        return self._scene(anchor, ground.labels, np.array(glow, np.float32), sources)

    def _scene(
        self,
        anchor: Real,
        labels: npt.NDArray[np.int32],
        glow: Floats,
        others: Iterable[str],
    ) -> Scene:
        labels, glow = renumber(labels, glow)
        return Scene(
            labels=labels,
            glow=glow,
            style=anchor.style,
            levels=anchor.levels,
            anchor=anchor.stem,
            modality=anchor.modality,
            sources=frozenset({anchor.stem, *others}),
        )

    def _near(self, anchor: Real, rng: np.random.Generator) -> list[Real]:
        """The anchor and, of some images of its modality, those whose look is most like its."""
        pairs = self._collection.pairs
        alike = [n for n, pair in enumerate(pairs) if pair.modality == anchor.modality]
        drawn = rng.permutation(len(alike))[: 4 * NEIGHBOURS]
        others = [self._collection[alike[int(place)]] for place in drawn]
        others.sort(key=lambda real: float(np.abs(real.style - anchor.style).sum()))
        return [anchor, *(real for real in others if real.stem != anchor.stem)][:NEIGHBOURS]

    def _size_and_count(
        self, anchor: Real, rng: np.random.Generator
    ) -> tuple[tuple[int, int], int]:
        height, width = anchor.labels.shape
        shape = min(height, self._largest), min(width, self._largest)
        share = shape[0] * shape[1] / (height * width)
        wanted = anchor.cells * share * np.exp(rng.normal(0, COUNT_SPREAD))
        return shape, round(float(wanted)) if anchor.cells else 0


def _transferred(source: Real, anchor: Real, number: int) -> float:
    """A cell's brightness in another image, where its place between ground and cells is kept."""
    ground, cells = source.glow[0], _middle(source)
    place = (source.glow[number] - ground) / _not_zero(float(cells - ground))
    return float(np.clip(anchor.glow[0] + place * (_middle(anchor) - anchor.glow[0]), -1, 1))


def _spacing(anchor: Real, rng: np.random.Generator) -> float:
    """One of the distances between neighbours in the anchor; 0 where there are none."""
    return float(rng.choice(anchor.spacing)) if anchor.spacing.size else 0.0


def _middle(real: Real) -> float:
    return float(np.median(real.glow[1:])) if real.cells else float(real.glow[0])


def _not_zero(value: float) -> float:
    return value if abs(value) > 0.02 else 0.02 if value >= 0 else -0.02
