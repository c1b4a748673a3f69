"""What the API is called, and who publishes its connector. Whoever submits it for certification replaces the latter."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TITLE = "Viva Learning Activities"
DESCRIPTION = (
    "Creates assignments and self-initiated courses in Viva Learning, one or many at once, without doubles, and tells "
    "in plain words what could not be created and what to do about it."
)
PUBLISHER = "Contoso"
SUPPORT_EMAIL = "support@contoso.com"
WEBSITE = "https://www.contoso.com/viva-learning-activities"
PRIVACY_POLICY = "https://www.contoso.com/privacy"
CATEGORIES = ("Human Resources", "Productivity")
# The accent of the page of a batch.
BRAND_COLOUR = "#0b5cad"
# Each connection replaces it by its own. Nobody can register a name in .example, so that a request that is not replaced
# tells its key to nobody: https://www.rfc-editor.org/rfc/rfc2606
PLACEHOLDER_HOST = "viva-learning-activities.example"
BASE_PATH = "/api"
KEY_HEADER = "x-functions-key"
SIGN_IN = "https://login.microsoftonline.com/common"


def version() -> str:
    """Return the project's version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
