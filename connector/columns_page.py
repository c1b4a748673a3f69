"""The tables of docs/columns.md: what columns can be called, written from what the app understands."""

from activities.batches.files import exports, headings
from activities.batches.files.headings import NOT_USED
from activities.contract.kinds import TYPE
from connector import publisher

PAGE = publisher.ROOT / "docs" / "columns.md"


def build() -> bytes:
    """Return the page with its tables as they should stand in it; the words around them are kept."""
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in {"words": _words(), "exports": _exports()}.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        text = before + begin + "".join(f"{line}\n" for line in lines) + end + rest.partition(end)[2]
    return text.encode()


def _words() -> list[str]:
    titles = headings.titles()
    rows = [
        f"| `{name}` | {', '.join(filter(None, (titles.get(name, ''), *headings.WORDS.get(name, ()))))} |"
        for name in sorted(headings.PROPERTIES, key=lambda one: one != TYPE)
    ]
    rows.append(f"| not used | {', '.join(headings.WORDS[NOT_USED])} |")
    return ["| Property | Further names |", "|---|---|", *rows]


def _exports() -> list[str]:
    rows = [
        f"| {export.name} | {', '.join(sorted(export.signs))} | "
        + "; ".join(f"{' or '.join(names)} → `{name}`" for name, names in export.columns.items())
        + " |"
        for export in exports.EXPORTS
    ]
    return ["| Export | Recognised by | What its columns mean |", "|---|---|---|", *rows]
