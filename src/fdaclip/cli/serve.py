"""``fdaclip serve``: the library as a page in the browser, and as an API for programs."""

from __future__ import annotations

import re
import socket
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from .output import DEFAULT_LIBRARY, Fault, LibraryPlace, printable, say

if TYPE_CHECKING:
    from fdaclip.library.place import Place
    from fdaclip.serve.app import Guarded

LOCAL = ("127.0.0.1", "localhost", "::1")
ANY = ("0.0.0.0", "::", "")


def sites(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    """Each is an origin as browsers send it: scheme, host, maybe port, nothing after."""
    for site in given:
        if not re.fullmatch(r"https?://[^\s/?#@*]+/?", site):
            raise click.BadParameter(
                f"{printable(site)!r} is no site; write it as https://films.example"
            )
    return given


@click.command(short_help="Open a library as a page in the browser, and as an API.")
@click.argument(
    "library",
    required=False,
    type=LibraryPlace(file_okay=False, path_type=Path),
    envvar="FDACLIP_LIBRARY",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen at; 0 takes a free one.",
)
@click.option(
    "--host-name",
    "host_names",
    multiple=True,
    metavar="NAME",
    help="A name that others call this server by; it answers to no other.",
)
@click.option(
    "--token",
    default="",
    envvar="FDACLIP_TOKEN",
    show_envvar=True,
    help="What one must know to be answered. If others can reach the server, one is made "
    "unless it is given.",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="SITE",
    callback=sites,
    help="Another site whose pages may ask it, as https://films.example; none may unless named.",
)
@click.option("--read-only", is_flag=True, help="Let nobody add to the library.")
@click.option(
    "--reports",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="FOLDER",
    help="Show the reports that fdaclip eval wrote there.",
)
@click.option(
    "--model",
    metavar="FOLDER",
    help="Where the library's model is, if it is no longer where it was.",
)
@click.option("--open", "browse", is_flag=True, help="Open the page in the browser.")
def command(
    library: Place | None,
    host: str,
    port: int,
    host_names: tuple[str, ...],
    token: str,
    origins: tuple[str, ...],
    read_only: bool,
    reports: Path | None,
    model: str | None,
    browse: bool,
) -> None:
    """Serve LIBRARY until Ctrl-C: a page for people, an API for programs.

    \b
    fdaclip serve                          the library that index fills by default
    fdaclip serve films.fdaclip --open     another, and open the page
    fdaclip serve --host 0.0.0.0           for others on the network: prints a link with a token

    It answers this machine only, unless --host says otherwise; then only those who know the token.
    The link is printed on stdout. See docs/serve.md and docs/security.md.
    """
    import secrets

    require_packages()
    from fdaclip.serve.app import create_app

    from .encoders import open_for_searching

    if token and not re.fullmatch(r"[!-~]{12,}", token):
        raise click.BadParameter(
            "a token has 12 or more letters, digits and signs, no blanks", param_hint="'--token'"
        )
    opened = open_for_searching(library or Path(DEFAULT_LIBRARY).expanduser(), model)
    listening = listen(host, port)
    if host not in LOCAL and not token:
        token = secrets.token_urlsafe(18)
    names = [*host_names, *own_names(host)]
    app = create_app(
        opened, token=token, hosts=names, origins=origins, read_only=read_only, reports=reports
    )
    address = link(names[0] if host not in LOCAL else host, listening.getsockname()[1], token)
    click.echo(address)
    say(f"serving {printable(str(opened.folder))}; Ctrl-C ends it")
    if browse:
        import webbrowser

        webbrowser.open(address)
    run(app, listening)


def require_packages() -> None:
    """Is all there that serving takes?

    Raises:
        Fault: a package is not installed.
    """
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        try:
            import_module(name)
        except ImportError:
            raise Fault(f"{name} is not installed", "pip install 'fdaclip[serve]'") from None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        Fault: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise Fault(
            f"cannot listen at {host}:{port}: {reason}", "choose another: --port 0 takes a free one"
        ) from None


def own_names(host: str) -> list[str]:
    """By which this machine may be called from outside, where it listens at ``host``."""
    if host not in ANY:
        return [host]
    names = [socket.gethostname()]
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:  # nothing is sent: it only says which address would be
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                names.insert(0, probe.getsockname()[0])
        except OSError:
            continue
    return names


def link(host: str, port: int, token: str) -> str:
    """To the page; with the token, which the browser then keeps."""
    place = f"[{host}]" if ":" in host else host
    return f"http://{place}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")


def run(app: Guarded, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; what is under way is answered first."""
    import gc

    import uvicorn

    # Answers are made of thousands of short-lived objects. At Python's own threshold of 700 the
    # collector looked so often through a model and an index that it took a sixth of their time.
    gc.set_threshold(20_000, 20, 20)

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            app.service.close()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=1000,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=30,
    )
    Server(config).run(sockets=[listening])
