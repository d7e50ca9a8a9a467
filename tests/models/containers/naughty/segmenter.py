"""Speaks the contract without `contract.serve`, as a container in another language would.

What it does to an image is the first word of the image's name: good, shape, type, garbage,
silent, hang, memory or die.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import tifffile

from contract import label_name, list_images, read_image


def segment(image: Path, mask: Path) -> None:
    height, width, _ = read_image(image).shape
    labels = np.zeros((height, width), np.uint8)
    labels[4:12, 4:12] = 1
    match image.name.split("_")[0]:
        case "good":
            tifffile.imwrite(mask, labels, compression="zlib")
        case "shape":
            tifffile.imwrite(mask, labels[:-1])
        case "type":
            tifffile.imwrite(mask, labels / np.float32(3))
        case "garbage":
            mask.write_text("no mask")
        case "silent":
            pass
        case "hang":
            time.sleep(3600)
        case "memory":
            hoard = []
            while True:
                hoard.append(np.ones(16 * 2**20, np.uint8))
        case "die":
            os.abort()


def main() -> None:
    source, out = Path(sys.argv[2]), Path(sys.argv[3])
    for image in list_images(source):
        print(json.dumps({"event": "image", "image": image.name}), flush=True)
        segment(image, out / label_name(image.name))


if __name__ == "__main__":
    main()
