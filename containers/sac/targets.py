"""What the prompt generator is asked to predict, made from instance labels."""

import numpy as np
from scipy import ndimage

from containers.base.segmentation.targets import compact, distance_map


def cell_maps(labels: np.ndarray) -> np.ndarray:
    """3×H×W float32: the labels themselves, depth below the outline, closeness to the centre.

    Depth and closeness are 0 in the background and at most 1. Depth is the distance to the cell's
    own outline over the cell's largest. Closeness falls from 1 at the cell's centre of mass (or its
    deepest pixel, where that centre lies outside) to 0 at the cell's farthest pixel.
    """
    numbered, depth = compact(labels), distance_map(labels)
    closeness = np.zeros(labels.shape, np.float32)
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        cell = numbered[box] == number
        rows, columns = np.nonzero(cell)
        centre = rows.mean(), columns.mean()
        if not cell[round(centre[0]), round(centre[1])]:
            deepest = int(np.argmax(depth[box][cell]))
            centre = rows[deepest], columns[deepest]
        distance = np.hypot(rows - centre[0], columns - centre[1])
        closeness[box][cell] = 1 - distance / max(1.0, float(distance.max()))
    return np.stack([numbered.astype(np.float32), depth, closeness])
