"""The two protocols: the challenge's rules case by case, and what must hold for any masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluator.overlap.table import overlap_table
from evaluator.runs.words import PROTOCOLS, Protocol
from evaluator.scores.protocols import Counts, count
from tests.unit.label_maps import Labels, slow_challenge, squares

INNER = (5, 5, 6, 6)
CORNER = (0, 0, 4, 4)


def counts(
    truth: Labels,
    predicted: Labels,
    protocol: Protocol = "challenge",
    threshold: float = 0.5,
    border: bool = False,
) -> Counts:
    return count(overlap_table(truth, predicted), threshold, protocol=protocol, border=border)


def numbers(c: Counts) -> tuple[int, int, int, float, float]:
    """TP, FP, FN, F1 and Dice."""
    return c.tp, c.fp, c.fn, c.f1, c.dice


EMPTY = squares((20, 20))
ONE = squares((20, 20), INNER)
TWO = squares((20, 20), INNER, (12, 12, 5, 5))
EDGE = squares((20, 20), CORNER)
FULL = np.full((20, 20), 7, np.uint16)


@pytest.mark.parametrize(
    ("truth", "predicted", "challenge", "plain"),
    [
        pytest.param(EMPTY, EMPTY, (0, 0, 0, 0, 1), (0, 0, 0, 1, 1), id="both empty"),
        pytest.param(EMPTY, TWO, (0, 2, 0, 0, 0), (0, 2, 0, 0, 0), id="truth empty"),
        # The script's own column says 0 missed here; fn is true_cells - tp, always.
        pytest.param(TWO, EMPTY, (0, 0, 2, 0, 0), (0, 0, 2, 0, 0), id="prediction empty"),
        pytest.param(EDGE, EDGE, (0, 0, 0, 0, 1), (1, 0, 0, 1, 1), id="border cells only"),
        pytest.param(EDGE, TWO, (0, 2, 0, 0, 0), (0, 2, 1, 0, 0), id="truth on the border"),
        pytest.param(FULL, FULL, (0, 0, 0, 0, 1), (1, 0, 0, 1, 1), id="one id fills the image"),
        pytest.param(
            ONE,
            squares((20, 20), (1, 5, 10, 6)),
            (0, 0, 1, 0, 0.75),
            (1, 0, 0, 1, 0.75),
            id="the prediction of an inner cell touches the border",
        ),
    ],
)
def test_edge_cases(
    truth: Labels,
    predicted: Labels,
    challenge: tuple[float, ...],
    plain: tuple[float, ...],
) -> None:
    assert numbers(counts(truth, predicted, "challenge")) == challenge
    assert numbers(counts(truth, predicted, "plain")) == plain


@pytest.mark.parametrize(
    ("offset", "kept"), [((2, 2), 1), ((1, 2), 0), ((2, 1), 0), ((14, 14), 1), ((15, 14), 0)]
)
def test_the_frame_is_two_pixels_wide(offset: tuple[int, int], kept: int) -> None:
    cell = squares((20, 20), (*offset, 4, 4))
    assert counts(cell, cell).true_cells == kept
    assert counts(cell, cell, "plain", border=True).true_cells == kept
    assert counts(cell, cell, "plain").true_cells == 1


def test_a_far_piece_of_a_border_cell_goes_with_it() -> None:
    labels = squares((20, 20), CORNER, (10, 10, 4, 4))
    labels[labels == 2] = 1
    assert counts(labels, labels).true_cells == 0


@pytest.mark.parametrize("shape", [(4, 4), (3, 9), (9, 1), (4, 30)])
def test_narrow_images_without_background_keep_their_lowest_id(shape: tuple[int, int]) -> None:
    """The script skips the first id on the frame, which is the background where there is any."""
    labels = np.full(shape, 9, np.uint16)
    labels[:, :1] = 4
    assert numbers(counts(labels, labels))[:4] == (1, 0, 0, 1)
    labels[0, 0] = 0
    assert numbers(counts(labels, labels))[:4] == (0, 0, 0, 0)
    assert counts(labels, labels, "plain", border=True).true_cells == 0


def test_from_5_pixels_on_no_cell_of_the_frame_is_spared() -> None:
    labels = np.full((5, 5), 9, np.uint16)
    assert counts(labels, labels).true_cells == 0


def test_challenge_rounds_and_plain_does_not() -> None:
    truth = squares((40, 40), *[(4 + 8 * i, 4, 4, 4) for i in range(3)])
    predicted = np.where(truth == 1, 1, 0).astype(np.uint16)
    challenge, plain = counts(truth, predicted), counts(truth, predicted, "plain")
    assert (challenge.recall, challenge.precision, challenge.f1) == (0.3333, 1, 0.5)
    assert (plain.recall, plain.dice) == (1 / 3, 0.5)


class TestTiles:
    """Images of 25 000 000 pixels or more, under `challenge`."""

    def test_equals_the_rule_carried_out_literally(self) -> None:
        rng = np.random.default_rng(0)
        height, width = 4999, 5003  # tiles padded by 1001 and 997 pixels
        truth, predicted = np.zeros((2, height, width), np.uint16)
        for number in range(1, 200):
            near = rng.choice([0, 1998, 3998, height - 40, int(rng.integers(height - 80))])
            top = int(np.clip(near + rng.integers(-12, 12), 0, height - 20))
            left = int(rng.integers(width - 40))
            truth[top : top + 20, left : left + 25] = number
            shift = int(rng.integers(0, 9))
            predicted[top + shift : top + 20, left : left + 25 + shift] = number
        for threshold in (0.5, 0.7):
            c = counts(truth, predicted, threshold=threshold)
            expected = slow_challenge(truth, predicted, threshold)
            assert (c.true_cells, c.predicted_cells, c.tp) == expected
            assert 0 < c.tp < c.true_cells < counts(truth, predicted, "plain").true_cells

    def test_ids_are_not_cast_to_the_truths_type(self) -> None:
        """The script cast 65537 to the truth's uint16, which joined it with cell 1."""
        truth = squares((5000, 5000), (10, 10, 9, 9), (30, 30, 9, 9), (60, 60, 9, 9))
        predicted = truth.astype(np.uint32)
        predicted[predicted == 2] = 65537
        assert counts(truth, predicted).tp == 3

    def test_padding_lets_cells_on_the_true_edge_escape(self) -> None:
        edge, seam = (5180, 100, 20, 20), (1990, 100, 20, 20)
        labels = squares((5200, 5200), edge, seam, (100, 100, 9, 9))
        assert counts(labels, labels).true_cells == 2
        whole = squares((4990, 4990), (4970, 100, 20, 20), seam, (100, 100, 9, 9))
        assert counts(whole, whole).true_cells == 2
        assert counts(labels[:, :4000], labels[:, :4000]).true_cells == 2  # 20.8 Mpx: no tiles

    def test_one_padded_pixel_leaves_one_row_of_frame(self) -> None:
        labels = squares((5999, 4200), (5980, 100, 18, 9), (5980, 200, 19, 9))
        assert counts(labels, labels).true_cells == 1

    def test_a_cell_across_a_seam_without_touching_other_frames_is_dropped_twice(self) -> None:
        """Both tiles lose it, so it is no true cell at all."""
        labels = squares((5000, 5000), (1998, 50, 4, 30), (100, 100, 9, 9))
        assert counts(labels, labels).true_cells == 1

    def test_plain_has_none(self) -> None:
        labels = squares((5000, 5000), (1990, 1990, 20, 20), (0, 0, 9, 9))
        assert counts(labels, labels, "plain").tp == 2
        assert counts(labels, labels, "plain", border=True).tp == 1


maps = arrays(np.uint8, (9, 11), elements=st.integers(0, 6))
thresholds = st.sampled_from([0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0])
protocols = st.sampled_from(PROTOCOLS)


@settings(max_examples=150, deadline=None)
@given(maps, maps, thresholds, protocols, st.permutations(range(1, 7)))
def test_names_of_cells_do_not_matter(
    truth: Labels, predicted: Labels, threshold: float, protocol: Protocol, names: list[int]
) -> None:
    renamed = np.array([0, *[1000 * name for name in names]], np.uint32)
    before = counts(truth, predicted, protocol, threshold)
    assert counts(truth, renamed[predicted], protocol, threshold) == before
    assert counts(renamed[truth], predicted, protocol, threshold) == before


@settings(max_examples=150, deadline=None)
@given(maps, maps, thresholds, protocols)
def test_swapping_the_sides_swaps_precision_and_recall(
    truth: Labels, predicted: Labels, threshold: float, protocol: Protocol
) -> None:
    one, other = (
        counts(*pair, protocol, threshold) for pair in ((truth, predicted), (predicted, truth))
    )
    assert (one.tp, one.fp, one.fn, one.dice) == (other.tp, other.fn, other.fp, other.dice)
    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert one.f1 == pytest.approx(other.f1)


@settings(max_examples=150, deadline=None)
@given(maps, maps, protocols)
def test_a_higher_threshold_never_finds_more(
    truth: Labels, predicted: Labels, protocol: Protocol
) -> None:
    table = overlap_table(truth, predicted)
    steps = (0.1, 0.3, 0.49, 0.5, 0.51, 0.7, 0.9, 1.0)
    tps = [count(table, step, protocol=protocol).tp for step in steps]
    assert tps == sorted(tps, reverse=True)


@settings(max_examples=100, deadline=None)
@given(maps, thresholds, st.booleans())
def test_the_truth_itself_scores_1_under_plain(
    truth: Labels, threshold: float, border: bool
) -> None:
    c = counts(truth, truth, "plain", threshold, border)
    assert (c.precision, c.recall, c.f1, c.dice) == (1, 1, 1, 1)


@settings(max_examples=100, deadline=None)
@given(maps, maps, thresholds, protocols)
def test_counts_add_up_and_scores_lie_in_their_range(
    truth: Labels, predicted: Labels, threshold: float, protocol: Protocol
) -> None:
    c = counts(truth, predicted, protocol, threshold)
    assert (c.tp + c.fn, c.tp + c.fp) == (c.true_cells, c.predicted_cells)
    assert min(c.tp, c.fp, c.fn) >= 0
    assert all(0 <= score <= 1 for score in (c.precision, c.recall, c.f1, c.dice))
