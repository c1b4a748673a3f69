"""Settings inside the texts of bindings: `%NAME%` stands for the value of NAME.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#binding-expressions---app-settings
"""

import re
from collections.abc import Mapping

from local.lifecycle import StartError

_SETTING = re.compile("%([^%]+)%")


def fill_in(template: str, environ: Mapping[str, str], *, use: str) -> str:
    """Return a text with its settings filled in; `use` begins the sentence that is said when one is missing.

    Raises:
        StartError: a setting is missing or empty.
    """

    def value_of(match: re.Match[str]) -> str:
        value = environ.get(match[1])
        if not value:
            raise StartError(f"{use}, but {match[1]} is not set.")
        return value

    return _SETTING.sub(value_of, template)
