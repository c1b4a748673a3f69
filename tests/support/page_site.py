"""A page served to a real browser as the app serves it, and the policy that every page has."""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from local.lifecycle import LOOPBACK, url_of
from tests.support.html_tree import Element


@contextmanager
def serving[Site](
    path: str, site_at: Callable[[str], Site], handler_of: Callable[[Site], type[BaseHTTPRequestHandler]]
) -> Iterator[Site]:
    """Serve a site until the end of the block; ``site_at`` makes it from the address that it has."""
    server = ThreadingHTTPServer((LOOPBACK, 0), BaseHTTPRequestHandler)
    site = site_at(url_of(server.server_port) + path)
    server.RequestHandlerClass = handler_of(site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


def assert_only_its_own_runs(root: Element, headers: Mapping[str, str]) -> None:
    """Fail unless the page's policy allows its own style and script, and nothing else."""
    allowed = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    for directive, element in (("style-src", "style"), ("script-src", "script")):
        digest = hashlib.sha256(root.one(element).raw_text.encode()).digest()
        assert allowed.pop(directive) == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert allowed == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
