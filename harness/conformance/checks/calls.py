"""Wrong calls are refused before any work, with exit code 2 and a message."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract import label_name, sha256_file
from contract.shown import shown
from harness.conformance.findings import Check, NotChecked, Verdict, fault, not_applicable, passed
from harness.conformance.judging import TRACEBACK, ending, refusal_verdict
from harness.conformance.material import ordinary, write_pictures
from harness.conformance.subject import Call, Subject

PROFILE = "no-such-profile"
SETTING = "no_such_setting"
SMALL_DISK = "8k"
FULL = ("no space left", "disk is full", "quota")


def _profile(subject: Subject) -> Verdict:
    call = subject.call("train", subject.training_folder, options=("--profile", PROFILE))
    return refusal_verdict(call, names=PROFILE)


def _setting(subject: Subject) -> Verdict:
    if subject.card.settings is None:
        return not_applicable("it declares no settings, so any key is taken")
    options = ("--profile", subject.training_profile, "--set", f"{SETTING}=1")
    return refusal_verdict(
        subject.call("train", subject.training_folder, options=options), names=SETTING
    )


def _no_images(subject: Subject) -> Verdict:
    folder = subject.place / "nothing"
    folder.mkdir()
    return refusal_verdict(_predict(subject, folder))


def _no_weights(subject: Subject) -> Verdict:
    source, _ = write_pictures(subject.place / "without-weights", ordinary()[:1])
    call = subject.call("predict", source)
    if call.code == 0:
        return not_applicable("the image carries weights")
    return refusal_verdict(call, names="weights")


def _shared_stem(subject: Subject) -> Verdict:
    source, truth = write_pictures(subject.place / "one-stem", ordinary()[:1])
    picture = source / ordinary()[0].name
    (source / f"{picture.stem}.final.png").write_bytes(picture.read_bytes())
    return refusal_verdict(_predict(subject, source, truth=truth), names=picture.stem)


def _foreign_file(subject: Subject) -> Verdict:
    picture = ordinary()[0]
    source, truth = write_pictures(subject.place / "beside-others", [picture])
    out = subject.place / "not-empty"
    out.mkdir()
    theirs = out / label_name(picture.name)
    theirs.write_bytes(b"somebody's own work\n")
    before = sha256_file(theirs)
    call = _predict(subject, source, truth=truth, out=out)
    if not theirs.is_file() or sha256_file(theirs) != before:
        return fault(
            "a file that lay in the output folder under the name of a mask was replaced",
            "refuse, with exit code 2, to replace what no earlier call wrote",
        )
    return refusal_verdict(call)


def _full_disk(subject: Subject) -> Verdict:
    source, truth = write_pictures(subject.place / "for-a-full-disk", ordinary())
    with _small_disk(subject.place / "full") as out:
        call = _predict(subject, source, truth=truth, out=out)
    if call.code in (0, 3):
        return fault(
            f"{ending(call)} although the disk was full",
            "end with exit code 1 when a mask cannot be written",
        )
    if TRACEBACK in call.words or not any(word in call.words.lower() for word in FULL):
        return fault(
            f"no plain word about the disk: {shown(call.last_words)}", "say that the disk is full"
        )
    return passed(f"{ending(call)}: {shown(call.last_words, 160)}")


def _predict(
    subject: Subject, source: Path, *, truth: Path | None = None, out: Path | None = None
) -> Call:
    wanted = truth or subject.place
    return subject.call(
        "predict",
        source,
        out=out,
        weights=subject.weights,
        truth=wanted if subject.model.card.needs_truth else None,
    )


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 8 kB in memory, on `folder`."""
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=777", "tmpfs", str(folder)]
    if subprocess.run(options, capture_output=True, check=False).returncode != 0:
        raise NotChecked("this user may not mount a small file system; root may")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


CHECKS = (
    Check(
        id="calls.profile",
        title="an unknown profile is refused",
        look=_profile,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="calls.setting",
        title="an unknown setting is refused",
        look=_setting,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="calls.no_weights",
        title="predict without weights is refused",
        look=_no_weights,
        concerns="learning",
    ),
    Check(
        id="calls.no_images",
        title="an empty folder is refused",
        look=_no_images,
        concerns="contract",
    ),
    Check(
        id="calls.shared_stem",
        title="two pictures with one stem are refused",
        look=_shared_stem,
        concerns="contract",
    ),
    Check(
        id="calls.foreign_file",
        title="files of others in the output folder stay",
        look=_foreign_file,
        concerns="contract",
    ),
    Check(
        id="calls.full_disk",
        title="a full disk is named and ends the call",
        look=_full_disk,
        concerns="contract",
        slow=True,
    ),
)
