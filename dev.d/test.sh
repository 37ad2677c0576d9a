# Everything that proves that CrewUp is right. Each step prints what it saw; the last line is the sum.

PASSED=0
FAILED=0
FAILURES=()
# What each suite counted, and how long it took.
SUITES=()
# What was said of what failed: once more at the end, where it is found.
REASONS=()

# step NAME COMMAND..: one check; its output is shown only if it fails.
step() {
    local name=$1 log
    shift
    log=$(mktemp)
    # In the background: bash ignores -e in whatever is the condition of an `if`.
    ( set -e; "$@" ) >"$log" 2>&1 &
    if wait $!; then
        PASSED=$((PASSED + 1))
        say "ok    $name"
    else
        FAILED=$((FAILED + 1))
        FAILURES+=("$name")
        cat "$log" >&2
        say "FAIL  $name"
        reasons "$name" "$log"
    fi
    rm -f "$log"
}

# suite NAME SECONDS TITLE: a suite of its own (`./dev test NAME`), whose lines `N passed, N failed` (or cargo's) are summed. One that
# fails without having counted a failure counts as one, and so does one that counted nothing, or that takes longer than it may.
suite() {
    local name=$1 budget=$2 title=$3 log code=0 passed failed took began=$SECONDS
    log=$(mktemp)
    say "----  $title (./dev test $name)"
    timeout --kill-after 60 "$budget" "$ROOT/dev" test "$name" >"$log" 2>&1 &
    RUNNING=$!
    tail -n +1 -f --pid="$RUNNING" "$log" >&2 &
    wait "$RUNNING" || code=$?
    RUNNING=
    wait $!
    took=$((SECONDS - began))
    [ "$code" != 124 ] || echo "FAIL  more than the $budget s that $name may take" | tee -a "$log" >&2
    passed=$(counted passed "$log")
    failed=$(counted failed "$log")
    if [ "$failed" = 0 ] && { [ "$code" != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
    [ "$failed" = 0 ] || { FAILURES+=("$title"); reasons "$title" "$log"; }
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    SUITES+=("$(printf '%5d of %4d s  %s: %d good, %d bad' "$took" "$budget" "$title" "$passed" "$failed")")
    rm -f "$log"
}

# stop_suite: ends what runs, by its own means.
stop_suite() {
    [ -z "${RUNNING:-}" ] || { kill -TERM "$RUNNING"; wait "$RUNNING" || true; }
    exit 130
}

# reasons NAME LOG: keeps the lines around each failure, as cargo, node and our scripts write them, or else the last ones.
reasons() {
    local found
    found=$(grep -aE -B 1 -A 12 '^thread .* panicked at|^not ok |^FAIL |^✖ |^error' "$2" | head -n 150 || true)
    REASONS+=("----  $1: what failed"$'\n'"${found:-$(tail -n 40 "$2")}")
}

# counted passed|failed LOG: the sum over the lines that count.
counted() {
    { grep -oE "(^|[;.] )[0-9]+ $1([;,]|$)|, [0-9]+ $1" "$2" || true; } | { grep -oE '[0-9]+' || true; } \
        | awk '{ sum += $1 } END { print sum + 0 }'
}

queries_are_fresh() {
    local found
    found=$(mktemp -d)
    prepare "$found"
    diff -r "$found" .sqlx >/dev/null || { echo ".sqlx is not what the queries are: run ./dev prepare"; diff -rq "$found" .sqlx; return 1; }
}

contracts_are_clean() {
    .tools/py/bin/buf lint
    .tools/py/bin/buf format --diff --exit-code proto
}

generated_is_fresh() { .tools/py/bin/python envoy/calls.py --check; }

licences_are_good() {
    cargo fetch --quiet --locked
    cargo deny --offline check licenses bans sources
}

shell_is_sound() { local file; for file in dev dev.d/*.sh envoy/*.sh helm/*.sh image/*.sh ops/*/*.sh tests/*.sh tests/drill/*.sh; do bash -n "$file"; done; }

check() {
    need_rust
    need_postgres
    need_edge_tools
    step "rustfmt" cargo fmt --all --check
    step "the scripts parse" shell_is_sound
    step "buf: lint and format" contracts_are_clean
    step "what is generated from the contracts is fresh" generated_is_fresh
    step "clippy without a warning, every query checked against the migrations, .sqlx fresh" queries_are_fresh
}

# own_city CITY [OPTION..]: ./dev up with these options, on ports of its own and with a city of that size, until the shell that
# asked ends.
own_city() {
    local city=$1
    shift
    state=$(mktemp -d /tmp/crewup-test-XXXXXX)
    chmod 755 "$state"
    local service at=0
    for service in "${SERVICES[@]}"; do
        at=$((at + 1))
        export "CREWUP_${service^^}_PORT=$((15050 + at))" "CREWUP_${service^^}_PLAIN_PORT=$((19050 + at))"
    done
    export CREWUP_STATE=$state CREWUP_DB_PORT=15432 CREWUP_ISSUER_PORT=18180 CREWUP_EDGE_PORT=18080 CREWUP_EDGE_TLS_PORT=18443 \
        CREWUP_EDGE_OPS_PORT=19050 CREWUP_EDGE_ADMIN_PORT=19901 CREWUP_SEED_ARGS=$city
    # Every span and figure of the run, for tests/secrets.sh.
    export CREWUP_SPANS=$state/spans OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14317
    target/debug/crewup-test-collector "${OTEL_EXPORTER_OTLP_ENDPOINT#http://}" "$CREWUP_SPANS" &
    collector=$!
    # A shell without a terminal starts its children deaf to Ctrl-C.
    env --default-signal=INT ./dev up "$@" >"$state/up.log" 2>&1 &
    pid=$!
    # However this ends, what it started ends with it.
    trap 'kill -TERM "$pid" 2>/dev/null || true; wait "$pid" || true; kill "$collector" || true; rm -rf "$state" "/var/tmp/crewup-$(printf "%s" "$state" | cksum | cut -d" " -f1)"*' EXIT
    local until=$((SECONDS + 600))
    until grep -q "CrewUp is up" "$state/up.log"; do
        kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $until ] || { cat "$state/up.log"; echo "0 passed, 1 failed"; return 1; }
        sleep 0.2
    done
}

# The real thing: processes, Envoy, Chromium.
through_the_edge() {
    local code=0
    own_city "--people 300 --events 600"
    ( cd web/client && CREWUP_TOKEN_HOST=$(cd "$ROOT" && ./dev token host) CREWUP_EDGE_URL=http://127.0.0.1:18080 \
        CREWUP_EDGE_TLS_URL=https://127.0.0.1:18443 npm run --silent test:browser ) || code=$?
    ( cd web/client && CREWUP_TOKEN_HOST=$(cd "$ROOT" && ./dev token host) CREWUP_TOKEN_GUEST=$(cd "$ROOT" && ./dev token guest) \
        CREWUP_EDGE_URL=http://127.0.0.1:18080 CREWUP_GROUP_METRICS=http://127.0.0.1:19052/metrics npm run --silent test:node ) || code=$?
    tests/up.sh || code=$?
    # Last: the story moves the clock. The rules hold after it, too.
    local database
    MESH=$state/mesh
    database=$(owner_url)
    DATABASE_URL=$database CREWUP_EDGE_URL=http://127.0.0.1:$CREWUP_EDGE_PORT \
        CREWUP_ISSUER_URL=http://127.0.0.1:$CREWUP_ISSUER_PORT/realms/crewup target/debug/crewup-night-out || code=$?
    tests/secrets.sh || code=$?
    if DATABASE_URL=$database target/debug/crewup-seed check; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; code=1; fi
    tests/again.sh "$pid" "$collector" || code=$?
    return "$code"
}

# Signing in, roles, bans and erasures with a real Keycloak instead of the development issuer.
with_keycloak() {
    # One person calls without a pause, while keys and Keycloak come and go.
    export CREWUP_QUOTA_PERCENT=100000
    own_city "--people 40 --events 60" --keycloak
    cd web/client
    CREWUP_EDGE_URL=http://127.0.0.1:$CREWUP_EDGE_PORT CREWUP_KEYCLOAK_URL=http://127.0.0.1:$CREWUP_ISSUER_PORT \
        CREWUP_KEYCLOAK_PID=$(cat "$CREWUP_STATE/keycloak/pid") CREWUP_USER_PLAIN_URL=http://127.0.0.1:$CREWUP_USER_PLAIN_PORT \
        npm run --silent test:keycloak
}

web_client() {
    cd web/client
    npm ci --silent --no-fund --no-audit
    npm test --silent | sed -E 's/^# pass ([0-9]+)$/\1 passed/; s/^# fail ([0-9]+)$/\1 failed/; s/^ℹ pass ([0-9]+)$/\1 passed/; s/^ℹ fail ([0-9]+)$/\1 failed/'
}

# One more at a time than there are processors: with as many, a tenth of them idles while tests wait for the database.
# With those that `cargo test` alone leaves out, for they need more than PostgreSQL.
rust_tests() {
    RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) + 1))} cargo test --workspace --no-fail-fast -- --include-ignored
}

# The suites: what `./dev test` runs, the longest that each may take in seconds, and what it proves.
# The TypeScript client comes first: a Rust test runs it through the edge.
ALL_SUITES=(
    "client 120 the TypeScript client"
    "rust 1700 Rust"
    "envoy 60 the edge's configuration in Envoy"
    "edge 360 ./dev up, grpcurl and Chromium through the edge"
    "keycloak 240 Keycloak"
    "chart 240 the chart"
    "image 940 the image"
    "backup 120 the restore drill"
    "failover 120 failover to a synchronous standby"
)
# A release build, and the drills of who operates it: with --all only, as in CI.
ONLY_ALL="image backup failover"

# run_suite NAME: one of them, alone.
run_suite() {
    case "$1" in
        client) need_edge_tools; need_node; web_client ;;
        rust) need_rust; need_postgres; need_edge_tools; need_node; rust_tests ;;
        envoy) need_edge_tools; need_node; node envoy/test.mjs ;;
        edge) needs_of_a_city; through_the_edge ;;
        keycloak) needs_of_a_city; need_keycloak; with_keycloak ;;
        chart) need_go; helm/test.sh ;;
        image) image/test.sh ;;
        backup) tests/drill/backup.sh ;;
        failover) tests/drill/failover.sh ;;
        *) die 64 "unknown: $1 (test knows --all, and ${ALL_SUITES[*]%% *})" ;;
    esac
}

needs_of_a_city() {
    need_rust
    need_postgres
    need_edge_tools
    need_node
    need_chromium
    cargo build -q "${BINARIES[@]}" -p crewup-tests
}

# run_tests [--all | SUITE]: with --all also ONLY_ALL.
run_tests() {
    local began=$SECONDS all= floor floor_of_all keycloak=0 line name budget title
    read -r floor floor_of_all <tests/floor
    case "${1:-}" in
        --all) all=1 floor=$floor_of_all ;;
        "") ;;
        *) run_suite "$1"; return ;;
    esac
    trap stop_suite INT TERM
    need_space "$([ -n "$all" ] && echo 12 || echo 8)"
    check
    need_node
    need_chromium
    need_go
    need_cargo_deny
    step "licences, bans and sources of dependencies (the advisories need a network)" licences_are_good
    ( need_keycloak ) || keycloak=$?
    # Not in the time of the suite that needs them first.
    step "the programs build" cargo build -q "${BINARIES[@]}" -p crewup-tests
    for line in "${ALL_SUITES[@]}"; do
        read -r name budget title <<<"$line"
        [ -n "$all" ] || [[ " $ONLY_ALL " != *" $name "* ]] || continue
        # Its tests are not missing, they cannot be made.
        if [ "$name" = keycloak ] && [ "$keycloak" = 75 ]; then
            floor=$((floor - $(grep -c '^  \["' web/client/test/keycloak/run.mjs)))
            continue
        fi
        suite "$name" "$budget" "$title"
    done

    if [ "$PASSED" -lt "$floor" ]; then
        FAILED=$((FAILED + 1))
        FAILURES+=("fewer than the $floor tests of tests/floor")
    fi
    for line in "${REASONS[@]}"; do say "$line"; done
    for line in "${SUITES[@]}"; do say "$line"; done
    say "took $((SECONDS - began)) s"
    for line in "${FAILURES[@]}"; do say "failed: $line"; done
    [ "$keycloak" != 75 ] || say "left out: Keycloak, which could not be fetched from $KEYCLOAK_URL"
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}

# What is generated and committed. (The TypeScript client is generated where it is built.)
generate() {
    need_edge_tools
    .tools/py/bin/python envoy/calls.py
    CREWUP_UPDATE=1 cargo test -q -p crewup-tests --test it -- generated docs_access
}
