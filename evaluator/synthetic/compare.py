"""Compares a folder of generated images with real ones: everything that is known of them."""

from pathlib import Path

from contract import CallError, __version__
from contract.written import Written
from evaluator.runs.folder import SYNTHETIC_JSON
from evaluator.synthetic.cells import MOST_CELLS, measure, usable
from evaluator.synthetic.folders import Folder, read_folder
from evaluator.synthetic.inception import inception_measures
from evaluator.synthetic.memory import (
    MOST_IMAGES,
    PICTURES,
    copied_cells,
    copied_images,
    likeness,
    show_nearest,
    small_pictures,
)
from evaluator.synthetic.morphology import (
    distance_measures,
    feature_measures,
    feature_table,
    fit_scale,
    in_components,
    neighbour_measures,
)
from evaluator.synthetic.paired import pair_scores
from evaluator.synthetic.result import Comparison, FeatureDistance, Measure, write_comparison


def compare_synthetic(
    real_root: Path,
    synthetic_root: Path,
    out: Path,
    *,
    paired: bool = False,
    inception: Path | None = None,
) -> Comparison:
    """Writes synthetic.json and the pictures of nearest images into `out`, and returns the former.

    `real_root` and `synthetic_root` are folders as `read_folder` takes them. Generated images are
    compared with the real ones for training; those that are held out say how near an unseen image
    comes to training. `paired`: images of one stem show the same scene, and are compared pixel by
    pixel as well. `inception`: a file of weights, with which FID and KID are given. Raises
    CallError when a folder or a file cannot be used, no real image is for training, and where
    `out` holds such files of others.
    """
    real, synthetic = read_folder(real_root), read_folder(synthetic_root)
    if not real.of("train"):
        raise CallError(
            f"No image in {real_root} is for training.",
            "split.csv gives all of them to val",
            "give a folder with images that the generator may have learnt from",
        )
    Written(out).claim((SYNTHETIC_JSON, *PICTURES))
    network = (
        inception_measures(real.of("train"), synthetic.pairs, inception) if inception else None
    )
    pairs, remarks = pair_scores(real, synthetic) if paired else ((), ())
    measures, by_feature = _cells(real, synthetic)
    train, others = real.of("train")[:MOST_IMAGES], synthetic.pairs[:MOST_IMAGES]
    held_out = real.of("held_out")[:MOST_IMAGES]
    pictures = small_pictures(train)
    found = likeness(small_pictures(others), pictures)
    unseen = likeness(small_pictures(held_out), pictures) if held_out else None
    comparison = Comparison(
        real=real_root.name,
        synthetic=synthetic_root.name,
        methods=tuple(sorted({pair.method for pair in synthetic.pairs if pair.method})),
        real_images=len(real.of("train")),
        synthetic_images=len(synthetic.pairs),
        features=len(by_feature),
        measures=(
            *(network[0] if network else ()),
            *measures,
            copied_images(unseen, found, len(train)),
        ),
        by_feature=by_feature,
        pairs=pairs,
        weights=network[1] if network else None,
        nearest=show_nearest(others, train, found, out),
        notes=(*real.notes, *synthetic.notes, *remarks),
        version=__version__,
    )
    write_comparison(comparison, out)
    return comparison


def _cells(
    real: Folder, synthetic: Folder
) -> tuple[tuple[Measure, ...], tuple[FeatureDistance, ...]]:
    """What the features of single cells say."""
    measured = measure(real.of("train"))
    first, (second, unseen) = usable(
        measured,
        (measure(synthetic.pairs), measure(real.of("held_out"), MOST_CELLS)),
    )
    scale = fit_scale(first.rows)
    train, others = in_components(first, scale), in_components(second, scale)
    measures = (
        *distance_measures(train, others, "morphology"),
        *neighbour_measures(train, others),
        *feature_measures(first, second, scale),
        copied_cells(train, in_components(unseen, scale), others),
    )
    return measures, feature_table(first, second, scale)
