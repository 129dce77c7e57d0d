"""Serve the built book on this machine: ``python -m teachkit.book.serve``."""

import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from teachkit.book.pages import HTML


class BookHandler(SimpleHTTPRequestHandler):
    """Serves files as a static host would: module scripts as scripts, and the book's own 404 page."""

    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send ``404.html`` for a page that does not exist."""
        page = Path(self.directory) / "404.html"
        if code != 404 or not page.exists():
            return super().send_error(code, message, explain)
        body = page.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    def log_message(self, *_: object) -> None:
        """Stay quiet: a line per file tells nobody anything."""


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a folder on this machine alone; the caller starts and closes it.

    Args:
        folder: The folder with the built book.
        port: The port, or 0 for any free one.

    Returns:
        The server, not yet started.

    Raises:
        FileNotFoundError: When the folder has no ``index.html``.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder} holds no built book; run `make book` first")
    return ThreadingHTTPServer(("127.0.0.1", port), partial(BookHandler, directory=str(folder)))


def address(running: ThreadingHTTPServer) -> str:
    """Return the address under which a server answers, with a slash at the end."""
    return f"http://127.0.0.1:{running.server_address[1]}/"


def main() -> int:
    """Serve the book of the present folder until interrupted, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m teachkit.book.serve", description="Serve the built book.")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 takes a free one")
    options = parser.parse_args()
    try:
        running = server(Path.cwd() / HTML, options.port)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"The book is at {address(running)} (stop with Ctrl+C)", flush=True)
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        running.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
