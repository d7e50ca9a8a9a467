"""CellProfiler-style features of single cells, measured by cp-measure."""

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import CallError
from evaluator.synthetic.distances import Rows
from evaluator.synthetic.folders import Grey, Labels, Pair

GREY_LEVELS = 32
"""Of the co-occurrence matrices: two hundred times faster than 256."""
SMALLEST = 30
"""Pixels of the smallest cell that is measured: texture is not defined of less."""
MOST_CELLS = 1500
"""Of one side; whole images are taken until there are so many."""
GROUPS = {
    "sizeshape": "shape",
    "feret": "shape",
    "zernike": "outline moments",
    "intensity": "intensity",
    "radial_distribution": "radial distribution",
    "radial_zernikes": "intensity moments",
    "texture": "texture",
    "granularity": "granularity",
}
"""cp-measure's groups and what they are called here."""
PLACED = re.compile(
    r"Center|^Location|BoundingBox|^Extent$|Orientation|^(Spatial|Central|Normalized)Moment"
    r"|^InertiaTensor_|ZernikePhase"
)
"""Features that say where a cell lies or how it is turned, not what it is like."""
DIRECTION = re.compile(r"_\d+_(\d\d)_\d+$")
"""Texture has a direction in its name; the mean over the four is kept."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Feature vectors of one side, and the images that they come from."""

    features: tuple[str, ...]
    """Names, as `texture/Contrast`."""
    rows: Rows
    """(rows, features)."""
    unit: npt.NDArray[np.intp]
    """(rows,) places in `units`."""
    units: tuple[str, ...]
    """Stems of the images; one without rows counts as well."""

    @property
    def images(self) -> int:
        """Images that gave at least one row."""
        return len(np.unique(self.unit))

    def only(self, kept: npt.NDArray[np.bool_]) -> "Sample":
        """Those of the rows."""
        return Sample(
            features=self.features, rows=self.rows[kept], unit=self.unit[kept], units=self.units
        )


def whole_cells(labels: Labels) -> npt.NDArray[np.int32]:
    """H×W ids from 1 on, of the cells that touch no border and have SMALLEST pixels or more."""
    ids, sizes = np.unique(labels, return_counts=True)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    kept = ids[(ids > 0) & (sizes >= SMALLEST) & ~np.isin(ids, border)]
    places = np.searchsorted(kept, labels).clip(max=max(len(kept) - 1, 0))
    inside = kept[places] == labels if len(kept) else np.zeros(labels.shape, dtype=bool)
    return np.where(inside, places + 1, 0).astype(np.int32)


def measure(pairs: Sequence[Pair], most: int = MOST_CELLS, seed: int = 0) -> Sample:
    """The features of the whole cells of these images, in a drawn order until there are `most`.

    Raises CallError when cp-measure is not installed.
    """
    order = np.random.default_rng(seed).permutation(len(pairs))
    tables: list[Mapping[str, npt.NDArray[np.float64]]] = []
    units: list[str] = []
    unit: list[int] = []
    for place in order:
        pair = pairs[place]
        opened = pair.open()
        labels = whole_cells(opened.labels)
        cells = int(labels.max(initial=0))
        if cells:
            tables.append(measure_image(opened.grey, labels))
            unit += [len(units)] * cells
        units.append(pair.stem)
        if len(unit) >= most:
            break
    names = tuple(tables[0]) if tables else ()
    rows = [np.stack([table[name] for name in names], axis=1) for table in tables]
    return Sample(
        features=names,
        rows=np.concatenate(rows) if rows else np.zeros((0, 0)),
        unit=np.array(unit, dtype=np.intp),
        units=tuple(units),
    )


def measure_image(grey: Grey, labels: Labels) -> dict[str, npt.NDArray[np.float64]]:
    """Feature → (cells,) values, of H×W grey values in [0, 1] and ids 1 … cells.

    Position, orientation and raw moments are left out, texture is the mean over directions. What
    cannot be said of a cell is NaN. Source: Muñoz, Kalinin et al., cp-measure (2025); Stirling et
    al., CellProfiler 4, BMC Bioinf. 22, 433 (2021). Raises CallError without cp-measure.
    """
    try:
        from cp_measure.bulk import get_core_measurements
    except ImportError as error:
        raise CallError(
            "Features of cells need the package cp-measure, which is not installed.",
            "cellbench was installed without its extra `synthetic`",
            "pip install 'cellbench[synthetic]'",
        ) from error
    found: dict[str, list[npt.NDArray[np.float64]]] = {}
    # mahotas and centrosome divide by zero where a cell is flat; what comes of it is NaN
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for group, function in get_core_measurements().items():
            for name, values in _called(function, group, labels, grey).items():
                if PLACED.search(name):
                    continue
                key = f"{GROUPS.get(group, group)}/{DIRECTION.sub('', name)}"
                found.setdefault(key, []).append(np.asarray(values, dtype=np.float64))
    return {name: np.mean(values, axis=0) for name, values in found.items()}


def _called(function: Any, group: str, labels: Labels, grey: Grey) -> Mapping[str, Any]:
    given = {"gray_levels": GREY_LEVELS} if group == "texture" else {}
    return dict(function(labels, grey, **given))


def usable(real: Sample, others: Iterable[Sample]) -> tuple[Sample, tuple[Sample, ...]]:
    """The samples without features that say nothing of the real cells, and without gaps.

    A feature goes where more than one cell in a hundred of the real has no value or half of them
    share one; a row goes where a value is left that is not finite. A sample without cells has no
    features of its own and gets those of the real ones; without real cells there are none.
    """
    kept = _telling(real.rows)
    features = tuple(np.array(real.features)[kept])
    samples = []
    for sample in (real, *others):
        known = sample.features == real.features
        rows = sample.rows[:, kept] if known else np.zeros((len(sample.rows), len(features)))
        whole = Sample(features=features, rows=rows, unit=sample.unit, units=sample.units)
        samples.append(whole.only(np.asarray(np.isfinite(rows).all(axis=1))))
    return samples[0], tuple(samples[1:])


def _telling(rows: Rows) -> npt.NDArray[np.bool_]:
    """(features,) whether nearly all real cells have a value, and not half of them the same."""
    if not len(rows):
        return np.zeros(rows.shape[1], dtype=bool)
    finite = np.isfinite(rows)
    low, high = np.nanpercentile(np.where(finite, rows, np.nan), [25, 75], axis=0)
    return np.asarray((finite.mean(axis=0) >= 0.99) & (high > low))
