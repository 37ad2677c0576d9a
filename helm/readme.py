#!/usr/bin/env python3
"""Writes the table of values into the chart's README from the comments of values.yaml.

    helm/readme.py            writes it
    helm/readme.py --check    says whether it is fresh
"""
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent / "crewup"
BEGIN, END = "<!-- values: helm/readme.py -->\n", "<!-- /values -->\n"
# These are values in themselves: what is in them is Kubernetes' to explain.
WHOLE = ("resources",)
KEY = re.compile(r"( *)([A-Za-z]+):(?: (.*))?$")


class Unexplained(Exception):
    pass


def rows(text):
    """(path, default, comment) of each value. Every key has a comment of its own, right above it."""
    found, path, comment, inside = [], [], [], None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if inside is not None and line.strip() and indent > inside:
            continue
        inside = None
        if line.lstrip().startswith("#"):
            comment.append(line.strip().removeprefix("#").strip())
            continue
        match = KEY.match(line)
        if match:
            level = len(match[1]) // 2
            path[level:] = [match[2]]
            if not comment:
                raise Unexplained(f"{'.'.join(path)} has no comment in values.yaml")
            whole = match[2] in WHOLE
            inside = indent if whole else None
            if match[3] is not None or whole:
                found.append((".".join(path), match[3], " ".join(comment)))
            else:
                found.append((".".join(path) + ".", None, " ".join(comment)))
        elif line.strip():
            raise Unexplained(f"cannot read: {line}")
        comment = []
    return found


def table(text):
    values = yaml.safe_load(text)
    lines = ["| value | default | what it is |\n|---|---|---|\n"]
    for path, default, comment in rows(text):
        if path.endswith("."):
            lines.append(f"| **{path[:-1]}** | | {escaped(comment)} |\n")
            continue
        if default is None:
            value = values
            for key in path.split("."):
                value = value[key]
            default = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
        lines.append(f"| `{path}` | `{default}` | {escaped(comment)} |\n")
    return "".join(lines)


def escaped(comment):
    return comment.replace("|", "\\|").replace("<", "&lt;")


def main():
    readme = CHART / "README.md"
    old = readme.read_text()
    before, rest = old.split(BEGIN)
    after = rest.split(END)[1]
    new = before + BEGIN + table((CHART / "values.yaml").read_text()) + END + after
    if "--check" in sys.argv:
        sys.exit(0 if new == old else "the chart's README is not what values.yaml says: run helm/readme.py")
    readme.write_text(new)


if __name__ == "__main__":
    main()
