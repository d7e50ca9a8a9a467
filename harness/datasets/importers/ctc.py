"""The Cell Tracking Challenge: movies 01, 02 … with gold truth in 01_GT and silver in 01_ST."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from contract import CallError
from harness.datasets.importers.files import below, nothing
from harness.datasets.importers.layout import read_label
from harness.datasets.importers.record import Choices, Labels, Left, LeftOut, Record, Truth

TARGETS = ("gold", "silver")


@dataclass(frozen=True, kw_only=True)
class _Masks:
    """The files that speak of one frame."""

    gold: Path | None
    silver: Path | None
    markers: Path | None


def recognise(source: Path) -> str | None:
    """A movie NN beside its truth NN_GT or NN_ST."""
    movies = _movies(source)
    return f"the movie {movies[0].name}/ with its truth beside it" if movies else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """The frames tNNN.tif of each movie that have a mask man_segNNN.tif, a group a movie.

    Gold truth is taken where there is some, else silver; target "gold" or "silver" takes this
    alone. Gold truth often outlines only some of the cells: cells of the silver truth that it lacks
    become the ignored region, and a frame whose tracking markers then lie outside of both, or of
    which no markers tell, is noted as sparse. Masks man_seg_NNN_ZZ.tif lie on one plane of a stack.
    Raises CallError when there is no movie.
    """
    if choices.target not in (None, *TARGETS):
        raise CallError(f"--target {choices.target} is no truth of ctc.", do="gold or silver")
    movies = _movies(source)
    if not movies:
        raise nothing(source, "ctc", "folders 01 and 01_GT or 01_ST")
    for movie in movies:
        gold = _masks(movie.with_name(f"{movie.name}_GT") / "SEG", "man_seg")
        silver = _masks(movie.with_name(f"{movie.name}_ST") / "SEG", "man_seg")
        markers = _masks(movie.with_name(f"{movie.name}_GT") / "TRA", "man_track")
        if choices.target == "silver":
            gold = {}
        frames = {
            int(match[1]): path
            for path in sorted(movie.iterdir())
            if (match := re.fullmatch(r"t(\d+)\.tiff?", path.name, re.IGNORECASE))
        }
        keys = {*gold, *(silver if choices.target != "gold" else ())}
        for frame, path in frames.items():
            own = sorted(key for key in keys if key[0] == frame)
            if not own:
                yield Left(name=below(source, path), reason="a frame without a mask")
            for key in own:
                masks = _Masks(
                    gold=gold.get(key),
                    silver=silver.get(key),
                    markers=markers.get((frame, None)) if key[1] is None else None,
                )
                plane = "" if key[1] is None else f"_z{key[1]:02}"
                yield Record(
                    original=f"{movie.name}/{path.stem}{plane}{path.suffix}",
                    image=path,
                    label=partial(_truth, masks),
                    files=tuple(one for one in vars(masks).values() if one is not None),
                    plane=key[1],
                    group=f"{source.name}/{movie.name}",
                    sequence=f"{source.name}/{movie.name}{plane}",
                    frame=frame,
                    columns={"truth": "gold" if key in gold else "silver"},
                )
        for frame, plane in sorted(keys, key=str):
            if frame not in frames:
                place = gold.get((frame, plane)) or silver[frame, plane]
                yield Left(name=below(source, place), reason="a mask without a frame")


def _movies(source: Path) -> list[Path]:
    if not source.is_dir():
        return []
    return [
        path
        for path in sorted(source.iterdir())
        if path.is_dir()
        and re.fullmatch(r"\d+", path.name)
        and any(path.with_name(f"{path.name}_{kind}").is_dir() for kind in ("GT", "ST"))
    ]


def _masks(folder: Path, prefix: str) -> dict[tuple[int, int | None], Path]:
    """(frame, plane or None) → its mask."""
    found: dict[tuple[int, int | None], Path] = {}
    for path in sorted(folder.glob(f"{prefix}*.tif")):
        match = re.fullmatch(rf"{prefix}_?(\d+)(?:_(\d+))?", path.stem)
        if match:
            found[int(match[1]), int(match[2]) if match[2] else None] = path
    return found


def _truth(masks: _Masks, size: tuple[int, int]) -> Truth:
    if masks.gold is None:
        assert masks.silver is not None
        return read_label(masks.silver)
    gold = read_label(masks.gold)
    ignore = np.zeros(size, np.bool_)
    if masks.silver is not None:
        ignore = (_of_size(masks.silver, size) != 0) & (_fitting(gold.labels, size) == 0)
    remarks = list(gold.remarks)
    labelling = "sparse"
    if masks.markers is not None:
        markers = _of_size(masks.markers, size)
        known = (_fitting(gold.labels, size) != 0) | ignore
        cells = np.setdiff1d(markers, [0])
        missing = np.setdiff1d(cells, markers[known])
        labelling = "sparse" if len(missing) else ""
        if len(missing):
            remarks.append(f"{len(missing)} of {len(cells)} tracked cells are not outlined")
    return Truth(labels=gold.labels, ignore=ignore, labelling=labelling, remarks=tuple(remarks))


def _of_size(path: Path, size: tuple[int, int]) -> Labels:
    return _fitting(read_label(path).labels, size, path.name)


def _fitting(labels: Labels, size: tuple[int, int], name: str = "the label") -> Labels:
    if labels.shape != size:
        shape = f"{labels.shape[0]}×{labels.shape[1]}"
        raise LeftOut(f"{name} is {shape}, the image {size[0]}×{size[1]} pixels")
    return labels
