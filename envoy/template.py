"""The part of Go's template language that the edge's configuration uses, so that one file serves development and the
chart: fields (`.a.b`, `$.a`), `if`, `else`, `range`, `end`, comments and `{{-`/`-}}`. Anything else is an error."""
import re

TOKEN = re.compile(r"(\s*)\{\{-\s(.*?)\s(?:-\}\}(\s*)|\}\})|\{\{\s(.*?)\s(?:-\}\}(\s*)|\}\})", re.DOTALL)
FIELD = re.compile(r"\$?(\.\w+)+|\.")


class Wrong(Exception):
    """What the template may not say, or the context lacks."""


def render(source, context):
    tokens = _tokens(source)
    nodes, closing = _parse(tokens)
    if closing:
        raise Wrong(f"{closing} closes nothing")
    return "".join(_walk(nodes, context, context))


def _tokens(source):
    at = 0
    for match in TOKEN.finditer(source):
        yield "text", source[at : match.start()]
        trimmed = match.group(2) is not None
        yield "action", match.group(2) if trimmed else match.group(4)
        at = match.end()
    if "{{" in source[at:]:
        raise Wrong(f"not understood: {source[at:][:60]}")
    yield "text", source[at:]


def _parse(tokens):
    """Nodes up to the `else` or `end` that closes the block, and which of them it was."""
    nodes = []
    for kind, value in tokens:
        if kind == "text":
            nodes.append(("text", value))
        elif value.startswith("/*"):
            continue
        elif value in ("end", "else"):
            return nodes, value
        elif value.startswith(("if ", "range ")):
            word, field = value.split(" ", 1)
            body, closing = _parse(tokens)
            other = []
            if closing == "else":
                other, closing = _parse(tokens)
            if closing != "end":
                raise Wrong(f"{value} has no end")
            nodes.append((word, _field(field), body, other))
        else:
            nodes.append(("value", _field(value)))
    return nodes, None


def _field(text):
    if not FIELD.fullmatch(text):
        raise Wrong(f"not understood: {text}")
    return text


def _look(field, dot, root):
    value = root if field.startswith("$") else dot
    for name in filter(None, field.lstrip("$").split(".")):
        if not isinstance(value, dict) or name not in value:
            raise Wrong(f"the context has no {field}")
        value = value[name]
    return value


def _walk(nodes, dot, root):
    for node in nodes:
        if node[0] == "text":
            yield node[1]
            continue
        value = _look(node[1], dot, root)
        if node[0] == "value":
            yield str(value)
        elif node[0] == "if":
            yield from _walk(node[2] if value else node[3], dot, root)
        else:
            for item in value:
                yield from _walk(node[2], item, root)
            if not value:
                yield from _walk(node[3], dot, root)
