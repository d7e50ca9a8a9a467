"""Shares of the training images: nested, the same for every arm, sources in proportion."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from contract.schema import Subset
from evaluator.runs.words import GROUP
from harness.datasets.folder import Pair

SEED = 0
"""Which images a share holds is the same for every arm and seed, so that these differ alone."""


def share_of(pairs: Sequence[Pair], split: Mapping[str, Subset], share: float) -> tuple[Pair, ...]:
    """The images for training that make up a share in (0, 1] of them, at least one.

    A smaller share's images are all in a larger one. Sources, named as for the split, come in
    proportion, and images of one `group` stay together; so the size is the nearest that whole
    groups allow. Pairs come in their order in `pairs`.
    """
    units = _in_order([pair for pair in pairs if split[pair.name] == "train"])
    target = share * sum(len(unit) for unit in units)
    chosen: set[str] = set()
    for unit in units:
        if chosen and len(chosen) + len(unit) / 2 > target:
            break
        chosen |= {pair.name for pair in unit}
    return tuple(pair for pair in pairs if pair.name in chosen)


def _in_order(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Groups of images in the order in which growing shares take them in."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        group = pair.strata.get(GROUP)
        groups.setdefault(f"{GROUP} {group}" if group else pair.name, []).append(pair)
    sources: dict[str, list[list[Pair]]] = defaultdict(list)
    for name in sorted(groups):
        first = groups[name][0]
        source = first.strata.get("source") or first.strata.get("modality", "")
        sources[source].append(groups[name])
    generator = random.Random(SEED)
    placed: list[tuple[float, float, list[Pair]]] = []
    for source in sorted(sources):
        units = sources[source]
        generator.shuffle(units)
        for rank, unit in enumerate(units):
            placed.append(((rank + 0.5) / len(units), generator.random(), unit))
    return [unit for _, _, unit in sorted(placed, key=lambda one: one[:2])]
