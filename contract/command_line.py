"""The words that a container is called with, and what is said of wrong ones."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from contract.describe import DEFAULT_PROFILE
from contract.errors import CallError, did_you_mean
from contract.schema import ModelCard

EXAMPLE = "docker run --rm -v $PWD/images:/in:ro -v $PWD/masks:/out"
"""Before the name of an image: the folders of the caller where the words below have them."""
TRAINING_EXAMPLE = "docker run --rm -v $PWD/train:/in:ro -v $PWD/more:/out"


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are `CallError`s: what is wrong, and where help is."""

    def error(self, message: str) -> NoReturn:
        """Raises CallError with argparse's own words."""
        raise CallError(f"{message[:1].upper()}{message[1:]}.", do=f"see {self.prog} --help")


def parse(card: ModelCard, argv: Sequence[str]) -> argparse.Namespace:
    """The call, checked; raises CallError for a wrong one, and exits after --help."""
    parser = _parser(card)
    if not argv:
        raise CallError(f"Nothing was asked of {card.name}.", do=f"\n\n{parser.format_help()}")
    if not argv[0].startswith("-") and argv[0] not in card.verbs:
        raise CallError(
            f"{card.name} has no verb {argv[0]!r}{did_you_mean(argv[0], card.verbs)}",
            f"the first word says what to do: {', '.join(card.verbs)}",
            f"for example: {_example(card)}",
        )
    return parser.parse_args(argv)


def _example(card: ModelCard) -> str:
    return "generate /in /out --count 10" if "generate" in card.verbs else "predict /in /out"


def _about(card: ModelCard) -> str:
    """What --help says above the verbs."""
    image = f"cellbench/{card.name}"
    words = [f"{card.title}, behind the cellbench contract, version 1."]
    if "predict" in card.verbs and not card.needs_truth:
        words += [
            "",
            "Finds the cells in every image of a folder:",
            "",
            f"  {EXAMPLE} {image} predict /in /out",
            "",
            "Of ./images/name.png (tif, png, bmp or jpg) it writes ./masks/name_label.tiff: 0 is",
            "background, each other number one cell. Fiji, QuPath and napari open it as it is;",
            "./masks/predictions.jsonl says how each image ended. -t after run shows progress.",
        ]
    if "generate" in card.verbs:
        words += [
            "",
            "Makes labelled images out of a training folder, with images/ and labels/:",
            "",
            f"  {TRAINING_EXAMPLE} {image} generate /in /out --count 10",
            "",
            "./more is a training folder, too; ./more/generated.jsonl says what each image is made",
            "of. Images that lie there from an interrupted call are kept.",
        ]
    return "\n".join(words)


def _parser(card: ModelCard) -> argparse.ArgumentParser:
    parser = Parser(
        prog=card.name,
        description=_about(card),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    described = verbs.add_parser("describe", help="print what this model is, as JSON")
    described.set_defaults(profile=None, set=[])
    if "train" in card.verbs:
        described.add_argument("--profile", help="print this profile's values, too")
        _add_set(described)
        train = verbs.add_parser("train", help="learn from labelled images")
        train.add_argument("input", type=Path, help="folder with images/, labels/, split.csv")
        train.add_argument("output", type=Path, help="folder for weights/ and training.json")
        train.add_argument(
            "--profile", default=DEFAULT_PROFILE, help="named settings (default quick)"
        )
        train.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
        _add_set(train)
        _add_json(train)
    if "predict" in card.verbs:
        predict = verbs.add_parser("predict", help="write a label mask for every image")
        predict.add_argument("input", type=Path, help="folder with images, or with images/")
        predict.add_argument("output", type=Path, help="folder for <stem>_label.tiff")
        predict.add_argument("--weights", type=Path, help="folder that train wrote as weights/")
        predict.add_argument(
            "--cell-diameter",
            type=float,
            metavar="PX",
            help="width of a typical cell in pixels, if you know it: the scale is not searched for",
        )
        predict.add_argument("--truth", type=Path, help="folder of label masks, for controls only")
        _add_json(predict)
    if "generate" in card.verbs:
        generate = verbs.add_parser("generate", help="write new labelled images")
        generate.add_argument("input", type=Path, help="folder with images/, labels/, split.csv")
        generate.add_argument("output", type=Path, help="folder for images/, labels/ and a record")
        generate.add_argument("--count", type=int, required=True, help="how many images")
        generate.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
        generate.add_argument("--weights", type=Path, help="folder that train wrote as weights/")
        generate.add_argument(
            "--masks",
            choices=card.masks,
            default=card.masks[0] if card.masks else None,
            help="where their masks come from"
            + (f" (default {card.masks[0]})" if card.masks else ": there is no choice here"),
        )
        _add_json(generate)
    return parser


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="events as JSON lines, in a terminal too"
    )
