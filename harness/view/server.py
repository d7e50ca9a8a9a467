"""The page's server: on this machine alone, behind a token, and it only reads.

Addresses name images and layers by numbers, so that no path of a file is ever made of one.
"""

import hmac
import json
import re
import secrets
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, cast

from contract import CallError, CellbenchError
from evaluator.report.sections.viewer import LEGEND
from harness.view.subject import Subject
from harness.view.tiles import SIDE, Kind, NoTile, Place, Tiles

LOOPBACK = "127.0.0.1"
TILE = re.compile(
    r"tile/(\d{1,9})/(picture|truth|cells|found|missed)/(\d{1,6})/(\d{1,2})/(\d{1,7})/(\d{1,7})"
)
IMAGE = re.compile(r"image/(\d{1,9})\.json")
PAGE = {
    "": ("page.html", "text/html; charset=utf-8"),
    "view.js": ("view.js", "text/javascript; charset=utf-8"),
    "view.css": ("view.css", "text/css; charset=utf-8"),
}
CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
OWN_POLICY = (
    f"{CLOSED}script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
)
REPORT_POLICY = (
    f"{CLOSED}script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:"
)


@dataclass(frozen=True)
class _Refused(Exception):
    status: HTTPStatus


@dataclass(frozen=True, kw_only=True)
class _Answer:
    media: str
    content: bytes
    policy: str = OWN_POLICY
    cached: bool = False


@dataclass(kw_only=True)
class View:
    """A subject and how it is asked for."""

    subject: Subject
    first: int = 0
    """The image that is shown first."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        self._tiles = Tiles(self.subject)

    def answer(self, path: str) -> _Answer:
        """What stands at an address without its token."""
        if path in PAGE:
            name, media = PAGE[path]
            return _Answer(
                media=media, content=files("harness.view").joinpath("page", name).read_bytes()
            )
        if path == "subject.json":
            return _json(self._described())
        if found := IMAGE.fullmatch(path):
            return _json(self._tiles.describe(int(found[1])))
        if found := TILE.fullmatch(path):
            number, source, level, column, row = (int(found[place]) for place in (1, 3, 4, 5, 6))
            place = Place(level=level, column=column, row=row)
            media, content = self._tiles.tile(number, cast(Kind, found[2]), source, place)
            return _Answer(media=media, content=content, cached=True)
        if path == "report" and self.subject.report is not None:
            page = self.subject.report.read_bytes()
            return _Answer(media="text/html; charset=utf-8", content=page, policy=REPORT_POLICY)
        raise _Refused(HTTPStatus.NOT_FOUND)

    def _described(self) -> dict[str, Any]:
        subject = self.subject
        return {
            "title": subject.title,
            "side": SIDE,
            "first": self.first,
            "report": subject.report is not None,
            "images": [shown.name for shown in subject.images],
            "sources": [{"name": one.name, "colour": one.colour} for one in subject.sources],
            "legend": [{"name": name, "colour": colour} for name, colour in LEGEND],
        }


class Server(ThreadingHTTPServer):
    """Listens on the loopback interface; `port` 0 takes any that is free."""

    daemon_threads = True

    def __init__(self, view: View, port: int = 0) -> None:
        self.view = view
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise CallError(
                f"Port {port} cannot be used: {error.strerror}.",
                "another program listens there, or it needs rights that you do not have",
                "give another --port, or none",
            ) from error

    @property
    def address(self) -> str:
        """Where the page is, token included."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.view.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "cellbench", ""
    timeout = 60

    def do_GET(self) -> None:
        """Answers with what stands at the address."""
        try:
            self._refuse_strangers()
            self._send(HTTPStatus.OK, self.server.view.answer(self._own_path()))
        except _Refused as refused:
            self._refuse(refused.status)
        except NoTile:
            self._refuse(HTTPStatus.NOT_FOUND)
        except (CellbenchError, OSError) as error:
            if isinstance(error, ConnectionError):
                raise
            message = getattr(error, "what", str(error))
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, message)

    def do_HEAD(self) -> None:
        """The same without its content."""
        self.do_GET()

    def __getattr__(self, name: str) -> Any:
        """Every other method is refused: http.server looks for do_NAME."""
        if name.startswith("do_"):
            return lambda: self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: the terminal is for people."""

    def _refuse_strangers(self) -> None:
        """Other names for this machine may come from a page that means to read this one."""
        host = self.headers.get("Host", "")
        if host not in {f"{name}:{self.server.server_port}" for name in (LOOPBACK, "localhost")}:
            raise _Refused(HTTPStatus.FORBIDDEN)

    def _own_path(self) -> str:
        token, slash, path = self.path.split("?", 1)[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.view.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN)
        if not slash:
            raise _Refused(HTTPStatus.NOT_FOUND)
        return path

    def _refuse(self, status: HTTPStatus, message: str = "") -> None:
        self.close_connection = True
        text = message or status.phrase
        answer = _Answer(media="text/plain; charset=utf-8", content=f"{text}\n".encode())
        self._send(status, answer)

    def _send(self, status: HTTPStatus, answer: _Answer) -> None:
        self.send_response(status)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in {
            "Content-Type": answer.media,
            "Content-Length": str(len(answer.content)),
            "Content-Security-Policy": answer.policy,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, max-age=3600" if answer.cached else "no-store",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)


def _json(value: Any) -> _Answer:
    return _Answer(media="application/json", content=json.dumps(value).encode())
