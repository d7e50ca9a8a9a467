"""Getting weights that lie elsewhere: only when asked, resumable, nothing unverified is used."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from contract import CallError, CellbenchError, ModelCard, sha256_file, write_text
from contract.names import holds_files
from contract.schema import WeightsSet

SUFFIXES = {".safetensors", ".json", ".md", ".txt"}
"""Of the files of a weights folder: opening one never runs code."""
MARK = ".fetched"
"""In a folder that was fetched: the file's hash."""
ATTEMPTS = 3
TIMEOUT = 60
"""Seconds without an answer."""
BLOCK = 2**16
"""Bytes that a broken transfer loses at most."""
PARTIAL = 206

Say = Callable[[str], None]


def which_set(card: ModelCard, url: str | None, sha256: str | None) -> WeightsSet:
    """What to fetch: what was asked for, else what model.yaml names. CallError for neither."""
    if (url is None) != (sha256 is None):
        raise CallError(
            "A set of weights needs both --url and --sha256.",
            "what comes over a network is used only if it is what was meant",
            "give the hash that the page of the weights states, or that `sha256sum FILE` prints",
        )
    if url is not None and sha256 is not None:
        if len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef"):
            raise CallError(f"--sha256 {sha256} is no SHA-256.", do="write 64 hex digits")
        return WeightsSet(url=url, sha256=sha256.lower())
    if card.larger_weights is None:
        raise CallError(
            f"No larger set of weights is named for {card.name}.",
            do="give --url URL --sha256 HASH; `harness weights list` names those that come along",
        )
    return card.larger_weights


def fetch(wanted: WeightsSet, out: Path, say: Say) -> Path:
    """Downloads, verifies and unpacks into `out`, which appears when it is complete.

    Raises CallError for a folder that holds other files and for a file that is not the one meant;
    CellbenchError for a transfer that breaks, whose part is kept for the next call.
    """
    if holds_files(out):
        mark = out / MARK
        if mark.is_file() and mark.read_text(encoding="utf-8").strip() == wanted.sha256:
            say(f"{out} has these weights already")
            return out
        raise CallError(
            f"{out} holds other files.", "nothing is overwritten", "name a new folder with --out"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{wanted.sha256[:12]}.part")
    if not (part.is_file() and sha256_file(part) == wanted.sha256):
        _get(wanted.url, part, say)
    found = sha256_file(part)
    if found != wanted.sha256:
        part.unlink()
        raise CallError(
            f"{wanted.url} is not the file that was meant.",
            f"its SHA-256 is {found}, and {wanted.sha256} was asked for",
            "check both; what came was removed",
        )
    _unpack(part, out, wanted)
    part.unlink()
    return out


def _get(url: str, part: Path, say: Say) -> None:
    scheme = urlsplit(url).scheme
    match scheme:
        case "http" | "https":
            _download(url, part, say)
        case "" | "file":
            source = Path(unquote(urlsplit(url).path) if scheme else url).expanduser()
            if not source.is_file():
                raise CallError(f"No file {source}.", do="check the path")
            shutil.copyfile(source, part)
        case _:
            raise CallError(f"{url}: {scheme} is no way to get a file.", do="use http, https, file")


def _download(url: str, part: Path, say: Say) -> None:
    import requests

    reason = ""
    for _ in range(ATTEMPTS):
        have = part.stat().st_size if part.exists() else 0
        if have:
            say(f"going on at {have / 10**6:.1f} MB")
        try:
            if _transfer(url, part, have):
                return
            reason = "the connection ended early"
        except (requests.RequestException, OSError) as error:
            reason = str(error)
    raise CellbenchError(
        f"{url} did not arrive.",
        reason,
        "give the same command again: it goes on where it was",
    )


def _transfer(url: str, part: Path, have: int) -> bool:
    """Appends what is lacking; whether all came. Raises CallError for a refusal of the server."""
    import requests

    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == 416:  # nothing lies beyond: either complete, or another file
            return True
        if answer.status_code >= 400:
            raise CallError(
                f"{url}: the server answers {answer.status_code} {answer.reason}.",
                do="check the address",
            )
        goes_on = answer.status_code == PARTIAL
        length = answer.headers.get("Content-Length")
        with part.open("ab" if goes_on else "wb") as stream:
            for block in answer.iter_content(BLOCK):
                stream.write(block)
        began = have if goes_on else 0
        return length is None or part.stat().st_size - began >= int(length)


def _unpack(archive: Path, out: Path, wanted: WeightsSet) -> None:
    aside = out.with_name(f".{out.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        with zipfile.ZipFile(archive) as files:
            for entry in files.infolist():
                name = Path(entry.filename).name
                if entry.is_dir():
                    continue
                if Path(name).suffix not in SUFFIXES:
                    raise CallError(
                        f"{wanted.url} holds {entry.filename}, which is no file of weights.",
                        f"weights are {', '.join(sorted(SUFFIXES))}",
                    )
                with files.open(entry) as source, (aside / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except zipfile.BadZipFile as error:
        shutil.rmtree(aside)
        raise CallError(f"{wanted.url} is no zip file: {error}.") from error
    except CallError:
        shutil.rmtree(aside)
        raise
    write_text(aside / MARK, f"{wanted.sha256}\n")
    if out.exists():
        out.rmdir()
    aside.rename(out)
