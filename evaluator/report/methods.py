"""A methods paragraph that can be pasted into a paper, made from what the run recorded."""

from evaluator.report.data import ReportData
from evaluator.report.intervals import DRAWS

CHALLENGE = (
    "Ma, J., Xie, R., Ayyadhury, S. et al. The multimodality cell segmentation challenge: toward"
    " universal solutions. Nature Methods 21, 1103-1113 (2024)."
    " https://doi.org/10.1038/s41592-024-02233-6"
)
PROTOCOLS = {
    "challenge": (
        "as in the NeurIPS 2022 Cell Segmentation Challenge [1]: cells that touch the outer two"
        " pixel rows or columns were removed from truth and prediction, images of 25 megapixels or"
        " more were scored in tiles of 2000 × 2000 pixels, scores were rounded to four decimals per"
        " image, and an image without countable cells counted as F1 0"
    ),
    "plain": "with cells on the border kept; an image without cells on either side counted as 1",
    "plain with border rule": (
        "with cells that touch the outer two pixel rows or columns removed from truth and"
        " prediction; an image without cells on either side counted as 1"
    ),
}


def methods_text(data: ReportData) -> list[str]:
    """Paragraphs, the references last."""
    sentences = []
    run = data.run
    if run is not None:
        trained = [model for model in data.models if any(run.training for run in model.runs)]
        names = ", ".join(model.title for model in trained)
        seeds = sorted({seed for model in trained for seed in model.seeds})
        if trained:
            sentences.append(
                f"{names} were trained with cellbench {run.cellbench} (profile {run.profile},"
                f" {'seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}) on"
                f" {run.dataset.train_images:,} images; {run.dataset.val_images:,} more served for"
                " validation, the same for every model and seed."
            )
    thresholds = ", ".join(f"{value:g}" for value in data.thresholds)
    sentences.append(
        f"Predicted label masks of {len(data.images):,} test images were compared with the truth"
        f" at intersection-over-union thresholds of {thresholds}."
    )
    if data.protocol in PROTOCOLS:
        sentences.append(f"Cells were matched one to one, {PROTOCOLS[data.protocol]}.")
    sentences.append(
        "Precision, recall and F1 were computed per image and averaged; images without a usable"
        " mask counted as 0. Foreground Dice compares all cell pixels with the background."
        " Where a model was trained with several seeds, numbers are means over them."
        f" Intervals are 95 % percentile bootstrap intervals over images ({DRAWS} draws, paired"
        " between models); they hold for these images and do not account for several comparisons."
    )
    paragraphs = [" ".join(sentences)]
    if data.protocol == "challenge":
        paragraphs.append(f"[1] {CHALLENGE}")
    return paragraphs
