"""Turning the words of the command line into values, with a clear refusal of any other."""

import re

import psutil

from contract import CallError
from evaluator.runfolder import StepName
from harness.record import Protocol
from harness.runners.arguments import parse_size
from harness.runners.choose import RunnerChoice
from harness.runners.job import Limits

MEMORY_SHARE = 0.9
"""Of the machine's memory, for one step, when no limit is given."""
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def names(text: str | None) -> list[str] | None:
    """Names separated by commas; None stays None."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise CallError("--models names no model.", do="write names separated by commas")
    return list(dict.fromkeys(found))


def seeds(text: str) -> tuple[int, ...]:
    """Whole numbers ≥ 0 separated by commas, without repetitions."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise CallError(f"--seeds {text!r} is no list of whole numbers.", do="write e.g. 0,1,2")
    return tuple(dict.fromkeys(int(part) for part in parts))


def protocol(text: str) -> Protocol:
    """challenge or plain."""
    match text:
        case "challenge" | "plain":
            return text
        case _:
            raise CallError(f"No protocol {text!r}.", do="choose challenge or plain")


def runner(text: str) -> RunnerChoice:
    """auto, docker or local."""
    match text:
        case "auto" | "docker" | "local":
            return text
        case _:
            raise CallError(f"No runner {text!r}.", do="choose auto, docker or local")


def step(text: str) -> StepName:
    """train or predict."""
    match text:
        case "train" | "predict":
            return text
        case _:
            raise CallError(f"No step {text!r}.", do="choose train or predict")


def duration(text: str) -> float:
    """Seconds of a time such as "90s", "30m", "1.5h" or "2d"; a bare number is seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text.lower())
    if match is None or float(match[1]) == 0:
        raise CallError(f"{text!r} is no time.", do="write a number and a unit, such as 90s or 2h")
    return float(match[1]) * SECONDS[match[2]]


def limits(memory: str | None, timeout: str, *, gpu: bool) -> Limits:
    """The limits of one step; without a memory limit nine tenths of the machine's."""
    from contract.serve import usable_cores

    total = psutil.virtual_memory().total
    return Limits(
        memory=parse_size(memory) if memory else int(total * MEMORY_SHARE),
        timeout=duration(timeout),
        cores=usable_cores(),
        gpu=gpu,
    )
