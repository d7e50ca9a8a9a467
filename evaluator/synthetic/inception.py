"""FID and KID: distances of features of the Inception network, when its weights are given.

The network is that of the original FID, Inception v3 as TensorFlow released it in 2015, written
as one function of its weights, so that no torchvision is needed. torch is imported when a file
of weights is given, and at no other time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from contract import CallError, sha256_file
from contract.names import some
from evaluator.synthetic.cells import Sample
from evaluator.synthetic.distances import Rows, frechet, kernel_distance
from evaluator.synthetic.floor import Asked, judge
from evaluator.synthetic.folders import HIGH, LOW, Pair
from evaluator.synthetic.result import Measure, Weights

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED = "6726825d"
"""First digits of the SHA-256 of the published weights, which stand in the names of their files:
pt_inception-2015-12-05-6726825d.pth and weights-inception-2015-12-05-6726825d.pth."""
KNOWN = f"it begins with {PUBLISHED}, as in the name of the published file"
SIDE = 299
"""Pixels that a crop is resized to, bilinearly, as pytorch-fid does."""
CROP = 128
CROPS_AN_IMAGE = 16
MOST_CROPS = 3000
BATCH = 16
FID_SPLITS = 5
EPSILON = 0.001
"""Of the batch norm."""

Network = Callable[["Tensor"], "Tensor"]


def inception_measures(
    real: Sequence[Pair],
    synthetic: Sequence[Pair],
    file: Path,
    *,
    crop: int = CROP,
    crops_an_image: int = CROPS_AN_IMAGE,
) -> tuple[tuple[Measure, ...], Weights]:
    """`fid` and `kid` of square crops of the images, and whose weights they are of.

    Crops of `crop` pixels do not overlap, `crops_an_image` at most are drawn of an image, and each
    image is stretched first. FID is withheld where a side has no more crops than the network has
    features: its covariance would be singular there. Raises CallError for a file that is no such
    network, and without torch.
    """
    network, weights = load_inception(file)
    first, second = (_sample(pairs, network, crop, crops_an_image) for pairs in (real, synthetic))
    kid = judge(
        first,
        second,
        Asked(
            statistic=lambda a, b: {"kid": kernel_distance(a, b)},
            names=("kid",),
            topic="distance",
            better="low",
            rows="crops",
            draws=50,
            signed=frozenset({"kid"}),
        ),
    )
    return (*_fid(first, second), *kid), weights


def _fid(real: Sample, synthetic: Sample) -> tuple[Measure, ...]:
    asked = Asked(
        statistic=lambda a, b: {"fid": frechet(a, b)},
        names=("fid",),
        topic="distance",
        better="low",
        rows="crops",
        draws=0,
        splits=FID_SPLITS,
    )
    least, features = min(len(real.rows), len(synthetic.rows)), real.rows.shape[1]
    if least > features:
        return judge(real, synthetic, asked)
    few = f"{least} crops on a side, no more than the {features} features of the network"
    empty = Measure(
        name="fid",
        topic="distance",
        better="low",
        real_images=real.images,
        synthetic_images=synthetic.images,
        real_rows=len(real.rows),
        synthetic_rows=len(synthetic.rows),
    )
    return (replace(empty, withheld=few),)


def load_inception(file: Path) -> tuple[Network, Weights]:
    """The network of a file of weights, and the file's SHA-256.

    The file is a mapping of torchvision's names to tensors, such as pytorch-fid's and
    torch-fidelity's; it is opened without running any code in it. Raises CallError when it cannot
    be, or lacks a layer.
    """
    try:
        import torch
    except ImportError as error:
        raise CallError(
            "--inception-weights needs torch, which is not installed.",
            "cellbench was installed without its extra `models`",
            "pip install torch, or leave the option out",
        ) from error
    if not file.is_file():
        raise CallError(f"No file {file}.", do="download the weights and name the file")
    digest = sha256_file(file)
    try:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling fails in many ways
        raise CallError(
            f"{file} cannot be opened as weights: {' '.join(str(error).split())[:200]}",
            "it is damaged, no file of torch, or holds code, which is never run",
            "download it again",
        ) from error
    missing = [name for name in _needed() if not isinstance(tensors, dict) or name not in tensors]
    if missing:
        raise CallError(
            f"{file} lacks {len(missing)} layers of Inception v3: {some(missing)}.",
            "it holds the weights of another network",
            "use pt_inception-2015-12-05-6726825d.pth",
        )
    known = KNOWN if digest.startswith(PUBLISHED) else ""
    return (
        lambda images: features(tensors, images),
        Weights(file=file.name, sha256=digest, known=known),
    )


def features(weights: "Mapping[str, Tensor]", images: "Tensor") -> "Tensor":
    """(images, 2048) features before the classifier, of (images, 3, H, W) values in [0, 1].

    As in TensorFlow's network, averages leave padding out, and the last block takes maxima where
    its paper has averages. Source: Szegedy et al., CVPR 2016, for the network; Heusel et al.,
    NeurIPS 2017, for these features.
    """
    import torch
    from torch.nn import functional as f

    x = f.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False) * 2 - 1

    def conv(x: "Tensor", name: str, stride: int = 1, *, valid: bool = False) -> "Tensor":
        kernel = weights[f"{name}.conv.weight"].float()
        padding = (0, 0) if valid else (kernel.shape[2] // 2, kernel.shape[3] // 2)
        x = f.conv2d(x, kernel, None, stride, padding)
        mean, variance, scale, shift = (weights[f"{name}.bn.{part}"].float() for part in NORM)
        return f.relu(f.batch_norm(x, mean, variance, scale, shift, eps=EPSILON))

    def chain(x: "Tensor", *names: str) -> "Tensor":
        for name in names:
            x = conv(x, name)
        return x

    def averaged(x: "Tensor") -> "Tensor":
        return f.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    def block_a(x: "Tensor", at: str) -> "Tensor":
        return torch.cat(
            [
                conv(x, f"{at}.branch1x1"),
                chain(x, *_numbered(f"{at}.branch5x5", 2)),
                chain(x, *_numbered(f"{at}.branch3x3dbl", 3)),
                conv(averaged(x), f"{at}.branch_pool"),
            ],
            1,
        )

    def block_c(x: "Tensor", at: str) -> "Tensor":
        return torch.cat(
            [
                conv(x, f"{at}.branch1x1"),
                chain(x, *_numbered(f"{at}.branch7x7", 3)),
                chain(x, *_numbered(f"{at}.branch7x7dbl", 5)),
                conv(averaged(x), f"{at}.branch_pool"),
            ],
            1,
        )

    def reduction(x: "Tensor", *branches: tuple[str, ...]) -> "Tensor":
        halved = [conv(chain(x, *names[:-1]), names[-1], 2, valid=True) for names in branches]
        return torch.cat([*halved, f.max_pool2d(x, 3, 2)], 1)

    def block_e(x: "Tensor", at: str, pool: Callable[["Tensor"], "Tensor"]) -> "Tensor":
        narrow = conv(x, f"{at}.branch3x3_1")
        deep = chain(x, *_numbered(f"{at}.branch3x3dbl", 2))
        return torch.cat(
            [
                conv(x, f"{at}.branch1x1"),
                *(conv(narrow, f"{at}.branch3x3_2{side}") for side in "ab"),
                *(conv(deep, f"{at}.branch3x3dbl_3{side}") for side in "ab"),
                conv(pool(x), f"{at}.branch_pool"),
            ],
            1,
        )

    x = conv(x, "Conv2d_1a_3x3", 2, valid=True)
    x = conv(conv(x, "Conv2d_2a_3x3", valid=True), "Conv2d_2b_3x3")
    x = conv(f.max_pool2d(x, 3, 2), "Conv2d_3b_1x1")
    x = f.max_pool2d(conv(x, "Conv2d_4a_3x3", valid=True), 3, 2)
    for name in A_BLOCKS:
        x = block_a(x, name)
    x = reduction(x, ("Mixed_6a.branch3x3",), _numbered("Mixed_6a.branch3x3dbl", 3))
    for name in C_BLOCKS:
        x = block_c(x, name)
    branches = _numbered("Mixed_7a.branch3x3", 2), _numbered("Mixed_7a.branch7x7x3", 4)
    x = reduction(x, *branches)
    x = block_e(x, "Mixed_7b", averaged)
    x = block_e(x, "Mixed_7c", lambda x: f.max_pool2d(x, 3, 1, 1))
    return x.mean(dim=(2, 3))


NORM = ("running_mean", "running_var", "weight", "bias")
A_BLOCKS = ("Mixed_5b", "Mixed_5c", "Mixed_5d")
C_BLOCKS = ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")
E_BLOCKS = ("Mixed_7b", "Mixed_7c")
STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")


def layers() -> Iterator[str]:
    """The names of all convolutions, as torchvision calls them."""
    yield from STEM
    for at in A_BLOCKS:
        yield from (f"{at}.branch1x1", f"{at}.branch_pool")
        yield from _numbered(f"{at}.branch5x5", 2)
        yield from _numbered(f"{at}.branch3x3dbl", 3)
    yield from ("Mixed_6a.branch3x3", *_numbered("Mixed_6a.branch3x3dbl", 3))
    for at in C_BLOCKS:
        yield from (f"{at}.branch1x1", f"{at}.branch_pool")
        yield from _numbered(f"{at}.branch7x7", 3)
        yield from _numbered(f"{at}.branch7x7dbl", 5)
    yield from _numbered("Mixed_7a.branch3x3", 2)
    yield from _numbered("Mixed_7a.branch7x7x3", 4)
    for at in E_BLOCKS:
        yield from (f"{at}.branch1x1", f"{at}.branch_pool", f"{at}.branch3x3_1")
        yield from _numbered(f"{at}.branch3x3dbl", 2)
        yield from (f"{at}.branch3x3_2a", f"{at}.branch3x3_2b")
        yield from (f"{at}.branch3x3dbl_3a", f"{at}.branch3x3dbl_3b")


def _needed() -> list[str]:
    parts = ("conv.weight", *(f"bn.{part}" for part in NORM))
    return [f"{layer}.{part}" for layer in layers() for part in parts]


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(1, count + 1))


def _sample(pairs: Sequence[Pair], network: Network, crop: int, most: int) -> Sample:
    import torch

    rows: list[Rows] = []
    unit: list[int] = []
    for place, pair in enumerate(pairs):
        pieces = crops(pair.open().pixels, crop, most)
        unit += [place] * len(pieces)
        with torch.inference_mode():
            for start in range(0, len(pieces), BATCH):
                given: Any = torch.from_numpy(pieces[start : start + BATCH])
                rows.append(network(given).double().numpy())
        if len(unit) >= MOST_CROPS:
            break
    values = np.concatenate(rows)
    return Sample(
        features=tuple(f"inception {number}" for number in range(values.shape[1])),
        rows=values,
        unit=np.array(unit, dtype=np.intp),
        units=tuple(pair.stem for pair in pairs),
    )


def crops(
    pixels: npt.NDArray[np.generic], side: int, most: int, seed: int = 0
) -> npt.NDArray[np.float32]:
    """(crops, 3, side, side) values in [0, 1] of an H×W×3 image; `side` is at most its own."""
    values = pixels.astype(np.float64)
    low, high = np.percentile(values, [LOW, HIGH])
    values = np.clip((values - low) / max(high - low, 1e-9), 0, 1).astype(np.float32)
    height, width = values.shape[:2]
    side = min(side, height, width)
    places = [
        (row, column)
        for row in range((height % side) // 2, height - side + 1, side)
        for column in range((width % side) // 2, width - side + 1, side)
    ]
    drawn = np.random.default_rng(seed).permutation(len(places))[:most]
    return np.stack(
        [
            values[row : row + side, column : column + side].transpose(2, 0, 1)
            for row, column in (places[place] for place in np.sort(drawn))
        ]
    )
