"""``fdaclip mcp``: a library as tools for an assistant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import Fault, library_option, say

if TYPE_CHECKING:
    from fdaclip.library.place import Place


@click.command(short_help="Let an assistant search a library (MCP).")
@library_option
@click.option(
    "--model",
    metavar="NAME|FOLDER",
    help="The library's model, if it is not where the library remembers it.",
)
@click.option("--read-only", is_flag=True, help="Leave out the tool that indexes.")
@click.option(
    "--http",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve streamable HTTP at http://127.0.0.1:PORT/mcp, for several clients at once. "
    "Default: speak over stdin and stdout, to the client that started it.",
)
@click.option(
    "--token",
    envvar="FDACLIP_TOKEN",
    show_envvar=True,
    default="",
    help="With --http: clients must send it as Authorization: Bearer TOKEN.",
)
def command(
    library: Place, model: str | None, read_only: bool, http: int | None, token: str
) -> None:
    """Serve a library to an assistant by the Model Context Protocol.

    Tools: search moments, describe the library, get a frame, get a picture of why a moment matched,
    and index a folder, for which the person is asked. Nothing leaves this machine but what the
    assistant is shown. See docs/mcp.md for how to tell an assistant of it.
    """
    try:
        from fdaclip.serve.mcp import create_server
    except ImportError as error:
        raise Fault(f"{error.name} is not installed", "pip install 'fdaclip[serve,mcp]'") from error

    from .encoders import open_for_searching

    opened = open_for_searching(library, model)
    server = create_server(opened, read_only=read_only)
    if http is None:
        server.run("stdio")
        return
    import uvicorn

    from fdaclip.serve.guard import Guard

    app = Guard(server.streamable_http_app(), token=token, largest=1 << 20)
    say(f"tools at http://127.0.0.1:{http}/mcp; Ctrl-C ends it")
    uvicorn.run(app, host="127.0.0.1", port=http, log_level="warning")
