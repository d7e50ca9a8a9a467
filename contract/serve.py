"""The command line of a container: describe, train, predict and generate."""

import argparse
import inspect
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from contract.describe import DEFAULT_PROFILE, describe
from contract.errors import CallError, ExitCode, run_cli
from contract.events import Events
from contract.metering import peak_memory_bytes, peak_vram_bytes
from contract.names import holds_files
from contract.privileges import become_owner, refuse_unmounted
from contract.schema import ModelCard, read_card

BAKED_WEIGHTS = Path("/opt/cellbench/weights")
MOUNTED_WEIGHTS = Path("/weights")
SHIPPED_WEIGHTS = "weights"
"""Beside model.yaml: weights that come with a model."""
MOUNTED_TRUTH = Path("/truth")


def serve(segmenter: type[Any]) -> None:
    """Runs the verb on the command line with `segmenter`, then exits.

    The class implements `contract.Segmenter` or `contract.Generator` (and `train` when model.yaml
    lists it). model.yaml and profiles/ are read from the folder of the class's module. SIGTERM ends
    it as Ctrl-C does, with the clean-up of whatever it was doing: a container's first process would
    not notice the signal otherwise.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(inspect.getfile(segmenter)).resolve().parent
    run_cli(lambda: _main(segmenter, folder, sys.argv[1:]))


def _main(segmenter: type[Any], folder: Path, argv: list[str]) -> NoReturn:
    card = read_card(folder)
    arguments = _parser(card).parse_args(argv)
    match arguments.verb:
        case "describe":
            asked = {"profile": arguments.profile, "overrides": arguments.set}
            print(describe(segmenter, card, folder, **asked).model_dump_json(indent=2))
            sys.exit(ExitCode.DONE)
        case "train":
            from contract.train import train

            refuse_unmounted(arguments.output)
            become_owner(arguments.output, arguments.input)
            events = Events()
            train(
                segmenter,
                card,
                folder,
                source=arguments.input,
                out=arguments.output,
                profile=arguments.profile,
                seed=arguments.seed,
                overrides=arguments.set,
                threads=usable_cores(),
                events=events,
            )
            _leave(events, ExitCode.DONE)
        case "predict":
            from contract.predict import predict
            from contract.train import demonstration

            refuse_unmounted(arguments.output)
            become_owner(arguments.output, arguments.input)
            events = Events()
            weights = _find_weights(arguments.weights, card, arguments.verb, folder)
            if said := demonstration(weights):
                print(f"note: {said}", file=sys.stderr)
            code = predict(
                segmenter,
                source=arguments.input,
                out=arguments.output,
                weights=weights,
                truth=_find_truth(arguments.truth, card),
                threads=usable_cores(),
                events=events,
                cell_diameter=arguments.cell_diameter,
            )
            _leave(events, code)
        case "generate":
            from contract.generate import generate
            from contract.train import demonstration

            refuse_unmounted(arguments.output)
            become_owner(arguments.output, arguments.input)
            events = Events()
            weights = _find_weights(arguments.weights, card, arguments.verb, folder)
            if said := demonstration(weights):
                print(f"note: {said}", file=sys.stderr)
            code = generate(
                segmenter,
                card,
                source=arguments.input,
                out=arguments.output,
                count=arguments.count,
                seed=arguments.seed,
                masks=arguments.masks,
                weights=weights,
                threads=usable_cores(),
                events=events,
            )
            _leave(events, code)
        case verb:
            raise CallError(f"{card.name} has no verb {verb}.")


def _leave(events: Events, code: ExitCode) -> NoReturn:
    events.emit(
        "finished", peak_memory_bytes=peak_memory_bytes(), peak_vram_bytes=peak_vram_bytes()
    )
    sys.exit(code)


def _parser(card: ModelCard) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=card.name, description=f"{card.title} behind the cellbench contract, version 1"
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
    return parser


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting"
    )


def _find_weights(asked: Path | None, card: ModelCard, verb: str, own: Path) -> Path | None:
    """The first of --weights, /weights, the baked ones and those that come with the model.

    `own` is the model's folder. None for a model that needs none.
    """
    if asked is not None:
        if not holds_files(asked):
            raise CallError(
                f"No weights in {asked}.",
                "the folder is missing or empty",
                "name the weights/ folder that train wrote",
            )
        return asked
    for folder in (MOUNTED_WEIGHTS, BAKED_WEIGHTS, own / SHIPPED_WEIGHTS):
        if holds_files(folder):
            return folder
    if "train" not in card.verbs:
        return None
    raise CallError(
        f"{card.name} has no weights to predict with.",
        "this image carries none: they come from training",
        f"train first, then mount the result (-v RUN/models/{card.name}/seed0/train/weights"
        f":/weights:ro), or put it into the image with `harness bake {card.name} --run RUN`",
    )


def _find_truth(asked: Path | None, card: ModelCard) -> Path | None:
    if not card.needs_truth:
        return None
    folder = asked or MOUNTED_TRUTH
    if not folder.is_dir():
        raise CallError(
            f"{card.name} is a control that needs the true labels, and {folder} is no folder.",
            do="give the folder of label masks with --truth, or mount it at /truth",
        )
    return folder


def usable_cores() -> int:
    """Threads to use: OMP_NUM_THREADS if set, else the cores this process or container may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    cores = len(os.sched_getaffinity(0))
    quota = _cgroup_cores()
    return max(1, min(cores, quota)) if quota else cores


def _cgroup_cores() -> int | None:
    """The CPU quota of this container in whole cores, from cgroup v2 or v1; None without one."""
    try:
        text = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        quota, period = text[0], text[1]
    except (OSError, IndexError):
        try:
            base = Path("/sys/fs/cgroup/cpu")
            quota = (base / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (base / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return max(1, int(quota) // int(period))
