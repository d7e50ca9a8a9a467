"""The command line of a container: describe, train, predict and generate."""

import inspect
import os
import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, NoReturn

from contract.command_line import parse
from contract.describe import describe
from contract.errors import CallError, ExitCode, run_cli
from contract.events import Events
from contract.metering import peak_memory_bytes, peak_vram_bytes
from contract.names import holds_files
from contract.privileges import become_owner, refuse_unmounted
from contract.schema import ModelCard, read_card
from contract.start import SHIPPED_WEIGHTS
from contract.terminal import events_for

BAKED_WEIGHTS = Path("/opt/cellbench/weights")
MOUNTED_WEIGHTS = Path("/weights")
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
    arguments = parse(card, argv)
    match arguments.verb:
        case "describe":
            asked = {"profile": arguments.profile, "overrides": arguments.set}
            print(describe(segmenter, card, folder, **asked).model_dump_json(indent=2))
            sys.exit(ExitCode.DONE)
        case "train":
            from contract.train import train

            events = _begin(arguments)
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

            events = _begin(arguments)
            code = predict(
                segmenter,
                source=arguments.input,
                out=arguments.output,
                weights=_weights(arguments, card, folder, events),
                truth=_find_truth(arguments.truth, card),
                threads=usable_cores(),
                events=events,
                cell_diameter=arguments.cell_diameter,
            )
            _leave(events, code)
        case "generate":
            from contract.generate import generate

            events = _begin(arguments)
            code = generate(
                segmenter,
                card,
                source=arguments.input,
                out=arguments.output,
                count=arguments.count,
                seed=arguments.seed,
                masks=arguments.masks,
                weights=_weights(arguments, card, folder, events),
                threads=usable_cores(),
                events=events,
            )
            _leave(events, code)
        case verb:
            raise CallError(f"{card.name} has no verb {verb}.")


def _begin(arguments: Namespace) -> Events:
    """Sees that what is written stays and is the caller's; from here on stdout is for events."""
    refuse_unmounted(arguments.output)
    become_owner(arguments.output, arguments.input)
    return events_for(as_json=arguments.json)


def _leave(events: Events, code: ExitCode) -> NoReturn:
    events.emit(
        "finished", peak_memory_bytes=peak_memory_bytes(), peak_vram_bytes=peak_vram_bytes()
    )
    sys.exit(code)


def _weights(arguments: Namespace, card: ModelCard, own: Path, events: Events) -> Path | None:
    """The weights of a call, with a note where they are a demonstration."""
    from contract.train import demonstration

    weights = _find_weights(arguments.weights, card, arguments.verb, own)
    if said := demonstration(weights):
        events.say(f"note: {said}")
    return weights


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
        f"{card.name} has no weights to {verb} with.",
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
