"""Cellpose: the image beside its mask, named as Cellpose finds the two for training and viewing."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from contract.files import write_aside
from harness.datasets.exporters.segmented import Segmented


class Cellpose:
    """<image>_cp_masks.tif, uint16 or uint32, and a copy of the image where there is one.

    Cellpose puts "_cp_masks" behind the image's name without its last suffix. No _seg.npy is
    written: it is a pickle, which runs code when it is opened.
    """

    CLAIMS: ClassVar[tuple[str, ...]] = ()

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        if image is None:
            return (f"{stem}_cp_masks.tif",)
        return (f"{Path(image).stem}_cp_masks.tif", image)

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        import tifffile

        mask, *_ = self.names(one.stem, one.image.name if one.image else None)
        if one.image is not None:
            image = one.image
            write_aside(folder / image.name, lambda aside: shutil.copyfile(image, aside))
        write_aside(
            folder / mask,
            lambda aside: tifffile.imwrite(
                aside, one.small_labels, compression="zlib", photometric="minisblack"
            ),
        )
        return ()

    def finish(self, folder: Path) -> None:
        pass
