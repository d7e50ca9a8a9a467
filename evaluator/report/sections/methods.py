"""A methods paragraph that can be pasted into a paper, made from what the run recorded."""

from evaluator.report.data import ReportData
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, prose
from evaluator.statistics.bootstrap import DRAWS

CHALLENGE = (
    "Ma, J., Xie, R., Ayyadhury, S. et al. The multimodality cell segmentation challenge: toward"
    " universal solutions. Nature Methods 21, 1103-1113 (2024)."
    " https://doi.org/10.1038/s41592-024-02233-6"
)
BOOTSTRAP = (
    "Hesterberg, T. C. What teachers should know about the bootstrap: resampling in the"
    " undergraduate statistics curriculum. The American Statistician 69, 371-386 (2015)."
)
HOLM = (
    "Holm, S. A simple sequentially rejective multiple test procedure. Scandinavian Journal of"
    " Statistics 6, 65-70 (1979)."
)
RANKS = (
    "Wiesenfarth, M. et al. Methods and open-source toolkit for analyzing and visualizing challenge"
    " results. Scientific Reports 11, 2369 (2021)."
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


def section(numbers: Numbers) -> Section:
    paragraphs = methods_text(numbers.data)
    return Section(id="methods", title="Methods", blocks=(prose(*paragraphs),))


def methods_text(data: ReportData) -> list[str]:
    """Paragraphs, the references last."""
    sentences = []
    references: list[str] = []

    def cite(text: str) -> int:
        if text not in references:
            references.append(text)
        return references.index(text) + 1

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
        if data.protocol == "challenge":
            cite(CHALLENGE)
    sentences.append(
        "Precision, recall and F1 were computed per image and averaged; images without a usable"
        " mask counted as 0. Foreground Dice compares all cell pixels with the background."
        " Where a model was trained with several seeds, numbers are means over them."
        f" Intervals are 95 % expanded percentile bootstrap intervals over images ({DRAWS} draws)"
        f" [{cite(BOOTSTRAP)}]. Models were compared two by two on the same images by sign-flip"
        f" tests, with p values after Holm's correction over all pairs [{cite(HOLM)}]; two models"
        " are called separable when that p is at most 0.05 and the interval of their difference"
        f" leaves out 0. The ranking was repeated on the bootstrap draws [{cite(RANKS)}]."
    )
    described = [model.record.citation for model in data.models if model.record]
    cited = [cite(citation) for citation in described if citation]
    if cited:
        listed = ", ".join(f"[{number}]" for number in dict.fromkeys(cited))
        sentences.append(f"The models are described in {listed}.")
    return [
        " ".join(sentences),
        *(f"[{number}] {text}" for number, text in enumerate(references, start=1)),
    ]
