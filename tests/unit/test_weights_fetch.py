"""Weights from elsewhere: over HTTP with broken transfers, wrong sums and going on; from a path."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contract import CallError, CellbenchError, ModelCard
from contract.schema import WeightsSet
from harness.weights.fetch import fetch, which_set

CARD = ModelCard(name="m", title="M", kind="segmenter", verbs=("predict",))


def archive(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in files.items():
            packed.writestr(name.replace("__", "."), content)
    return stream.getvalue()


CONTENT = archive(weights__safetensors=bytes(range(256)) * 4000, weights__json=b"{}")
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; the first `breaks` answers end after `most` bytes."""

    daemon_threads = True

    def __init__(self, *, breaks: int = 0, most: int = 0, ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.breaks, self.most, self.ranges = breaks, most, ranges
        self.asked: list[str | None] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/weights.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if self.path != "/weights.zip":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if len(server.asked) <= server.breaks:
            body = body[: server.most]
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    made: list[Server] = []
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


def started(servers: list[Server], **how: int | bool) -> Server:
    servers.append(Server(**how))  # type: ignore[arg-type]  # of the keywords above
    return servers[-1]


def test_a_set_arrives_and_is_not_asked_for_again(tmp_path: Path, servers: list[Server]) -> None:
    server, said = started(servers), list[str]()
    wanted = WeightsSet(url=server.url, sha256=SUM)
    out = fetch(wanted, tmp_path / "weights/m", said.append)
    assert (out / "weights.safetensors").read_bytes() == bytes(range(256)) * 4000
    assert fetch(wanted, out, said.append) == out
    assert said == [f"{out} has these weights already"]
    assert server.asked == [None]
    assert {path.name for path in out.parent.iterdir()} == {"m"}


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_transfer_goes_on(tmp_path: Path, servers: list[Server], ranges: bool) -> None:
    server, said = started(servers, breaks=1, most=300_000, ranges=ranges), list[str]()
    out = fetch(WeightsSet(url=server.url, sha256=SUM), tmp_path / "m", said.append)
    assert (out / "weights.json").read_bytes() == b"{}"
    assert server.asked[0] is None
    assert str(server.asked[1]).startswith("bytes=")
    assert said[0].startswith("going on at ")


def test_one_that_breaks_again_and_again_is_taken_up_by_the_next_call(
    tmp_path: Path, servers: list[Server]
) -> None:
    server = started(servers, breaks=3, most=100_000)
    wanted = WeightsSet(url=server.url, sha256=SUM)
    with pytest.raises(CellbenchError, match="did not arrive") as refused:
        fetch(wanted, tmp_path / "m", print)
    assert "goes on where it was" in str(refused.value)
    assert not (tmp_path / "m").exists()
    fetch(wanted, tmp_path / "m", print)
    assert server.asked[3] is not None
    assert (tmp_path / "m/weights.json").exists()


def test_another_file_than_was_meant_is_refused_and_removed(
    tmp_path: Path, servers: list[Server]
) -> None:
    server = started(servers)
    with pytest.raises(CallError, match="not the file that was meant"):
        fetch(WeightsSet(url=server.url, sha256="0" * 64), tmp_path / "m", print)
    assert not list(tmp_path.iterdir())
    with pytest.raises(CallError, match="the server answers 404"):
        fetch(WeightsSet(url=f"{server.url}.old", sha256=SUM), tmp_path / "m", print)


def test_a_path_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "set 1.zip").write_bytes(CONTENT)
    for number, url in enumerate((tmp_path / "set 1.zip", (tmp_path / "set 1.zip").as_uri())):
        out = fetch(WeightsSet(url=str(url), sha256=SUM), tmp_path / f"m{number}", print)
        assert (out / "weights.safetensors").exists()
    with pytest.raises(CallError, match="No file"):
        fetch(WeightsSet(url=str(tmp_path / "none.zip"), sha256=SUM), tmp_path / "m", print)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive(weights__pkl=b"code"), "is no file of weights"),
        (b"PK no zip", "is no zip file"),
    ],
)
def test_what_is_no_weights_is_not_unpacked(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    wanted = WeightsSet(url=str(tmp_path / "a.zip"), sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(CallError, match=words):
        fetch(wanted, tmp_path / "m", print)
    assert not (tmp_path / "m").exists()


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/mine").write_text("1")
    with pytest.raises(CallError, match="holds other files"):
        fetch(WeightsSet(url="nowhere", sha256=SUM), tmp_path / "m", print)


def test_what_to_fetch_is_asked_for_or_named_by_the_model() -> None:
    named = WeightsSet(url="https://example.org/m.zip", sha256=SUM)
    assert which_set(CARD.model_copy(update={"larger_weights": named}), None, None) == named
    assert which_set(CARD, "a.zip", SUM.upper()) == WeightsSet(url="a.zip", sha256=SUM)
    for url, digest, words in (
        (None, None, "No larger set of weights is named for m"),
        ("a.zip", None, "needs both"),
        ("a.zip", "12", "is no SHA-256"),
    ):
        with pytest.raises(CallError, match=words):
            which_set(CARD, url, digest)
