"""What every page for people shares: the document around its content, its look, and the policy that allows no more.

It works without JavaScript and loads nothing from anywhere. The files beside this module are read when a page is asked
for first; they hold nothing of a caller, so what a caller wrote can reach neither style nor script.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

_TEMPLATE = re.compile(r'<template id="(\w+)">\n(.*?)</template>', re.DOTALL)


@cache
def text_of(name: str) -> str:
    """Return the text of a file in this folder."""
    return files("activities.web.page").joinpath(name).read_text(encoding="utf-8")


@cache
def templates(name: str) -> Mapping[str, Template]:
    """Return the parts of a page by the ids of their ``<template>`` elements; each fills in only escaped text."""
    return {id_: Template(text) for id_, text in _TEMPLATE.findall(text_of(name))}


def document(title: str, body: str, *, head: str = "") -> bytes:
    """Return a whole page; the title is escaped here, body and head are markup."""
    style = text_of("page.css")
    text = Template(text_of("page.html")).substitute(title=escape(title), body=body, head=head, style=style)
    # JSON can hold half a character, which no text in UTF-8 can.
    return text.encode(errors="replace")


@cache
def headers(script: str) -> Mapping[str, str]:
    """Return the headers of a page that runs this script: its address may be a permission, so it tells nobody."""
    policy = {
        "default-src": "'none'",
        "style-src": _hash(text_of("page.css")),
        "script-src": _hash(text_of(script)),
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(f"{directive} {source}" for directive, source in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
    }


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
