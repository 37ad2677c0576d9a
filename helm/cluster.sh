#!/usr/bin/env bash
# The chart against a real API server: etcd, kube-apiserver and kube-controller-manager, built from the Go module proxy into
# .tools/kube if they are missing (needs Go and 10 to 25 minutes, once), and the real Helm. No container runs. Not part of
# `./dev test`, because of the build. The last line is `N passed, N failed`.
#   helm/cluster.sh             all
#   helm/cluster.sh WORD..      those whose name has one of the words
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/envoy/install.sh"
"$root/helm/install.sh"
"$root/helm/tools.sh"

source=$root/helm/cluster/kube
kube=$root/.tools/kube
version=$(sed -n 's,^\tk8s.io/kubernetes v,,p' "$source/go.mod")
stamp=$(cat "$source/go.mod" "$source/go.sum" "$source/main.go" | sha256sum)
if [ "$(cat "$kube/.installed" 2>/dev/null)" != "$stamp" ]; then
    echo "building Kubernetes $version: 10 to 25 minutes, once" >&2
    mkdir -p "$kube"
    # Helm and the API server itself compare this number; upstream's build sets it likewise.
    number=k8s.io/component-base/version
    minor=${version#*.}
    (cd "$source" && nice -n 5 go build -p 2 -trimpath -o "$kube/kube" \
        -ldflags "-s -w -X $number.gitVersion=v$version -X $number.gitMajor=1 -X $number.gitMinor=${minor%.*}" .)
    printf '%s\n' "$stamp" >"$kube/.installed"
fi
cd "$root/helm"
exec "$root/.tools/py/bin/python" -m cluster "$@"
