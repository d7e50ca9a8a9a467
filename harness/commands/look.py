"""The command view: a local page, or napari."""

import signal
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def view(
    target: Annotated[Path, typer.Argument(metavar="RUN|MASKS", help="Run or folder of masks.")],
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The images, for a folder of masks.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="DIR", help="True labels, for a folder of masks.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="NAME", help="The image to begin with.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page; 0 takes any that is free.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open nothing.")
    ] = False,
    napari: Annotated[
        bool, typer.Option("--napari", help="Open one image in napari, if it is installed.")
    ] = False,
) -> None:
    """Look at images of any size with the outlines of truth and models, until Ctrl-C.

    The page is seen on this machine alone, by who has its address, and changes nothing.
    """
    from harness.view.subject import find_subject

    subject = find_subject(target, images, truth)
    first = subject.place(image)
    if napari:
        from harness.view.napari import open_napari

        open_napari(subject, first)
        return
    from harness.view.server import Server, View

    with Server(View(subject=subject, first=first), port) as server:
        # A shell that starts programs in the background has them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print(f"{server.address}\nCtrl-C ends it", flush=True)
        if not no_browser:
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
