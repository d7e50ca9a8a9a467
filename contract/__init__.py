"""What containers and harness agree on: verbs, folders, settings, exit codes, files."""

from contract.errors import (
    CallError,
    CellbenchError,
    ExitCode,
    Interrupted,
    OutOfMemory,
    SeveralPlanes,
    UnreadableImage,
    UnreadableMask,
    WrongMaskType,
)
from contract.files import (
    append_line,
    read_lines,
    sha256_file,
    sha256_json,
    sha256_tree,
    write_aside,
    write_json,
    write_text,
)
from contract.images import read_image, read_size
from contract.masks import read_mask, write_mask
from contract.names import (
    label_name,
    label_stem,
    list_images,
    list_labels,
    refuse_shared_stems,
    stem,
)
from contract.protocol import Image, Segmenter, Trainable, TrainCall, TrainPair
from contract.schema import (
    HistoryLine,
    ModelCard,
    PredictionLine,
    TrainingRecord,
    TrainingSummary,
    read_card,
)
from contract.serve import serve
from contract.version import __version__

__all__ = [
    "CallError",
    "CellbenchError",
    "ExitCode",
    "HistoryLine",
    "Image",
    "Interrupted",
    "ModelCard",
    "OutOfMemory",
    "PredictionLine",
    "Segmenter",
    "SeveralPlanes",
    "TrainCall",
    "TrainPair",
    "Trainable",
    "TrainingRecord",
    "TrainingSummary",
    "UnreadableImage",
    "UnreadableMask",
    "WrongMaskType",
    "__version__",
    "append_line",
    "label_name",
    "label_stem",
    "list_images",
    "list_labels",
    "read_card",
    "read_image",
    "read_lines",
    "read_mask",
    "read_size",
    "refuse_shared_stems",
    "serve",
    "sha256_file",
    "sha256_json",
    "sha256_tree",
    "stem",
    "write_aside",
    "write_json",
    "write_mask",
    "write_text",
]
