"""Decoding with Pillow: BMP, ordinary JPEG, and PNG of up to 8 bits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage

if TYPE_CHECKING:
    from PIL import Image as Pillow

_limit = threading.Lock()


@contextmanager
def opened(source: Path | bytes, format_name: str) -> Iterator["Pillow.Image"]:
    """An image of one frame, not yet decoded, from a file or from its bytes."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with _without_limit():
            image = Pillow.open(
                BytesIO(source) if isinstance(source, bytes) else source, formats=(format_name,)
            )
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"cannot be decoded: the header of this {format_name} is damaged or cut off"
        ) from error
    with image:
        if format_name != "JPEG" and getattr(image, "n_frames", 1) > 1:
            raise SeveralPlanes("several frames in one file, not one 2-D image")
        yield image


def decoded(image: "Pillow.Image") -> tuple[npt.NDArray[np.generic], npt.NDArray[np.uint8] | None]:
    """Grey H×W or RGB H×W×3 values, and the H×W alpha channel if there is one."""
    image.load()
    match image.mode:
        case "LA" | "La":
            return np.asarray(image.getchannel(0)), np.asarray(image.getchannel(1))
        case "RGBA" | "RGBa":
            pixels = np.asarray(image)
            return pixels[..., :3], pixels[..., 3]
        case "P" | "PA" | "CMYK" | "YCbCr" | "LAB" | "HSV":
            return np.asarray(image.convert("RGB")), None
        case _:
            return np.asarray(image), None


@contextmanager
def _without_limit() -> Iterator[None]:
    """Lifts Pillow's own, lower limit on pixels, which is global, while one file is opened."""
    from PIL import Image as Pillow

    with _limit:
        limit, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS = limit
