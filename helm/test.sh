#!/usr/bin/env bash
# Installs what the chart's test needs into .tools, and runs it. The last line is `N passed, N failed`.
set -euo pipefail
here=$(dirname "$0")
"$here/../envoy/install.sh"
"$here/install.sh"
exec "$here/../.tools/py/bin/python" "$here/test.py"
