"""nnU-Net's raw dataset, made from the training images."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from containers.base.segmentation.crops import working_scale
from containers.base.segmentation.data import Pool
from containers.base.segmentation.resample import resize_image, resize_labels, scaled_shape
from containers.base.segmentation.settings import LoopSettings
from containers.nnunet.border_core import CLASSES, BorderCore
from contract import CallError, TrainPair, write_json

NAME = "Dataset001_Cells"
CHANNEL = "rgb_to_0_1"
"""Makes nnU-Net divide by 255 and do no more: the images are normalised already."""
FAST = 1
"""PNG compression level."""


def write_dataset(
    raw: Path, pairs: Sequence[TrainPair], settings: LoopSettings, task: BorderCore, threads: int
) -> dict[str, list[str]]:
    """Writes `raw`/`NAME` and returns the names of its cases by subset (train, val).

    Images are normalised and rescaled to the working cell diameter, if one is set; so are the
    labels, which become border and core there. Pairs that cannot
    be used are left out. Raises CallError when no training image is left.
    """
    images, labels = raw / NAME / "imagesTr", raw / NAME / "labelsTr"
    images.mkdir(parents=True)
    labels.mkdir()
    cases: dict[str, list[str]] = {"train": [], "val": []}
    typical = None
    for subset, names in cases.items():
        pool = Pool([pair for pair in pairs if pair.subset == subset], settings.cache_bytes)
        if not len(pool):
            continue
        typical = typical or pool.typical_diameter()
        jobs = []
        for index in range(len(pool)):
            diameter = pool.facts[index].diameter or typical
            name, scale = f"{subset}_{index:05d}", working_scale(diameter, settings.cell_diameter)
            names.append(name)
            jobs.append((index, name, scale))

        def write(job: tuple[int, str, float], pool: Pool = pool) -> None:
            index, name, scale = job
            sample = pool[index]
            shape = scaled_shape((sample.labels.shape[0], sample.labels.shape[1]), scale)
            classes = task.encode(resize_labels(sample.labels, shape))
            image = resize_image(sample.image, shape)
            for path, pixels in (
                (images / f"{name}_0000.png", image),
                (labels / f"{name}.png", classes),
            ):
                Image.fromarray(pixels).save(path, compress_level=FAST)

        with ThreadPoolExecutor(threads) as workers:
            list(workers.map(write, jobs))
    if not cases["train"]:
        raise CallError("None of the training images can be used.", "each was named above")
    write_json(
        raw / NAME / "dataset.json",
        {
            "channel_names": {str(channel): CHANNEL for channel in range(3)},
            "labels": CLASSES,
            "numTraining": sum(len(names) for names in cases.values()),
            "file_ending": ".png",
            # With this list nnU-Net does not search the folder, for which it would start processes.
            "dataset": {
                name: {"images": [f"imagesTr/{name}_0000.png"], "label": f"labelsTr/{name}.png"}
                for names in cases.values()
                for name in names
            },
            "overwrite_image_reader_writer": "NaturalImage2DIO",
        },
    )
    return cases


def write_split(preprocessed: Path, cases: dict[str, list[str]]) -> None:
    """The harness's split as nnU-Net's only fold; without validation images the training ones."""
    fold = {"train": cases["train"], "val": cases["val"] or cases["train"]}
    path = preprocessed / NAME / "splits_final.json"
    path.write_text(json.dumps([fold]), encoding="utf-8")
