"""Bicep files as plain values: what stands in them, not what Azure makes of it. It never compiles, and never guesses.

Neither Python's nor npm's registry carries Microsoft's compiler, so the rules of this folder read the syntax tree of
tree-sitter's grammar; `.github/workflows/infra.yml` runs the compiler itself.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
SPREAD = "_"
_LANGUAGE = Language(tree_sitter_bicep.language())
# What the grammar does not know, written as something of the same length that it does.
_EXTENSION = re.compile(r"^extension (?=\w)", re.MULTILINE)
_SPREAD = re.compile(r"^([ \t]*)\.\.\.(?=[\w(])", re.MULTILINE)
_ESCAPES = {"\\'": "'", "\\\\": "\\", "\\$": "$", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
_LOADS = {"loadTextContent", "loadJsonContent", "loadYamlContent", "loadFileAsBase64"}


class BicepSyntaxError(ValueError):
    """A file that is no Bicep; the message has the lines."""


@dataclass(frozen=True)
class Expression:
    """Anything that Azure computes: a reference, a call, a condition, a loop, a text with ``${}`` in it.

    ``parts`` are the values inside, in order: the alternatives of a condition, the arguments of a call, a loop's body.
    """

    text: str
    parts: "tuple[Value, ...]" = ()


type Value = str | int | bool | list[Value] | dict[str, Value] | Expression | None


@dataclass(frozen=True)
class Parameter:
    """One ``param``; ``required`` says that it has neither a default nor a type that may be null."""

    type: str
    default: Value
    required: bool
    decorators: tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """One ``resource``, or one ``module``, whose ``type`` is its path or registry address."""

    type: str
    existing: bool
    body: dict[str, Value]
    around: Value  # The condition or loop, if the body stands in one, else the body.

    @property
    def params(self) -> dict[str, Value]:
        """The parameters that a module is given."""
        params = self.body.get("params", {})
        assert isinstance(params, dict), f"{self.type}: params is computed, which no rule here can read"
        return params


@dataclass(frozen=True)
class Output:
    """One ``output``."""

    type: str
    value: Value
    decorators: tuple[str, ...]


@dataclass
class File:
    """What one file declares, by name, and the names that it uses."""

    text: str
    params: dict[str, Parameter] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    modules: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)
    loads: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def values(self) -> Iterator[Value]:
        """Every value of the file at any depth."""
        for top in (
            *(param.default for param in self.params.values()),
            *self.variables.values(),
            *(resource.around for resource in (*self.resources.values(), *self.modules.values())),
            *(output.value for output in self.outputs.values()),
        ):
            yield from walk(top)

    @property
    def objects(self) -> Iterator[dict[str, Value]]:
        """Every object of the file at any depth."""
        return (value for value in self.values if isinstance(value, dict))

    @property
    def strings(self) -> Iterator[str]:
        """Every text without ``${}``."""
        return (value for value in self.values if isinstance(value, str))

    def properties(self, name: str) -> list[Value]:
        """Return the values of the properties of this name, wherever they stand."""
        return [one[name] for one in self.objects if name in one]

    def resolved(self, value: Value) -> Value:
        """Follow a plain name to the variable that it stands for, or to a parameter's default."""
        if isinstance(value, Expression) and value.text in self.variables:
            return self.resolved(self.variables[value.text])
        if isinstance(value, Expression) and value.text in self.params:
            return self.params[value.text].default
        return value


def walk(value: Value) -> Iterator[Value]:
    """Yield a value and every value inside it."""
    yield value
    inside = {dict: lambda one: one.values(), list: lambda one: one, Expression: lambda one: one.parts}
    for part in inside.get(type(value), lambda _: ())(value):  # type: ignore[no-untyped-call]
        yield from walk(part)


def parse(text: str) -> File:
    """Read one file.

    Raises:
        BicepSyntaxError: the text is no Bicep.
    """
    known = _SPREAD.sub(rf"\1{SPREAD}: ", _EXTENSION.sub("//tension ", text))
    root = Parser(_LANGUAGE).parse(known.encode()).root_node
    if root.has_error:
        lines = sorted({node.start_point.row + 1 for node in _nodes(root) if node.is_error or node.is_missing})
        raise BicepSyntaxError(f"no Bicep in line {', '.join(map(str, lines))}")
    file = File(text)
    file.uses = {_text(node) for node in _nodes(root) if node.type == "identifier" and not _declares(node)}
    file.comments = [_text(node) for node in _nodes(root) if node.type == "comment"]
    for call in (node for node in _nodes(root) if node.type == "call_expression"):
        function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if function and arguments and _text(function) in _LOADS:
            file.loads.append(str(_value(arguments.named_children[0])))
    decorators: tuple[str, ...] = ()
    for node in root.named_children:
        _declare(file, node, decorators)
        decorators = tuple(_text(one) for one in node.named_children) if node.type == "decorators" else ()
    return file


@cache
def read(path: Path) -> File:
    """Read a file of the repository once."""
    return parse(path.read_text(encoding="utf-8"))


def files() -> dict[str, File]:
    """Read every Bicep file, by its path relative to the root."""
    return {path.relative_to(ROOT).as_posix(): read(path) for path in sorted(INFRA.rglob("*.bicep"))}


def _declare(file: File, node: Node, decorators: tuple[str, ...]) -> None:
    children = [child for child in node.named_children if child.type != "comment"]
    name = _text(children[0]) if children else ""
    match node.type:
        case "parameter_declaration":
            kind = _text(children[1]) if len(children) > 1 else ""
            default = _value(children[2]) if len(children) > 2 else None
            required = len(children) < 3 and not kind.endswith("?")
            file.params[name] = Parameter(kind, default, required, decorators)
        case "variable_declaration":
            file.variables[name] = _value(children[-1])
        case "resource_declaration" | "module_declaration":
            around = _value(children[-1])
            existing = any(_text(child) == "existing" for child in node.children)
            body = around
            while isinstance(body, Expression) and body.parts:  # The body stands last, behind a condition or loop.
                body = body.parts[-1]
            assert isinstance(body, dict), f"{name}: no body"
            kept = file.modules if node.type == "module_declaration" else file.resources
            kept[name] = Resource(str(_value(children[1])), existing, body, around)
            for child in (one for one in _nodes(children[-1]) if one.type == "resource_declaration"):
                _declare(file, child, ())
        case "output_declaration":
            file.outputs[name] = Output(_text(children[1]), _value(children[-1]), decorators)


def _value(node: Node) -> Value:
    children = [child for child in node.named_children if child.type != "comment"]
    match node.type:
        case "string" if not any(child.type == "interpolation" for child in children):
            return _literal(_text(node))
        case "number" | "boolean" | "null":
            return json.loads(_text(node))  # type: ignore[no-any-return]
        case "array":
            return [_value(child) for child in children]
        case "object":
            return _object(children)
        case "resource_declaration":
            return _value(children[-1])
    return Expression(_text(node), tuple(_value(child) for child in children))


def _literal(text: str) -> str:
    if text.startswith("'''"):
        return text[3:-3].removeprefix("\n")
    return re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), text[1:-1])


def _object(properties: list[Node]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    unnamed = count(1)
    for node in properties:
        parts = [child for child in node.named_children if child.type != "comment"]
        key = _text(parts[0]) if parts[0].type != "string" else str(_key(parts[0]))
        if key == SPREAD or len(parts) == 1:
            key = f"{SPREAD}{next(unnamed)}"
        found[key] = _value(parts[-1])
    return found


def _key(node: Node) -> str:
    value = _value(node)
    return value.text if isinstance(value, Expression) else str(value)


def _declares(node: Node) -> bool:
    """Whether an identifier names a declaration or a property instead of using one."""
    parent = node.parent
    if parent is None or not (parent.type.endswith("_declaration") or parent.type == "object_property"):
        return False
    if parent.type == "object_property" and len(parent.named_children) == 1:
        return False
    return parent.named_children[0] == node


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
