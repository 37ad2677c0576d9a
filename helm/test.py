#!/usr/bin/env python3
"""The chart's tests. Run by helm/test.sh, which installs what they need. Ends with `N passed, N failed`.

    helm/test.py            all
    helm/test.py WORD..     those whose name has one of the words
"""
import importlib
import pathlib
import sys

from tests import kit

for path in sorted((pathlib.Path(__file__).parent / "tests").glob("*.py")):
    importlib.import_module(f"tests.{path.stem}")

if __name__ == "__main__":
    sys.exit(kit.run(sys.argv[1:]))
