#!/usr/bin/env bash
# The root file system of the image, and every command started from it: by its user, on a root that cannot be written, with
# nothing else there. Prints a line for each check and the sum. Docker is not needed; that the Dockerfile copies this root file
# system into nothing is for its readers.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
source dev.d/settings.sh
source dev.d/tools.sh
source dev.d/postgres.sh
need_rust
need_postgres
need_edge_tools
passed=0 failed=0
state=$(mktemp -d /tmp/crewup-image-XXXXXX)
chmod 755 "$state"
root=$state/root
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; pg_stop "$state/postgres"; rm -rf "$state"' EXIT

# check NAME COMMAND..: the command succeeds.
check() {
    local name=$1
    shift
    ( set -e; "$@" ) >"$state/check.log" 2>&1 &
    if wait $!; then
        passed=$((passed + 1))
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        cat "$state/check.log"
    fi
}

# As a container runs it: "${INSIDE[@]}" COMMAND.. is one process, with the number of whatever started it.
INSIDE=(unshare --mount sh -c 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec chroot --userspec=10001:10001 "$0" "$@"' "$root")

port=$((16000 + RANDOM % 2000))
owner=postgres://crewup:$DB_PASSWORD@127.0.0.1:$port/crewup
issuer_port=$((port + 1))

is_small() {
    local bytes
    bytes=$(du -sb "$root" | cut -f1)
    echo "$bytes bytes"
    [ "$bytes" -lt 80000000 ]
}

has_only_what_it_needs() {
    local found
    found=$(cd "$root" && find . -not -type d | sort | sed -E 's,^\./(usr/)?lib(64)?/(.*/)?(ld-linux|lib[a-z_]+).*,library \4,' | sort -u)
    diff - <(echo "$found") <<'FILES'
./etc/group
./etc/nsswitch.conf
./etc/passwd
./etc/ssl/certs/ca-certificates.crt
./usr/bin/crewup
./usr/bin/crewup-event
./usr/bin/crewup-group
./usr/bin/crewup-migrate
./usr/bin/crewup-moderation
./usr/bin/crewup-safety
./usr/bin/crewup-user
library ld-linux
library libc
library libgcc_s
library libm
FILES
}

belongs_to_root() { [ -z "$(find "$root" -not -user root -o -perm /6022 -not -type l)" ]; }

migrates() {
    "${INSIDE[@]}" /usr/bin/env >/dev/null 2>&1 && { echo "there are more programs than ours"; return 1; }
    DATABASE_URL=$owner "${INSIDE[@]}" /usr/bin/crewup-migrate up
    DATABASE_URL=$owner "${INSIDE[@]}" /usr/bin/crewup-migrate wait
    local service
    for service in "${SERVICES[@]}"; do export "CREWUP_${service^^}_DB_PASSWORD=$DB_PASSWORD"; done
    DATABASE_URL=$owner "${INSIDE[@]}" /usr/bin/crewup-migrate roles
}

other_names_are_refused() {
    local code=0
    "${INSIDE[@]}" /usr/bin/crewup 2>"$state/said" || code=$?
    grep -q 'crewup-event, .*or crewup-migrate' "$state/said" && [ $code = 64 ]
}

start_service() {
    local service=$1 at=$2 other urls=() n=0
    for other in "${SERVICES[@]}"; do
        n=$((n + 1))
        urls+=("CREWUP_${other^^}_URL=http://127.0.0.1:$((port + 10 + n))")
    done
    export "${urls[@]}" CREWUP_MODE=development CREWUP_ISSUER=http://127.0.0.1:$issuer_port/realms/crewup \
        CREWUP_CLIENT_SECRET=crewup_dev_secret CREWUP_LISTEN="127.0.0.1:$((port + 10 + at))" \
        CREWUP_PLAIN_LISTEN="127.0.0.1:$((port + 20 + at))" CREWUP_REFLECTION=on \
        DATABASE_URL="postgres://crewup_${service}_login:$DB_PASSWORD@127.0.0.1:$port/crewup"
    "${INSIDE[@]}" "/usr/bin/crewup-$service" >"$state/$service.log" 2>&1 &
    pids+=($!)
}

is_ready() {
    local until=$((SECONDS + 30))
    until curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$1/readyz"; do
        [ $SECONDS -lt $until ] || { cat "$2"; return 1; }
        sleep 0.1
    done
}

answers() {
    local token
    token=$(curl -fsS "http://127.0.0.1:$issuer_port/realms/crewup/protocol/openid-connect/token" -d grant_type=password \
        -d client_id=crewup-cli -d username=host -d password=crewup | sed 's/.*"access_token" *: *"\([^"]*\)".*/\1/')
    .tools/py/bin/grpcurl -plaintext -H "authorization: Bearer $token" "127.0.0.1:$1" crewup.user.v1.UserService/GetMe | grep host@
}

runs_as_its_user() { [ "$(ps -o uid=,gid= -p "$1" | xargs)" = "10001 10001" ]; }

is_described() {
    image/sbom.sh "$state/sbom.json"
    python3 - "$state/sbom.json" <<'PYTHON'
import json, sys
sbom = json.load(open(sys.argv[1], encoding="utf-8"))
assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.5"), sbom["specVersion"]
names = {one["name"] for one in sbom["components"]}
assert {"tonic", "sqlx", "tokio", "rustls", "crewup-event", "libc6", "ca-certificates"} <= names, sorted(names)
assert not {"crewup-tests", "crewup-issuer", "crewup-seed"} & names, "the image has none of these"
assert all(one.get("version") for one in sbom["components"])
PYTHON
}

echo "building the program (some minutes, once)" >&2
SQLX_OFFLINE=true cargo build --quiet --release -p crewup
cargo build --quiet -p crewup-issuer
image/rootfs.sh target/release/crewup "$root"
check "the root file system is smaller than 80 MB" is_small
check "it has only what it needs" has_only_what_it_needs
check "nothing in it can be written by others than root, or gives rights" belongs_to_root
check "called by another name it says which there are" other_names_are_refused
pg_start "$state/postgres" "$port" -c fsync=off
check "crewup-migrate migrates, waits and makes the logins" migrates
CREWUP_MODE=development CREWUP_ISSUER_PORT=$issuer_port CREWUP_ISSUER_KEY_FILE=$state/issuer-key.json \
    target/debug/crewup-issuer >"$state/issuer.log" 2>&1 &
issuer=$!
at=0
for service in "${SERVICES[@]}"; do
    at=$((at + 1))
    start_service "$service" $at
    check "crewup-$service is ready" is_ready $((port + 20 + at)) "$state/$service.log"
    check "crewup-$service runs as its user" runs_as_its_user "${pids[-1]}"
done
check "a call is answered" answers $((port + 13))
at=0
for service in "${SERVICES[@]}"; do
    kill -TERM "${pids[$at]}"
    code=0
    wait "${pids[$at]}" || code=$?
    check "crewup-$service ends well" [ "$code" = 0 ]
    at=$((at + 1))
done
pids=("$issuer")
check "its bill of materials is CycloneDX and names crates and packages" is_described
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
