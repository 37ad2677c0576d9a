#!/usr/bin/env bash
# What the chart's tests need besides Helm, into .tools: the definitions of other operators' resources (.tools/crds, from
# their Go modules) and promtool (from Debian's package, unpacked and not installed: no daemon starts).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
crds=$root/.tools/crds
# A line for each module: its version, and where the definitions are in it.
modules="
github.com/cert-manager/cert-manager@v1.21.2 deploy/crds/cert-manager.io_certificates.yaml
github.com/cloudnative-pg/cloudnative-pg@v1.30.0 config/crd/bases/postgresql.cnpg.io_clusters.yaml
github.com/cloudnative-pg/cloudnative-pg@v1.30.0 config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml
github.com/cloudnative-pg/plugin-barman-cloud@v0.15.0 config/crd/bases/barmancloud.cnpg.io_objectstores.yaml
github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml
github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml
sigs.k8s.io/gateway-api@v1.6.3 config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
"
if [ "$(cat "$crds/.installed" 2>/dev/null)" != "$modules" ]; then
    mkdir -p "$crds"
    while read -r module file; do
        [ -n "$module" ] || continue
        # Outside of any module, so that nothing is added to one.
        folder=$(cd "$crds" && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
        install -m 644 "$folder/$file" "$crds/"
    done <<<"$modules"
    printf '%s' "$modules" >"$crds/.installed"
fi

if [ ! -x "$root/.tools/bin/promtool" ]; then
    mkdir -p "$root/.tools/bin"
    if command -v promtool >/dev/null; then
        ln -sfn "$(command -v promtool)" "$root/.tools/bin/promtool"
    else
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        # The list of packages may be missing or old.
        (cd "$work" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; }) >/dev/null 2>&1 \
            || { echo "promtool: please install Prometheus" >&2; exit 69; }
        dpkg-deb -x "$work"/prometheus_*.deb "$work/root"
        install -m 755 "$work/root/usr/bin/promtool" "$root/.tools/bin/promtool"
    fi
fi

# A client for the test of the database's certificates.
if ! "$root/.tools/py/bin/python" -c 'import psycopg; assert psycopg.__version__ == "3.3.9"' 2>/dev/null; then
    "$root/.tools/py/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9'
fi

# A gRPC server for the test of what `helm test` calls.
if ! "$root/.tools/py/bin/python" -c 'import grpc; assert grpc.__version__ == "1.85.3"' 2>/dev/null; then
    "$root/.tools/py/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.3
fi
