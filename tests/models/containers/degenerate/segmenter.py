"""Writes masks that are none, by hand; the variable DEGENERATE says how."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import tifffile

from contract import label_name, list_images, read_card, read_image


def masks(manner: str, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = np.indices(shape)
    match manner:
        case "one_cell":
            return np.ones(shape, np.uint8)
        case "a_cell_a_pixel":
            return (rows * shape[1] + columns + 1).astype(np.uint32)
        case "noise":
            return np.random.default_rng().integers(0, 5, shape).astype(np.uint8)
        case "turned":
            return np.ones((shape[1] + 1, shape[0]), np.uint8)
        case "fractions":
            return np.full(shape, 0.5, np.float32)
        case "wide":
            return (rows // 8 * 1000 + columns // 8 + 7).astype(np.uint32)
    raise SystemExit(9)


def main() -> None:
    if sys.argv[1] == "describe":
        print(read_card(Path(__file__).parent).model_dump_json())
        return
    out = Path(sys.argv[3])
    manner = os.environ.get("DEGENERATE", "one_cell")
    with (out / "predictions.jsonl").open("w") as lines:
        for image in list_images(Path(sys.argv[2])):
            labels = masks(manner, read_image(image).shape[:2])
            tifffile.imwrite(out / label_name(image.name), labels)
            cells = int(np.count_nonzero(np.unique(labels)))
            line = {"image": image.name, "outcome": "predicted", "cells": cells, "seconds": 0.1}
            line["mask"] = label_name(image.name)
            lines.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
