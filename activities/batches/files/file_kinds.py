"""What kind of file some bytes are: by the bytes, as whoever sends them often does not know. Pure."""

from enum import Enum, auto

from activities.errors import ErrorCode, PermanentError

_ZIP, _EMPTY_ZIP, _COMPOUND = b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHERS = {
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a compressed file (gzip)",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"{\\rtf": "a document in rich text",
    b"<!DOCTYPE": "a web page",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<?xml": "XML",
    b"7z\xbc\xaf": "a packed file",
    b"Rar!": "a packed file",
}


class FileKind(Enum):
    """What can be read."""

    PACKED = auto()  # .xlsx, .xlsm, .ods
    COMPOUND = auto()  # .xls
    TEXT = auto()


def is_workbook(body: bytes) -> bool:
    """Tell whether the bytes begin like a workbook."""
    return body.startswith((_ZIP, _EMPTY_ZIP, _COMPOUND))


def kind_of(body: bytes) -> FileKind:
    """Return what kind of file it is; text, unless its beginning says another.

    Raises:
        PermanentError: ``invalidFile``: it is none that holds rows of cells.
    """
    if body.startswith((_ZIP, _EMPTY_ZIP)):
        return FileKind.PACKED
    if body.startswith(_COMPOUND):
        return FileKind.COMPOUND
    for begin, what in _OTHERS.items():
        if body.startswith(begin):
            message = (
                f"The file is {what}, not a list: send an Excel workbook (.xlsx), an OpenDocument sheet (.ods) or a "
                "CSV file."
            )
            raise PermanentError(ErrorCode.INVALID_FILE, message)
    return FileKind.TEXT
