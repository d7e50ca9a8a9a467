"""A methods paragraph that can be pasted into a paper, made from what the run recorded."""

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, prose
from evaluator.runs.words import SHIPPED
from evaluator.statistics.intervals import DRAWS

CHALLENGE = (
    "Ma, J., Xie, R., Ayyadhury, S. et al. The multimodality cell segmentation challenge: toward"
    " universal solutions. Nature Methods 21, 1103-1113 (2024)."
    " https://doi.org/10.1038/s41592-024-02233-6"
)
MEANS = (
    "Gaffke, N. Three test statistics for a nonparametric one-sided hypothesis on the mean of a"
    " nonnegative variable. Universität Magdeburg (2005); Learned-Miller, E. and Thomas, P. S. A"
    " new confidence interval for the mean of a bounded random variable. arXiv:1905.06208 (2019)."
)
MEDIANS = "Conover, W. J. Practical Nonparametric Statistics, 3rd edition. Wiley (1999)."
FLIPS = (
    "Westfall, P. H. and Young, S. S. Resampling-Based Multiple Testing. Wiley (1993); Romano,"
    " J. P. and Wolf, M. Exact and approximate stepdown methods for multiple hypothesis testing."
    " Journal of the American Statistical Association 100, 94-108 (2005)."
)
STUDENTISED = "Hall, P. The Bootstrap and Edgeworth Expansion. Springer (1992)."
TRAININGS = (
    "Bouthillier, X. et al. Accounting for variance in machine learning benchmarks. Proceedings of"
    " Machine Learning and Systems 3 (2021)."
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
    paragraphs = methods_text(numbers)
    return Section(id="methods", title="Methods", blocks=(prose(*paragraphs),))


def methods_text(numbers: Numbers) -> list[str]:
    """Paragraphs, the references last."""
    data = numbers.data
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
        if trained and run.profile == SHIPPED:
            sentences.append(
                f"{names} predicted with the weights that come with cellbench {run.cellbench};"
                " nothing was trained."
            )
        elif trained:
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
        f" Intervals of means are 95 % intervals for bounded scores [{cite(MEANS)}], those of"
        f" medians are order statistics [{cite(MEDIANS)}]. Models were compared two by two on the"
        " same images by sign-flip tests, with p values adjusted for all pairs by the step-down"
        f" largest statistic over joint flips [{cite(FLIPS)}], and simultaneous 95 % intervals from"
        f" the larger critical value of the flips and of {DRAWS} studentised redraws"
        f" [{cite(STUDENTISED)}]. A model is called better where the interval leaves out 0 and the"
        " adjusted p is at most 0.05, and two are called equivalent where the interval lies within"
        f" ±{numbers.margin:g}. {_units(numbers, cite(TRAININGS))} Ranks left open are those that"
        f" the comparisons do not rule out [{cite(RANKS)}]."
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


def _units(numbers: Numbers, reference: int) -> str:
    """What was redrawn beside the images."""
    images = "Images of one group were flipped and redrawn together." if numbers.groups else ""
    if numbers.fixed_mix:
        images += " Redraws kept the mix of the manifest's column stratum, with the spread inside."
    several = any(len(model.seeds) > 1 for model in numbers.contenders)
    trainings = (
        f"Where both models have two seeds, the variance between trainings is added [{reference}]."
        if several
        else f"With one seed each, all claims are about these trainings [{reference}]."
    )
    return f"{images} {trainings}".strip()
