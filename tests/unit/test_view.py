"""The local page: what it shows, tile by tile, and whom it answers."""

import http.client
import io
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from contract import CallError, write_mask
from contract.guarded import read_mask
from evaluator.report.pictures import outline
from harness.view.server import LOOPBACK, Server, View
from harness.view.subject import find_subject
from harness.view.tiles import NoTile, Place, Tiles, levels
from tests.programs import code, command, finish, start
from tests.unit.report_fixtures import NAMES, make_run

SHAPE = (700, 900)
WITHOUT_NAPARI = """
import sys
sys.modules["napari"] = None
from harness.commands.cli import main
main()
"""


def cells() -> tuple[np.ndarray, np.ndarray]:
    """Discs; in the prediction some are gone, one is new and all have other ids."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = (rows % 50 - 25) ** 2 + (columns % 50 - 25) ** 2 <= 225
    truth = np.where(inside, rows // 50 * 18 + columns // 50 + 1, 0)
    predicted = np.where(truth % 7 == 0, 0, truth * 3)
    truth[truth == 10] = 0
    return truth.astype(np.uint16), predicted.astype(np.uint16)


@contextmanager
def serving(view: View) -> Iterator[Server]:
    """The server, which answers from a thread of its own until the block ends."""
    with Server(view) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """images/, truth/ and masks/ of a.tif, and b.png, whose mask alone is there."""
    place = tmp_path_factory.mktemp("folders")
    for name in ("images", "truth", "masks"):
        (place / name).mkdir()
    truth, predicted = cells()
    grey = np.where(truth > 0, 40000, 3000).astype(np.uint16)
    tifffile.imwrite(place / "images/a.tif", grey, tile=(64, 64), compression="zlib")
    write_mask(place / "truth/a_label.tiff", truth)
    write_mask(place / "masks/a_label.tiff", predicted)
    write_mask(place / "masks/b_label.tiff", predicted[:10])
    return place


@pytest.fixture(scope="module")
def tiles(folders: Path) -> Tiles:
    return Tiles(find_subject(folders / "masks", folders / "images", folders / "truth"))


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(content)).convert("RGBA"))


def whole(tiles: Tiles, kind: str, level: int) -> np.ndarray:
    """All tiles of a level of the first image, put together: H×W×4."""
    rows = []
    for row in range(100):
        found = []
        for column in range(100):
            try:
                place = Place(level=level, column=column, row=row)
                found.append(pixels(tiles.tile(0, kind, 0, place)[1]))  # type: ignore[arg-type]
            except NoTile:
                break
        if not found:
            break
        rows.append(np.concatenate(found, axis=1))
    return np.concatenate(rows)


def test_the_tiles_make_up_the_picture(tiles: Tiles) -> None:
    truth, _ = cells()
    found = whole(tiles, "picture", 0)
    assert found.shape == (*SHAPE, 4)
    inner = truth == np.roll(truth, 5, 0)
    bright = found[..., 0].astype(int)[inner & (truth == np.roll(truth, -5, 0))]
    wanted = np.where(truth > 0, 255, 0)[inner & (truth == np.roll(truth, -5, 0))]
    assert np.abs(bright - wanted).max() < 40
    assert np.abs(bright - wanted).mean() < 2
    assert whole(tiles, "picture", 2).shape == (175, 225, 4)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_outlines_have_no_seams_between_tiles(tiles: Tiles, level: int) -> None:
    truth, predicted = (side[:: 2**level, :: 2**level] for side in cells())
    np.testing.assert_array_equal(whole(tiles, "truth", level)[..., 3] > 0, outline(truth))
    np.testing.assert_array_equal(whole(tiles, "cells", level)[..., 3] > 0, outline(predicted))


def test_colours_tell_what_became_of_each_cell(tiles: Tiles) -> None:
    truth, predicted = cells()
    found, missed = whole(tiles, "found", 0), whole(tiles, "missed", 0)
    lost = outline(np.where(truth % 7 == 0, truth, 0))
    np.testing.assert_array_equal(missed[..., 3] > 0, lost)
    assert {tuple(colour) for colour in missed[lost][:, :3]} == {(255, 60, 60)}
    edge = outline(predicted)
    np.testing.assert_array_equal(found[..., 3] > 0, edge)
    spurious = edge & (predicted == 30)
    assert {tuple(colour) for colour in found[spurious][:, :3]} == {(255, 215, 0)}
    assert {tuple(colour) for colour in found[edge & ~spurious][:, :3]} == {(0, 200, 130)}


def test_tiles_asked_for_at_once_open_a_file_once(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def noted(path: Path) -> np.ndarray:
        opened.append(path.name)
        return read_mask(path)

    monkeypatch.setattr("harness.view.tiles.read_mask", noted)
    fresh = Tiles(find_subject(folders / "masks", folders / "images", folders / "truth"))
    places = [Place(level=0, column=column, row=row) for row in range(3) for column in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda place: fresh.tile(0, "found", 0, place), places))
    assert len(found) == 12
    assert sorted(opened) == ["a_label.tiff", "a_label.tiff"]


def test_what_is_not_there_has_no_tile(tiles: Tiles) -> None:
    here = Place(level=0, column=0, row=0)
    for number, kind, source, place in [
        (2, "picture", 0, here),
        (0, "cells", 1, here),
        (1, "picture", 0, here),
        (1, "found", 0, here),
        (0, "truth", 0, Place(level=0, column=4, row=0)),
    ]:
        with pytest.raises(NoTile):
            tiles.tile(number, kind, source, place)  # type: ignore[arg-type]
    assert tiles.describe(1) == {
        "name": "b_label.tiff", "height": 10, "width": 900, "levels": 2, "problems": [],
        "picture": False, "truth": False, "masks": [True],
    }  # fmt: skip
    assert levels(SHAPE) == 2


def test_an_image_that_cannot_be_read_is_named_and_its_masks_are_shown(
    folders: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.tif").write_bytes(b"no picture")
    found = Tiles(find_subject(folders / "masks", tmp_path)).describe(0)
    assert (found["height"], found["width"]) == SHAPE
    assert "cannot be decoded" in found["problems"][0]


def test_a_run_has_its_images_models_and_report(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "report").mkdir()
    (run / "report/index.html").write_text("the report")
    subject = find_subject(run)
    assert [shown.name for shown in subject.images] == list(NAMES)
    assert [source.name for source in subject.sources] == ["good", "fair", "broken", "oracle"]
    assert subject.place("cell_00006") == subject.place("cell_00006.png") == 5
    shown = subject.images[5]
    assert shown.image
    assert shown.truth
    assert [mask is not None for mask in shown.masks] == [True, True, False, True]
    assert View(subject=subject).answer("report").content == b"the report"


def test_wrong_calls_say_what_to_do(folders: Path, tmp_path: Path) -> None:
    masks = folders / "masks"
    for arguments, words in [
        ((tmp_path / "none",), "No folder"),
        ((tmp_path,), "neither a run nor a folder of masks"),
        ((masks, tmp_path), "No image in"),
    ]:
        with pytest.raises(CallError, match=words):
            find_subject(*arguments)
    with pytest.raises(CallError, match="no image c"):
        find_subject(masks).place("c")


@pytest.fixture(scope="module")
def server(folders: Path) -> Iterator[Server]:
    view = View(subject=find_subject(folders / "masks", folders / "images", folders / "truth"))
    with Server(view) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(
    server: Server, path: str, method: str = "GET", host: str | None = None, token: bool = True
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, server.server_port, timeout=60)
    address = f"/{server.view.token}/{path}" if token else path
    connection.putrequest(method, address, skip_host=True)
    connection.putheader("Host", host or f"{LOOPBACK}:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_the_page_and_its_parts_are_served(server: Server) -> None:
    for path, media in {
        "": "text/html",
        "view.js": "text/javascript",
        "view.css": "text/css",
        "subject.json": "application/json",
        "image/0.json": "application/json",
        "tile/0/picture/0/1/0/0": "image/jpeg",
        "tile/0/found/0/0/1/1": "image/png",
    }.items():
        answer, content = ask(server, path)
        assert (answer.status, answer.headers.get_content_type()) == (200, media), path
        assert content
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        head, nothing = ask(server, path, "HEAD")
        assert (head.status, nothing) == (200, b"")
    assert json.loads(ask(server, "subject.json")[1])["images"] == ["a.tif", "b_label.tiff"]
    assert ask(server, "", host=f"localhost:{server.server_port}")[0].status == 200
    assert server.server_address[0] == LOOPBACK


def test_without_the_token_nothing_is_served(server: Server) -> None:
    other = server.view.token[:-1] + ("a" if server.view.token[-1] != "a" else "b")
    for path in ("/", "/subject.json", f"/{other}/", f"/{other}/subject.json", "/%C3%A9/", "//"):
        answer, content = ask(server, path, token=False)
        assert answer.status == 403, path
        assert server.view.token.encode() not in content


@pytest.mark.parametrize(
    "path",
    [
        "../../../etc/passwd", "..%2f..%2fetc/passwd", "/etc/passwd", "page.html", "view.js/",
        "tile/0/picture/0/0/0/-1", "tile/0/../0/0/0/0", "tile/0/picture/0/0/99/0",
        "tile/9/picture/0/0/0/0", "tile/1/found/0/0/0/0", "image/7.json", "report",
        "image/0.json/..", "./subject.json", "tile/0/picture/0/99/0/1",
    ],
)  # fmt: skip
def test_no_address_leads_elsewhere(server: Server, path: str) -> None:
    assert ask(server, path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(server: Server, method: str) -> None:
    answer, _ = ask(server, "", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["example.org", "example.org:80", f"{LOOPBACK}:1", "[::1]:80"])
def test_a_name_that_was_bent_to_this_machine_is_refused(server: Server, host: str) -> None:
    assert ask(server, "subject.json", host=host)[0].status == 403


def test_a_mask_that_cannot_be_read_is_told(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "a_label.tiff").write_bytes(b"II*\0 no mask")
    with serving(View(subject=find_subject(tmp_path, folders / "images"))) as server:
        answer, content = ask(server, "tile/0/cells/0/0/0/0")
    assert answer.status == 422
    assert b"a_label.tiff" in content


def test_the_command_prints_the_address_and_ends_by_interrupt(folders: Path) -> None:
    process = start(
        command(
            "harness", "view", folders / "masks", "--images", folders / "images", "--no-browser"
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    host, _, path = address.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", f"/{path}subject.json")
    assert json.loads(connection.getresponse().read())["title"] == "masks"
    connection.close()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_a_port_in_use_and_an_absent_napari_are_wrong_calls(server: Server, folders: Path) -> None:
    masks = folders / "masks"
    taken = finish(command("harness", "view", masks, "--port", server.server_port))
    absent = finish(code(WITHOUT_NAPARI, "view", masks, "--napari"))
    for ended, word in ((taken, "cannot be used"), (absent, "napari is not installed")):
        assert ended.returncode == 2, ended.stderr
        assert word in ended.stderr
        assert "do this:" in ended.stderr


def test_napari_is_given_the_image_and_its_layers(folders: Path) -> None:
    """In place of napari, which needs a desktop, a module that notes what it is given."""
    stand_in = """
import sys, types
class Viewer:
    def __init__(self, title): print(title)
    def add_image(self, pixels, name, rgb): print("image", name, pixels.shape, rgb)
    def add_labels(self, labels, name):
        print("labels", name, labels.shape)
        return types.SimpleNamespace()
sys.modules["napari"] = types.SimpleNamespace(Viewer=Viewer, run=lambda: print("run"))
from harness.commands.cli import main
main()
"""
    ended = finish(
        code(
            stand_in, "view", folders / "masks", "--images", folders / "images",
            "--truth", folders / "truth", "--napari",
        )
    )  # fmt: skip
    assert ended.stdout.splitlines() == [
        "masks: a.tif",
        "image a.tif (700, 900, 3) True",
        "labels truth (700, 900)",
        "labels masks (700, 900)",
        "run",
    ], ended.stderr
