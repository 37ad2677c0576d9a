#!/usr/bin/env python3
"""The chart's tests. Run by helm/test.sh, which installs what they need. Ends with `N passed, N failed`.

    helm/test.py            all
    helm/test.py WORD..     those whose name has one of the words
"""
import importlib
import pathlib
import sys
import time
import traceback

from tests import kit

for path in sorted((pathlib.Path(__file__).parent / "tests").glob("*.py")):
    importlib.import_module(f"tests.{path.stem}")


def main():
    words = sys.argv[1:]
    passed = failed = 0
    for body in kit.TESTS:
        name = body.__name__.replace("_", " ")
        if words and not any(word in name for word in words):
            continue
        began = time.monotonic()
        try:
            body()
            passed += 1
            print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:  # noqa: BLE001: every failure is a line of the report
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAIL  {name}\n{type(error).__name__} in {where.name}, line {where.lineno}: {str(error)[:4000]}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
