# Everything at once, as processes of their own, until Ctrl-C.

declare -A CHILDREN=()

# start NAME COMMAND..: a child with its own log.
start() {
    local name=$1
    shift
    "$@" >"$CREWUP_STATE/log/$name.log" 2>&1 &
    CHILDREN[$name]=$!
}

stop_all() {
    # Whatever ends badly, and however often Ctrl-C is pressed: the rest is stopped, too.
    set +e
    trap - EXIT
    trap '' INT TERM
    local name
    # The edge first, so that nobody is sent to a service that is gone.
    for name in envoy "${SERVICES[@]}" issuer; do
        local pid=${CHILDREN[$name]:-}
        if [ -n "$pid" ] && kill -TERM "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null; fi
    done
    pg_stop "$PG_HOME"
    rm -f "$CREWUP_STATE/up.pid"
}

check_ports() {
    local row service rows=()
    for service in "${SERVICES[@]}"; do
        rows+=("$(port_of "$service" PORT):CREWUP_${service^^}_PORT:the $service service")
        rows+=("$(port_of "$service" PLAIN_PORT):CREWUP_${service^^}_PLAIN_PORT:the $service service's health")
    done
    for row in "${rows[@]}" \
        "$CREWUP_DB_PORT:CREWUP_DB_PORT:PostgreSQL" "$CREWUP_ISSUER_PORT:CREWUP_ISSUER_PORT:the issuer" \
        "$CREWUP_EDGE_PORT:CREWUP_EDGE_PORT:the edge" "$CREWUP_EDGE_TLS_PORT:CREWUP_EDGE_TLS_PORT:the edge's TLS" \
        "$CREWUP_EDGE_OPS_PORT:CREWUP_EDGE_OPS_PORT:the edge's health" \
        "$CREWUP_EDGE_ADMIN_PORT:CREWUP_EDGE_ADMIN_PORT:Envoy's own pages"; do
        local port=${row%%:*} rest=${row#*:}
        ! taken "$port" || die 69 "port $port (${rest#*:}) is taken: set ${rest%%:*} to a free one, such as ${rest%%:*}=$((port + 1000)) ./dev up"
    done
}

# wait_for WHAT SECONDS URL: until the URL answers 200, or the child of that name ends.
wait_for() {
    local what=$1 until=$((SECONDS + $2)) url=$3
    while ! curl -fsS -o /dev/null --max-time 2 "$url" 2>/dev/null; do
        kill -0 "${CHILDREN[$what]}" 2>/dev/null || die 70 "$what ended: $(tail -n 1 "$CREWUP_STATE/log/$what.log")"
        [ $SECONDS -lt $until ] || die 70 "$what is not ready after $2 s: see $CREWUP_STATE/log/$what.log"
        sleep 0.1
    done
}

build() {
    say "building (a first build takes some minutes)"
    # Cargo's own progress goes to the terminal.
    cargo build "${BINARIES[@]}"
}

start_issuer() {
    start issuer env CREWUP_MODE=development CREWUP_ISSUER_KEY_FILE="$CREWUP_STATE/issuer-key.json" \
        target/debug/crewup-issuer
    wait_for issuer 20 "http://127.0.0.1:$CREWUP_ISSUER_PORT/health"
}

start_services() {
    local service urls=()
    for service in "${SERVICES[@]}"; do
        urls+=("CREWUP_${service^^}_URL=https://127.0.0.1:$(port_of "$service" PORT)")
    done
    for service in "${SERVICES[@]}"; do
        start "$service" env "${urls[@]}" \
            DATABASE_URL="$(database_url "crewup_${service}_login" "$service")" CREWUP_TLS_CA_FILE="$MESH/ca.crt" \
            CREWUP_TLS_CERT_FILE="$MESH/$service.crt" CREWUP_TLS_KEY_FILE="$MESH/$service.key" \
            CREWUP_MODE=development CREWUP_REFLECTION=on CREWUP_ISSUER="$ISSUER" \
            CREWUP_CLIENT_SECRET=crewup_dev_secret \
            CREWUP_LISTEN="127.0.0.1:$(port_of "$service" PORT)" \
            CREWUP_PLAIN_LISTEN="127.0.0.1:$(port_of "$service" PLAIN_PORT)" \
            "target/debug/crewup-$service"
    done
}

start_edge() {
    local service
    for service in "${SERVICES[@]}"; do
        export "CREWUP_${service^^}_ADDR=127.0.0.1:$(port_of "$service" PORT)"
    done
    cp "$MESH/public.crt" "$CREWUP_STATE/envoy/tls.crt"
    cp "$MESH/public.key" "$CREWUP_STATE/envoy/tls.key"
    CREWUP_MESH_DIR=$MESH CREWUP_REFLECTION=on .tools/py/bin/python envoy/render.py --out "$CREWUP_STATE/envoy" >/dev/null
    start envoy .tools/bin/envoy -c "$CREWUP_STATE/envoy/envoy.yaml" --log-level warning --disable-hot-restart
}

up() {
    local fresh= keycloak= option
    for option in "$@"; do
        case "$option" in
            --fresh) fresh=1 ;;
            --keycloak) keycloak=1 ;;
            *) die 64 "unknown: $option (up knows --fresh and --keycloak)" ;;
        esac
    done
    if running_pid >/dev/null; then
        die 69 "CrewUp runs already (process $(running_pid)): ./dev down stops it"
    fi
    check_ports
    need_rust
    need_postgres
    need_edge_tools
    [ -z "$keycloak" ] || need_keycloak
    build
    mkdir -p "$CREWUP_STATE/log" "$CREWUP_STATE/envoy"
    PG_HOME=$(pg_home)
    [ -z "$fresh" ] || rm -rf "$PG_HOME"
    echo $$ >"$CREWUP_STATE/up.pid"
    trap 'stop_all; exit 130' INT TERM
    trap stop_all EXIT

    need_certificates "$MESH"
    # shellcheck disable=SC2046 # options, on purpose
    pg_start "$PG_HOME" "$CREWUP_DB_PORT" $(pg_tls "$PG_HOME")
    DATABASE_URL=$(owner_url) target/debug/crewup-migrate up >"$CREWUP_STATE/log/migrate.log" 2>&1 \
        || die 70 "the schema could not be migrated: $(tail -n 1 "$CREWUP_STATE/log/migrate.log"); ./dev up --fresh starts over"
    local service
    for service in "${SERVICES[@]}"; do
        export "CREWUP_${service^^}_DB_PASSWORD=$DB_PASSWORD"
    done
    DATABASE_URL=$(owner_url) target/debug/crewup-migrate roles >>"$CREWUP_STATE/log/migrate.log" 2>&1 \
        || die 70 "the services' logins could not be made: $(tail -n 1 "$CREWUP_STATE/log/migrate.log")"
    if [ -n "$keycloak" ]; then start_keycloak; else start_issuer; fi
    start_services
    start_edge
    for service in "${SERVICES[@]}"; do
        wait_for "$service" 30 "http://127.0.0.1:$(port_of "$service" PLAIN_PORT)/readyz"
    done
    wait_for envoy 20 "http://127.0.0.1:$CREWUP_EDGE_OPS_PORT/readyz"
    # shellcheck disable=SC2086 # arguments, on purpose
    DATABASE_URL=$(owner_url) target/debug/crewup-seed --if-empty $CREWUP_SEED_ARGS >&2
    table
    [ -z "$keycloak" ] || keycloak_table
    # Until one of them ends, which none should.
    wait -n -p ended "${CHILDREN[@]}" || true
    local name
    for name in "${!CHILDREN[@]}"; do
        [ "${CHILDREN[$name]}" != "${ended:-}" ] || die 70 "$name ended: see $CREWUP_STATE/log/$name.log"
    done
}

# shown PATH: as short as it can be said.
shown() { printf '%s' "${1#"$ROOT"/}"; }

table() {
    local service services=
    for service in "${SERVICES[@]}"; do
        services+=$(printf '  %-11s 127.0.0.1:%s   health and metrics http://127.0.0.1:%s/metrics' \
            "$service" "$(port_of "$service" PORT)" "$(port_of "$service" PLAIN_PORT)")$'\n'
    done
    cat <<TEXT

CrewUp is up; Ctrl-C stops it.

  edge        http://127.0.0.1:$CREWUP_EDGE_PORT (gRPC, grpc-web)   https://127.0.0.1:$CREWUP_EDGE_TLS_PORT (by $(shown "$MESH/ca.crt"))
${services}  issuer      $ISSUER
  PostgreSQL  127.0.0.1:$CREWUP_DB_PORT   database and user crewup   ./dev psql
  logs        $(shown "$CREWUP_STATE/log")

  who can sign in: host, guest, friend, stranger, mod (moderator), admin - or any name; ./dev token host

  ./dev grpcurl -d '{"query": "jazz"}' 127.0.0.1:$CREWUP_EDGE_PORT crewup.event.v1.EventService/SearchEvents

TEXT
}

# The process of the ./dev up that runs on this state; a number left by a crash may by now be somebody else's.
running_pid() {
    local pid
    pid=$(cat "$CREWUP_STATE/up.pid" 2>/dev/null) || return 1
    grep -qsz '/\?dev$' "/proc/$pid/cmdline" && printf '%s' "$pid"
}

down() {
    local pid
    pid=$(running_pid) || { say "CrewUp is not running"; return; }
    kill -TERM "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    say "stopped"
}

# An access token, without a line end.
token() {
    local answer
    answer=$(curl -fsS --max-time 5 "$ISSUER/protocol/openid-connect/token" -d grant_type=password -d client_id=crewup-cli \
        --data-urlencode "username=$1" -d password=crewup 2>/dev/null) \
        || die 69 "no issuer on port $CREWUP_ISSUER_PORT lets $1 in: is ./dev up running? (Keycloak knows the city's people only)"
    printf '%s' "$answer" | sed 's/.*"access_token" *: *"\([^"]*\)".*/\1/' | tr -d '\n'
}

# call ARGS..: grpcurl with a token; without TLS at the edge's plain port, and elsewhere with the development certificate.
call() {
    local arg tls=(-cacert "$MESH/ca.crt" -cert "$MESH/development.crt" -key "$MESH/development.key")
    for arg in "$@"; do [[ $arg != *:"$CREWUP_EDGE_PORT" ]] || tls=(-plaintext); done
    exec .tools/py/bin/grpcurl "${tls[@]}" -H "authorization: Bearer $(token "${CREWUP_PERSON:-host}")" "$@"
}
