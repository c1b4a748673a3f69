"""The encodings of text that a Content-Type can declare. Pure."""

import codecs
import re

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.ASCII | re.IGNORECASE)
# Python's names of those that spreadsheets save and mail programs declare; not of what it only calls encodings (rot13,
# punycode). Source: https://encoding.spec.whatwg.org/#names-and-labels
_TEXT = re.compile(
    r"utf-(?:8|8-sig|16|32)(?:-[lb]e)?|cp(?:125[0-8]|437|850|852|866|874|932|936|949|950)|iso8859-\d+|koi8-[ru]|"
    r"mac-(?:roman|cyrillic)|shift_jis|euc_(?:jp|kr)|gb(?:2312|k|18030)|big5|tis-620"
)
# As every browser reads these two: the characters that they leave undefined are those of Windows.
_WINDOWS = {"iso8859-1": "cp1252", "ascii": "cp1252"}
# Their bytes are valid UTF-8, too, but mean something else.
WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})


def declared(content_type: str) -> str:
    """Return Python's name for the charset that a Content-Type declares; "" for none, and for what encodes no text."""
    found = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(found[1]).name if found else ""
    except LookupError:
        return ""
    name = _WINDOWS.get(name, name)
    return name if _TEXT.fullmatch(name) else ""


def decode(body: bytes, encoding: str, *, content_type: str) -> str:
    """Return a text in the encoding that it should have, or else in the one that its sender declares.

    Many declare what they do not send, and almost nothing but UTF-8 is valid UTF-8.

    Raises:
        UnicodeDecodeError: it is in neither.
    """
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        codec = declared(content_type)
        if not codec:
            raise
        return body.decode(codec)
