"""Where evaluators disagree: what each one says, and what is said here and why."""

import math
from types import ModuleType

import numpy as np

from evaluator import Counts, aji_plus, average_precision, count, match_cells, overlap_table
from tests.unit.label_maps import squares

EMPTY = np.zeros((20, 20), np.uint16)
ONE = squares((20, 20), (5, 5, 8, 8))
HALF = squares((20, 20), (5, 5, 4, 8))
FULL = np.ones((20, 20), np.uint16)
TWO = np.repeat([[1], [2]], 10, axis=0).astype(np.uint16) * np.ones((1, 20), np.uint16)


def both(truth: np.ndarray, predicted: np.ndarray) -> tuple[Counts, Counts]:
    """Under `challenge` and under `plain`."""
    table = overlap_table(truth, predicted)
    challenge, plain = (count(table, 0.5, protocol=name) for name in ("challenge", "plain"))
    return challenge, plain


def test_no_cells_on_either_side(
    stardist: ModuleType, cellpose: ModuleType, panoptica: ModuleType
) -> None:
    """stardist 0, cellpose and panoptica NaN. `challenge` must be 0 to agree with published
    numbers; `plain` is 1, since a mask that finds nothing where nothing is cannot be better."""
    assert stardist.matching(EMPTY, EMPTY, thresh=0.5).f1 == 0
    with np.errstate(invalid="ignore"):
        assert math.isnan(cellpose.average_precision([EMPTY], [EMPTY], threshold=[0.5])[0][0, 0])
    result = panoptica_result(panoptica, EMPTY, EMPTY)
    assert math.isnan(result.pq)
    challenge, plain = both(EMPTY, EMPTY)
    assert (challenge.f1, plain.f1) == (0, 1)


def test_nothing_predicted(stardist: ModuleType, cellpose: ModuleType) -> None:
    """All agree that each true cell is missed; the challenge's script printed 0 missed cells,
    which is not followed."""
    theirs = stardist.matching(ONE, EMPTY, thresh=0.5)
    _, _, _, fn = cellpose.average_precision([ONE], [EMPTY], threshold=[0.5])
    challenge, plain = both(ONE, EMPTY)
    assert theirs.fn == fn[0, 0] == challenge.fn == plain.fn == 1


def test_an_image_without_background(stardist: ModuleType, cellpose: ModuleType) -> None:
    """cellpose takes the lowest id for the background: one cell fewer, in the end minus one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ap, tp, fp, fn = cellpose.average_precision([TWO], [TWO], threshold=[0.5])
        assert math.isnan(cellpose.average_precision([FULL], [FULL], threshold=[0.5])[0][0, 0])
    assert (tp[0, 0], fp[0, 0], fn[0, 0], ap[0, 0]) == (2, -1, -1, math.inf)
    theirs = stardist.matching(TWO, TWO, thresh=0.5)
    assert (theirs.tp, theirs.fp, theirs.fn) == (2, 0, 0)
    challenge, plain = both(TWO, TWO)
    assert (plain.tp, plain.fp, plain.fn) == (2, 0, 0)
    assert challenge.true_cells == 0  # both touch the border


def test_overlap_of_exactly_the_threshold(
    stardist: ModuleType, cellpose: ModuleType, panoptica: ModuleType
) -> None:
    """Found, say all four; torchmetrics and HoVer-Net want more than the threshold, `strict`."""
    assert stardist.matching(ONE, HALF, thresh=0.5).tp == 1
    assert cellpose.average_precision([ONE], [HALF], threshold=[0.5])[1][0, 0] == 1
    assert panoptica_result(panoptica, ONE, HALF).tp == 1
    table = overlap_table(ONE, HALF)
    assert match_cells(table, 0.5).tp == 1
    assert match_cells(table, 0.5, strict=True).tp == 0
    assert panoptica_result(panoptica, ONE, HALF, strict_threshold=True).tp == 0


def test_cells_on_the_border(stardist: ModuleType) -> None:
    """Only the challenge drops them, and with them a right prediction."""
    edge = squares((20, 20), (0, 3, 6, 6), (9, 9, 6, 6))
    assert stardist.matching(edge, edge, thresh=0.5).n_true == 2
    challenge, plain = both(edge, edge)
    assert (challenge.true_cells, plain.true_cells) == (1, 2)


def test_greedy_matching_loses_cells_below_one_half(
    stardist: ModuleType, panoptica: ModuleType
) -> None:
    """panoptica takes the best overlap first and may leave a cell without a partner; the optimum
    pairs both. From 0.5 on there is no choice, so there all agree."""
    truth, predicted = np.zeros((2, 1, 100), np.uint16)
    truth[0, :40], truth[0, 40:64] = 1, 2
    predicted[0, 16:52], predicted[0, 52:64] = 1, 2
    predicted[0, :16] = 3
    table = overlap_table(truth, predicted)
    greedy = panoptica_result(panoptica, truth, predicted, 0.2)
    assert match_cells(table, 0.2).tp == stardist.matching(truth, predicted, thresh=0.2).tp
    assert greedy.tp <= match_cells(table, 0.2).tp


def test_average_precision_is_no_integral(stardist: ModuleType) -> None:
    """stardist calls it accuracy: cells have no confidence to rank them by, as COCO's AP has."""
    theirs = stardist.matching(ONE, HALF, thresh=0.5)
    assert theirs.accuracy == average_precision(true_cells=1, predicted_cells=1, tp=1)


def test_the_jaccard_index_of_cellpose_is_another(cellpose: ModuleType) -> None:
    """The same pairs over the union of the foregrounds, which counts pixels of a wrong pair once;
    AJI+ counts them for either cell. Merged cells therefore cost less there."""
    truth = squares((6, 8), (0, 0, 4, 4), (0, 4, 4, 4))
    merged = squares((6, 8), (0, 0, 4, 8))
    assert cellpose.aggregated_jaccard_index([truth], [merged])[0] == 16 / 32
    assert aji_plus(overlap_table(truth, merged)) == 16 / 48


def panoptica_result(
    panoptica: ModuleType,
    truth: np.ndarray,
    predicted: np.ndarray,
    threshold: float = 0.5,
    **options: object,
) -> object:
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.UNMATCHED_INSTANCE,
        instance_matcher=panoptica.NaiveThresholdMatching(matching_threshold=threshold, **options),
    )
    (result,) = evaluator.evaluate(predicted, truth, verbose=False).values()
    return result
