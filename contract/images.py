"""Reading microscopy images of every kind that a dataset may hold."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import UnreadableImage

MAX_PIXELS = 2_000_000_000
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
STACK_AXES = {"Z": "focal planes", "T": "time points", "Q": "pages", "I": "pages"}
ALPHA_SAMPLES = {1, 2}  # TIFF's ExtraSamples: associated and unassociated alpha

_pillow_limit = threading.Lock()


@contextmanager
def pillow_without_limit() -> Iterator[None]:
    """Lifts Pillow's own, lower limit on pixels, which is global, while one file is opened."""
    from PIL import Image as Pillow

    with _pillow_limit:
        limit, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS = limit


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.generic]:
    """Reads one 2-D image as H×W×3.

    Accepts tif/tiff/png/bmp/jpg/jpeg with 8/16-bit integers, wider integers or floats; grey,
    grey with alpha, two channels, RGB, RGBA, more channels, planar TIFF, palette and 1-bit PNG.
    Grey becomes three equal channels, alpha is dropped, two channels become (1st, 2nd, 0), of
    more than four the first three are taken.

    Returns an array of shape (H, W, 3) and dtype uint8, uint16 or float32. Values are the file's
    own; NaN and infinities are 0; 1-bit images hold 0 and 255; integers wider than 16 bits or
    signed become float32.

    Raises UnreadableImage, with the reason, for a file that is missing, truncated, no image,
    empty, a stack of several planes, or of more than `max_pixels` pixels.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
        if not magic:
            raise UnreadableImage("the file is empty (0 bytes)")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = (
                _read_tiff(path, max_pixels)
                if magic in TIFF_MAGIC
                else _read_other(path, max_pixels)
            )
    except (UnreadableImage, MemoryError):
        raise
    except PermissionError as error:
        raise UnreadableImage("no permission to read the file") from error
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise UnreadableImage(f"cannot be decoded: {_first_line(error)}") from error
    return _three_channels(_plain_dtype(pixels))


def read_size(path: Path) -> tuple[int, int]:
    """Height and width of an image, in pixels, from its header alone.

    Raises UnreadableImage when the header cannot be read; a file that is cut off behind its
    header passes.
    """
    from PIL import Image as Pillow

    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if magic in TIFF_MAGIC:
                import tifffile

                with tifffile.TiffFile(path) as tiff:
                    series = tiff.series[0]
                    sizes = dict(zip(series.axes, series.shape, strict=True))
                    return sizes["Y"], sizes["X"]
            with pillow_without_limit(), Pillow.open(path) as image:
                return image.height, image.width
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise UnreadableImage(f"cannot be read: {_first_line(error)}") from error


def _read_tiff(path: Path, max_pixels: int) -> npt.NDArray[np.generic]:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        if not tiff.series:
            raise UnreadableImage("the TIFF holds no image")
        series = tiff.series[0]
        axes = [(axis, size) for axis, size in zip(series.axes, series.shape, strict=True)]
        if any(size == 0 for _, size in axes):
            raise UnreadableImage("the image has no pixels")
        axes = [(axis, size) for axis, size in axes if size > 1 or axis in "YX"]
        kinds = "".join(axis for axis, _ in axes)
        for axis, size in axes:
            if axis in STACK_AXES:
                raise UnreadableImage(
                    f"a stack of {size} {STACK_AXES[axis]}, not one 2-D image (axes {series.axes})"
                )
        if sorted(kinds) not in (["X", "Y"], ["S", "X", "Y"], ["C", "X", "Y"]):
            raise UnreadableImage(f"not one 2-D image (axes {series.axes}, shape {series.shape})")
        sizes = dict(axes)
        _refuse_bomb(sizes["Y"], sizes["X"], max_pixels)
        _refuse_truncated(series.pages, path.stat().st_size)
        pixels = np.asarray(series.asarray())
        page = series.keyframe
        alpha = bool(ALPHA_SAMPLES & set(page.extrasamples or ()))
    pixels = pixels.reshape([size for _, size in axes])
    if len(kinds) == 2:
        return pixels
    pixels = np.moveaxis(pixels, [kinds.index("Y"), kinds.index("X")], [0, 1])
    return pixels[..., :-1] if alpha and pixels.shape[-1] in (2, 4) else pixels


def _refuse_truncated(pages: object, file_size: int) -> None:
    """tifffile fills missing segments with zeros; a cut file must not pass as a dark one."""
    for page in pages:  # type: ignore[attr-defined]
        if page is None:
            continue
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
            if offset + count > file_size:
                raise UnreadableImage(
                    f"the file is truncated: {file_size} bytes of at least {offset + count}"
                )


def _read_other(path: Path, max_pixels: int) -> npt.NDArray[np.generic]:
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with pillow_without_limit(), Pillow.open(path, formats=("PNG", "BMP", "JPEG")) as image:
            width, height = image.size
            if width == 0 or height == 0:
                raise UnreadableImage("the image has no pixels")
            _refuse_bomb(height, width, max_pixels)
            if getattr(image, "n_frames", 1) > 1:
                raise UnreadableImage("several frames in one file, not one 2-D image")
            image.load()
            if image.format == "PNG" and _sixteen_bit_colour(path):
                return _decode_png(path)
            return _pillow_pixels(image)
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"not an image: the content is no TIFF, PNG, BMP or JPEG, whatever the name"
            f" {path.name} says"
        ) from error


def _sixteen_bit_colour(path: Path) -> bool:
    """Pillow cuts 16-bit colour PNG (and grey with alpha) to 8 bits; bytes 24, 25 of IHDR tell."""
    with path.open("rb") as stream:
        header = stream.read(26)
    return header[24] == 16 and header[25] in (2, 4, 6)


def _decode_png(path: Path) -> npt.NDArray[np.generic]:
    import imagecodecs

    pixels = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 2 else pixels


def _pillow_pixels(image: object) -> npt.NDArray[np.generic]:
    mode: str = image.mode  # type: ignore[attr-defined]
    if mode in ("P", "CMYK", "YCbCr", "LAB", "HSV", "PA"):
        image = image.convert("RGB")  # type: ignore[attr-defined]
    elif mode in ("LA", "La"):
        image = image.getchannel(0)  # type: ignore[attr-defined]
    return np.asarray(image)


def _refuse_bomb(height: int, width: int, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise UnreadableImage(
            f"{height}×{width} pixels are more than the limit of {max_pixels}; the file may be"
            " a decompression bomb"
        )


def _plain_dtype(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype.kind in "iu":
        return pixels.astype(np.float32)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):
            single = pixels.astype(np.float32)
        return np.nan_to_num(single, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    raise UnreadableImage(f"pixels of type {pixels.dtype} are no intensities")


def _three_channels(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    match pixels.shape[-1]:
        case 1:
            pixels = np.repeat(pixels, 3, axis=-1)
        case 2:
            pixels = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
        case _:
            pixels = pixels[..., :3]
    return np.ascontiguousarray(pixels)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
