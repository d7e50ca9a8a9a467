"""What is measured of each cell, with scikit-image."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from harness.datasets.exporters.segmented import Segmented

if TYPE_CHECKING:
    import pandas as pd

MEASURED = ("area", "centroid", "equivalent_diameter_area", "solidity")


def measures(one: Segmented) -> "pd.DataFrame":
    """One row a cell, in the order of the ids.

    Columns: `id`; `area_px`; `centroid_x_px` and `centroid_y_px`, from the upper left corner of
    the image, so that the middle of the first pixel is 0.5; `diameter_px` of the circle of the
    same area; `solidity`, the share of the convex hull that the cell fills, above 0 and at most 1;
    with an image `mean_intensity_1` to `_3` of its channels (of a grey one the first alone); and
    with a pixel size `area_um2`, `diameter_um` and the `pixel_size_um` behind them.
    """
    import pandas as pd
    from skimage.measure import regionprops_table

    ids, places = one.numbered
    pictured = _channels(one)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cells of a row of pixels have no hull to speak of
        found = regionprops_table(
            places,
            intensity_image=pictured,
            properties=(*MEASURED, *(("intensity_mean",) if pictured is not None else ())),
        )
    area = np.asarray(found["area"], np.float64)
    diameter = np.asarray(found["equivalent_diameter_area"], np.float64)
    columns = {
        "id": ids,
        "area_px": area.astype(np.int64),
        "centroid_x_px": np.asarray(found["centroid-1"], np.float64) + 0.5,
        "centroid_y_px": np.asarray(found["centroid-0"], np.float64) + 0.5,
        "diameter_px": diameter,
        "solidity": np.minimum(np.asarray(found["solidity"], np.float64), 1),
    }
    for channel in range(pictured.shape[-1] if pictured is not None else 0):
        columns[f"mean_intensity_{channel + 1}"] = np.asarray(found[f"intensity_mean-{channel}"])
    if one.pixel_size_um is not None:
        columns["area_um2"] = area * one.pixel_size_um**2
        columns["diameter_um"] = diameter * one.pixel_size_um
        columns["pixel_size_um"] = np.full(len(ids), one.pixel_size_um)
    return pd.DataFrame(columns)


def _channels(one: Segmented) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]] | None":
    """H×W×1 or H×W×3 values; a picture of three equal channels is grey."""
    picture = one.picture
    if picture is None:
        return None
    grey = all(np.array_equal(picture[..., 0], picture[..., channel]) for channel in (1, 2))
    return picture[..., :1] if grey else picture
