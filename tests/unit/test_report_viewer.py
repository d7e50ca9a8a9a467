"""What became of each cell, and the viewer's layers that show it."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from evaluator.overlap.cell_fates import Codes, Fate, fates
from evaluator.overlap.table import overlap_table
from evaluator.report import build_report
from evaluator.report.cells import cells_of
from evaluator.report.layers import COLOURS, TRUTH, FateLayers, Layer, fate_layers
from evaluator.report.numbers import Numbers
from evaluator.report.pictures import displayed, outline, panel_shape, resampled
from evaluator.report.read.run import load_report
from evaluator.report.sections import viewer
from evaluator.report.sections.viewer import chosen_images, embedded
from tests.unit.report_fixtures import make_run

Labels = npt.NDArray[np.int32]


@pytest.fixture
def masks() -> tuple[Labels, Labels]:
    """Truth 1 found, 2 missed, 3 cut in two, 4 and 5 merged; prediction 9 has nothing under it."""
    truth, predicted = np.zeros((2, 40, 60), np.int32)
    truth[2:10, 2:10] = predicted[2:10, 2:10] = 1
    truth[2:10, 20:28] = 2
    truth[20:30, 2:12], predicted[20:30, 2:7], predicted[20:30, 7:12] = 3, 31, 32
    predicted[20:24, 2:12] = 0
    truth[20:30, 20:28], truth[20:30, 29:37], predicted[20:30, 20:37] = 4, 5, 45
    predicted[2:10, 50:58] = 9
    return truth, predicted


def test_every_cell_has_the_fate_that_a_person_would_give_it(
    masks: tuple[Labels, Labels],
) -> None:
    table = overlap_table(*masks)
    fate = fates(table, 0.5)
    truth = dict(zip(table.truth.ids.tolist(), fate.truth.tolist(), strict=True))
    predicted = dict(zip(table.predicted.ids.tolist(), fate.predicted.tolist(), strict=True))
    assert truth == {
        1: Fate.MATCHED,
        2: Fate.MISSED,
        3: Fate.SPLIT,
        4: Fate.MERGED,
        5: Fate.MERGED,
    }
    assert predicted == {
        1: Fate.MATCHED,
        9: Fate.SPURIOUS,
        31: Fate.SPLIT,
        32: Fate.SPLIT,
        45: Fate.MERGED,
    }


def test_fates_of_empty_masks() -> None:
    nothing = np.zeros((5, 5), np.uint8)
    fate = fates(overlap_table(nothing, nothing), 0.5)
    assert len(fate.truth) == len(fate.predicted) == 0


def layers(masks: tuple[Labels, Labels], shape: tuple[int, int]) -> FateLayers | None:
    truth, predicted = (resampled(mask, shape) for mask in masks)
    return fate_layers(
        cells_of(overlap_table(*masks), 0.5), truth, outline(truth), predicted, outline(predicted)
    )


def codes(layer: Layer) -> Codes:
    """The code of each pixel, 0 where there is no outline."""
    return np.array([0, *layer.codes], np.uint8)[layer.places]


def test_layers_hold_the_outlines_by_fate(masks: tuple[Labels, Labels]) -> None:
    shown = layers(masks, (80, 120))
    assert shown is not None
    found, missed = codes(shown.found), codes(shown.missed)
    assert found.shape == missed.shape == (80, 120)
    assert found[4, 4] == Fate.MATCHED
    assert found[10, 10] == 0, "the inside of a cell stays free"
    assert set(np.unique(missed)) == {0, Fate.MISSED}
    assert missed[4, 40] == Fate.MISSED
    assert set(np.unique(found)) == {0, Fate.MATCHED, Fate.SPURIOUS, Fate.SPLIT, Fate.MERGED}


def test_a_table_of_other_masks_gives_no_layers(masks: tuple[Labels, Labels]) -> None:
    truth, predicted = masks
    cells = cells_of(overlap_table(truth, np.where(predicted == 9, 0, predicted)), 0.5)
    assert fate_layers(cells, truth, outline(truth), predicted, outline(predicted)) is None
    empty = cells_of(overlap_table(truth), 0.5)
    assert fate_layers(empty, truth, outline(truth), predicted, outline(predicted)) is None


def test_stale_overlap_tables_do_not_colour_the_viewer(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    fresh = viewer.section(Numbers(data=load_report(run)))
    for path in (run / "models" / "good" / "seed0" / "overlaps").iterdir():
        table = overlap_table(np.full((96, 120), 7, np.uint16))
        table.save(path)
    assert viewer.section(Numbers(data=load_report(run))) == fresh


@pytest.mark.parametrize(
    "used", [(TRUTH,), (Fate.MATCHED, Fate.SPLIT), tuple(Fate), (*Fate, TRUTH), ()]
)
def test_a_layer_is_a_picture_that_is_clear_where_there_is_no_outline(
    used: tuple[int, ...],
) -> None:
    places = np.array([range(len(used) + 1)] * 2, np.uint8)
    head, content = Layer(places=places, codes=used).uri().split(",")
    assert head == "data:image/png;base64"
    picture = Pillow.open(io.BytesIO(base64.b64decode(content))).convert("RGBA")
    pixels = np.asarray(picture)
    assert (pixels[:, 0, 3] == 0).all()
    for place, code in enumerate(used, start=1):
        assert pixels[1, place].tolist() == [*COLOURS[code], 255]


def test_embedded_json_cannot_end_its_script() -> None:
    names = ["</script><script>alert(1)</script>", "a&b", "<!--", "\u2028"]
    text = str(embedded(names))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == names


def test_of_many_images_the_viewer_takes_some_from_best_to_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, broken=False)
    monkeypatch.setattr(viewer, "MOST_LAYERS", 20)
    numbers = Numbers(data=load_report(run))
    chosen = chosen_images(numbers)
    assert len(chosen) == 4, "20 layers, 5 for each image"
    rows = numbers.rows[numbers.rows["model"] != "oracle"].groupby("image")["f1"].mean()
    names = [image.name for image in chosen]
    assert {rows.idxmin(), rows.idxmax()} <= set(names)
    page = build_report(run, run / "report").index_html.read_text("utf-8")
    assert "4 of 12 images are shown, spread evenly from the best to the worst F1" in page


@pytest.mark.parametrize(
    ("size", "shape"), [((8000, 4000), (384, 192)), ((50, 100), (150, 300)), ((1, 9000), (1, 384))]
)
def test_panels_fit_their_side(size: tuple[int, int], shape: tuple[int, int]) -> None:
    assert panel_shape(*size) == shape


def test_sixteen_bit_pictures_are_stretched_to_their_own_range() -> None:
    pixels = np.full((64, 64, 3), 300, np.uint16)
    pixels[:32] = 900
    shown = displayed(pixels, (64, 64))
    assert shown.dtype == np.uint8
    assert shown[:28].min() > 250
    assert shown[36:].max() < 5


def test_a_picture_that_uses_its_range_is_not_stretched() -> None:
    pixels = np.tile(np.arange(40, 200, dtype=np.uint8)[:, None, None], (1, 160, 3))
    shown = displayed(pixels, (160, 160))
    assert np.abs(shown.astype(int) - pixels).max() <= 1


def test_outlines_are_inside_cells_and_touching_cells_stay_apart() -> None:
    labels = np.array([[1, 1, 2, 2]] * 4)
    assert outline(labels).tolist() == [[False, True, True, False]] * 4
    assert np.unique(resampled(labels, (9, 7))).tolist() == [1, 2]
