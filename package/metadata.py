"""What a package says of itself, without the page that an index shows of it: a quarter of a megabyte of them.

Source: https://packaging.python.org/specifications/core-metadata/#description
"""

NAME = "METADATA"


def without_description(metadata: bytes) -> bytes:
    """Return the fields alone; the description stands behind the first blank line."""
    fields, _, _ = metadata.replace(b"\r\n", b"\n").partition(b"\n\n")
    return fields.rstrip(b"\n") + b"\n"
