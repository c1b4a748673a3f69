"""Which of this repository's own files are deployed: what `.funcignore` leaves.

Source: https://learn.microsoft.com/azure/azure-functions/functions-deployment-technologies
"""

from pathlib import Path

from pathspec import GitIgnoreSpec

from package.package_error import PackageError

EXPECTED = {"activities", "function_app.py", "host.json", "requirements.txt"}
"""The top level of the app. requirements.txt is only read by a remote build; here it says what is inside."""


def deployed_files(root: Path) -> list[Path]:
    """Return the app's files relative to its folder, sorted.

    Raises:
        PackageError: something lies in the folder that is neither the app's nor kept out: it may hold a secret.
    """
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    files: list[Path] = []
    for folder, folders, names in root.walk():
        here = folder.relative_to(root)
        folders[:] = [name for name in folders if not ignored.match_file(f"{(here / name).as_posix()}/")]
        files += [here / name for name in names if not ignored.match_file((here / name).as_posix())]
    unexpected = " and ".join(sorted({path.parts[0] for path in files} - EXPECTED))
    if unexpected:
        raise PackageError(
            f"{unexpected} would be deployed with the app. Name it in .funcignore, remove it, or, if the app needs it, "
            "add it to EXPECTED in package/app_files.py."
        )
    return sorted(files)
