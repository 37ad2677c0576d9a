#!/usr/bin/env bash
# Builds Helm into .tools/bin of the repository, from the Go module proxy (needs Go; a minute or two, once).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
version=v4.3.1
if ! go version -m "$root/.tools/bin/helm" 2>/dev/null | grep -qF "helm.sh/helm/v4	$version"; then
    GOBIN=$root/.tools/bin go install "helm.sh/helm/v4/cmd/helm@$version"
fi
