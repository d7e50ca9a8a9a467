"""A reader of images, masks and overlaps opens the file that it is given, and no other."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile

from contract import CellbenchError, read_header, read_image, read_mask
from evaluator import score_folders
from evaluator.overlap.table import OverlapTable, UnreadableTable, overlap_table
from tests.image_files import GREY, H, W, npy, ome, pages, pillow, plane_in, tiff

TRUTH = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((12, 8), np.uint8))[:, :W]
NOTHING = np.zeros((H, W), np.uint8)
OWN, OTHER = "urn:uuid:00000000-0000-0000-0000-000000000001", "urn:uuid:2"

_opened: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event in ("open", "os.listdir", "os.scandir", "glob.glob"):
        _opened.append(str(arguments[0]))


sys.addaudithook(_note)


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """The names of what is opened or listed in the meantime, Python's own files left out."""
    global _opened
    seen: list[str] = []
    _opened = seen
    try:
        yield seen
    finally:
        _opened = None
        seen[:] = [name for name in seen if not name.endswith((".py", ".pyc", ".so"))]


def micromanager(pixels: np.ndarray) -> bytes:
    """A page that says that it belongs to an NDTiff dataset, whose index lies beside it."""
    text = json.dumps({"MajorVersion": 3}).encode()
    tag = (51123, 2, len(text), text, True)
    return pages(pixels, extratags=[tag])


NAMES_OTHERS: dict[str, Callable[[Path], bytes]] = {
    "absolute": lambda folder: pages(
        NOTHING, description=ome(plane_in(str(folder / "truth.ome.tif"), OTHER))
    ),
    "relative": lambda _: pages(NOTHING, description=ome(plane_in("truth.ome.tif", OTHER))),
    "upwards": lambda folder: pages(
        NOTHING, description=ome(plane_in(f"../{folder.name}/truth.ome.tif", OTHER))
    ),
    "with an own id": lambda _: pages(
        NOTHING, description=ome(plane_in("truth.ome.tif", OTHER), uuid=OWN)
    ),
    "own plane second": lambda _: pages(
        NOTHING,
        description=ome(
            plane_in("truth.ome.tif", OTHER, c=0), plane_in("mask.tif", OWN, c=1), c=2, uuid=OWN
        ),
    ),
    "of another size": lambda _: pages(
        NOTHING, description=ome(plane_in("larger.ome.tif", OTHER), size=(64, 64))
    ),
    "no name at all": lambda _: pages(NOTHING, description=ome("<TiffData/>", z=3)),
    "metadata elsewhere": lambda _: pages(
        NOTHING,
        description='<OME UUID="urn:uuid:1"><BinaryOnly MetadataFile="truth.companion.ome"'
        ' UUID="urn:uuid:2"/></OME>',
    ),
    "Micro-Manager": lambda _: micromanager(NOTHING),
    "PNG": lambda _: pillow(NOTHING, "PNG"),
    "BMP": lambda _: pillow(NOTHING, "BMP"),
    "npy": lambda _: npy(NOTHING),
    "plain": lambda _: tiff(NOTHING),
}


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder with a truth under every name that a file of a set may give."""
    for name in ("truth.ome.tif", "mask_MMStack_Pos1.ome.tif", "NDTiff.index", "truth.tif"):
        (tmp_path / name).write_bytes(tiff(TRUTH))
    (tmp_path / "larger.ome.tif").write_bytes(tiff(np.ones((64, 64), np.uint8)))
    (tmp_path / "truth.companion.ome").write_text(ome("<TiffData/>"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["mask.tif", "mask.ome.tif", "mask_MMStack_Pos0.ome.tif"])
@pytest.mark.parametrize("kind", NAMES_OTHERS)
def test_a_mask_is_read_from_its_own_file_alone(beside: Path, kind: str, name: str) -> None:
    path = beside / name
    path.write_bytes(NAMES_OTHERS[kind](beside))
    read_mask(path)  # modules that are loaded on first use
    with opened_files() as seen:
        labels = read_mask(path)
    assert set(seen) == {str(path)}
    assert labels.shape == (H, W)
    assert not labels.any()


@pytest.mark.parametrize("kind", [kind for kind in NAMES_OTHERS if kind != "npy"])
def test_an_image_is_read_from_its_own_file_alone(beside: Path, kind: str) -> None:
    path = beside / "mask.ome.tif"
    path.write_bytes(NAMES_OTHERS[kind](beside))
    read_image(path)
    with opened_files() as seen:
        pixels, header = read_image(path), read_header(path)
    assert set(seen) == {str(path)}
    assert not pixels.any()
    assert (header.height, header.width) == (H, W)


def test_a_mask_that_points_at_the_truth_scores_nothing(tmp_path: Path) -> None:
    for folder in ("truth", "masks"):
        (tmp_path / folder).mkdir()
    truth = tmp_path / "truth" / "x_label.tiff"
    truth.write_bytes(tiff(TRUTH))
    mask = pages(NOTHING, description=ome(plane_in(str(truth), OTHER)))
    (tmp_path / "masks" / "x_label.tiff").write_bytes(mask)
    scores = score_folders(tmp_path / "truth", tmp_path / "masks", tmp_path / "out")
    assert [row.tp for row in scores.rows] == [0, 0, 0]
    assert {row.outcome for row in scores.rows} == {"scored"}


def test_each_file_of_a_set_gives_its_own_plane(tmp_path: Path) -> None:
    """Two channels of one field, then two positions of unequal size, each naming both files."""
    planes = {"a": GREY, "b": 255 - GREY}
    uuids = {"a": OWN, "b": OTHER}
    data = [plane_in(f"{name}.ome.tif", uuids[name], c=c) for c, name in enumerate("ab")]
    for name in "ab":
        text = ome(*data, c=2, uuid=uuids[name])
        (tmp_path / f"{name}.ome.tif").write_bytes(pages(planes[name], description=text))
    for name in "ab":
        np.testing.assert_array_equal(
            read_image(tmp_path / f"{name}.ome.tif")[..., 0], planes[name]
        )
    (tmp_path / "a.ome.tif").unlink()
    np.testing.assert_array_equal(read_image(tmp_path / "b.ome.tif")[..., 0], planes["b"])
    small = GREY[:10, :12]
    text = ome(*data, t=2, uuid=OTHER)
    (tmp_path / "b.ome.tif").write_bytes(pages(small, description=text))
    header = read_header(tmp_path / "b.ome.tif")
    assert (header.height, header.width) == (10, 12)
    np.testing.assert_array_equal(read_image(tmp_path / "b.ome.tif")[..., 0], small)


def test_a_file_of_a_set_with_channels_of_its_own(tmp_path: Path) -> None:
    """Micro-Manager writes a file for each position, with all channels, and names all files."""
    position = [
        plane_in(f"pos{number}.ome.tif", uuid, c=c, t=number, ifd=c)
        for number, uuid in enumerate((OWN, OTHER))
        for c in range(2)
    ]
    text = ome(*position, c=2, t=2, uuid=OTHER)
    path = tmp_path / "pos1.ome.tif"
    path.write_bytes(pages(GREY, 255 - GREY, description=text))
    expected = np.dstack([GREY, 255 - GREY, 0 * GREY])
    np.testing.assert_array_equal(read_image(path), expected)


def test_several_planes_in_one_file_of_a_set_are_a_stack(tmp_path: Path) -> None:
    data = [plane_in("a.ome.tif", OWN, z=z, ifd=z) for z in range(2)]
    data += [plane_in("b.ome.tif", OTHER, z=2)]
    (tmp_path / "a.ome.tif").write_bytes(pages(GREY, GREY, description=ome(*data, z=3, uuid=OWN)))
    with pytest.raises(CellbenchError, match="a stack of 2 focal planes"):
        read_image(tmp_path / "a.ome.tif")


def test_an_overlap_table_is_read_from_its_own_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    overlap_table(TRUTH, TRUTH).save(path)
    OverlapTable.load(path)
    with opened_files() as seen:
        OverlapTable.load(path)
    assert set(seen) == {str(path)}


def test_an_overlap_table_runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    stream = io.BytesIO()
    np.savez(stream, version=np.array(1), shape=np.array([Trap()], object))
    (tmp_path / "x.npz").write_bytes(stream.getvalue())
    with pytest.raises(UnreadableTable):
        OverlapTable.load(tmp_path / "x.npz")
    assert not (tmp_path / "sprung").exists()


def test_the_hook_sees_what_tifffile_would_open(beside: Path) -> None:
    """Without it, the tests above could not fail."""
    path = beside / "mask.ome.tif"
    path.write_bytes(NAMES_OTHERS["relative"](beside))
    with opened_files() as seen, tifffile.TiffFile(path) as whole:
        whole.asarray()
    assert str(beside / "truth.ome.tif") in seen
