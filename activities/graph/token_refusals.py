"""What Graph says when it refuses a token. Pure.

Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
"""

import base64
import binascii
import re
from collections.abc import Mapping

_CLAIMS = re.compile(r'claims="([^"]+)"')


def claims_asked_for(headers: Mapping[str, str]) -> str:
    """Return the claims that a token has to carry for Graph to accept it, or "" if it names none."""
    asked = _CLAIMS.search(headers.get("www-authenticate", ""))
    try:
        return base64.b64decode(asked[1], validate=True).decode() if asked else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""
