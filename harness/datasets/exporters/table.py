"""One table of all cells, for spreadsheets and statistics."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from contract.files import write_aside
from harness.datasets.exporters.measures import measures
from harness.datasets.exporters.segmented import Segmented

if TYPE_CHECKING:
    import pandas as pd

NAME = "cells.csv"


class Csv:
    """cells.csv: the columns of `measures` behind the image's name; none empty throughout."""

    CLAIMS: ClassVar[tuple[str, ...]] = (NAME,)

    def __init__(self) -> None:
        self._tables: list[pd.DataFrame] = []

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        return ()

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        table = measures(one)
        table.insert(0, "image", one.image_name)
        self._tables.append(table)
        return ()

    def finish(self, folder: Path) -> None:
        import pandas as pd

        filled = [table for table in self._tables if len(table)] or self._tables[:1]
        whole = pd.concat(filled, ignore_index=True)
        write_aside(
            folder / NAME,
            lambda aside: whole.to_csv(aside, index=False, float_format="%.6g"),
        )
