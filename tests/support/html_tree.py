"""A page as a tree of its elements, as strict as no browser is."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self

VOID = {"meta", "br", "img", "link", "input"}


@dataclass
class Element:
    """An element of a parsed page."""

    name: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list[Self | str] = field(default_factory=list)

    def all(self, name: str) -> list[Self]:
        """Return every descendant of that name, or with that class (``.name``), in document order."""
        found: list[Self] = []
        for child in self.children:
            if not isinstance(child, str):
                has_class = name[1:] in (child.attributes.get("class") or "").split()
                found += [child] if (has_class if name.startswith(".") else child.name == name) else []
                found += child.all(name)
        return found

    def one(self, name: str) -> Self:
        """Return the only descendant of that name."""
        (found,) = self.all(name)
        return found

    @property
    def raw_text(self) -> str:
        """The text inside, as it is."""
        return "".join(child if isinstance(child, str) else child.raw_text for child in self.children)

    @property
    def text(self) -> str:
        """The text inside, as it is read."""
        return " ".join(self.raw_text.split())

    def shape(self) -> str:
        """Return the names of the elements inside, nested."""
        inside = " ".join(child.shape() for child in self.children if not isinstance(child, str))
        return f"{self.name}[{','.join(self.attributes)}]({inside})"


class Parser(HTMLParser):
    """Reads a document and accepts no element that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("")]

    # The names are those of the standard library.
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(element.attributes) == len(attrs)
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(document: bytes) -> Element:
    """Return what a page consists of, below an element without a name."""
    parser = Parser()
    parser.feed(document.decode())
    parser.close()
    (root,) = parser.open
    return root
