#!/usr/bin/env bash
# Installs what the chart's tests need into .tools, and runs them. The last line is `N passed, N failed`.
set -euo pipefail
here=$(dirname "$0")
"$here/../envoy/install.sh"
"$here/install.sh"
"$here/tools.sh"
exec "$here/../.tools/py/bin/python" "$here/test.py" "$@"
