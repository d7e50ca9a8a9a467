"""The words and defaults that evaluator and harness share; the contract's own are in `contract`."""

from typing import Literal, get_args

from contract.schema import PredictOutcome

Protocol = Literal["challenge", "plain"]
"""The rules by which masks become scores; see `evaluator.scores.protocols`."""
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
DEFAULT_PROTOCOL: Protocol = "challenge"

Metrics = Literal["basic", "all"]
"""Whether scores.csv has the further columns, `evaluator.scores.further`."""
DEFAULT_METRICS: Metrics = "basic"

DEFAULT_THRESHOLDS = (0.5, 0.7, 0.9)
"""Intersections over union from which a cell counts as found."""

Outcome = Literal[
    "scored",
    "missing",
    "unreadable",
    "wrong_shape",
    "wrong_type",
    "out_of_memory",
    "timeout",
    "crashed",
]
"""How one image ended for one model; everything but "scored" counts 0."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

SHIPPED = "shipped"
"""The profile that trains nothing: models predict with the weights that come with them."""

LineOutcome = Literal[PredictOutcome, "missing", "timeout"]
"""How the prediction of one image ended: as its model says, or the harness where no model could."""

StepName = Literal["train", "predict", "generate"]
StepOutcome = Literal["done", "missing", "crashed", "out_of_memory", "timeout"]
"""How a step's container or process ended; missing: what it needs does not come with the model."""
RunnerName = Literal["docker", "apptainer", "local"]

PIXEL_SIZE = "pixel_size_um"
"""The column of manifest.csv that says how large a pixel is; it groups nothing."""
CELL_DIAMETER = "cell_diameter"
"""The column that says how wide a typical cell of an image is, in pixels; it groups nothing."""
GROUP = "group"
"""The column of the manifest that names images that belong together."""
STRATUM = "stratum"
"""The column that names the part of each image in a mix that was fixed beforehand."""
