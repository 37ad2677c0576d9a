# The figures of docs/PERFORMANCE.md. Takes half an hour, and five minutes more where the bench's world is not there
# yet. It is kept (4 GB, and as much for the copy, in the state's folder), and every run works on a copy of it.

# bench [--adopt | ARGS..]: what crewup-bench knows (`./dev bench --help`); or how long taking over a large database takes.
bench() {
    need_rust
    need_postgres
    need_edge_tools
    local world
    # Known to the trap, which runs when the function is over.
    BENCH_HOME=$(pg_home)-bench
    say "building for speed (a first build takes some minutes)"
    cargo build --quiet --release -p crewup-bench "${BINARIES[@]}"
    trap 'pg_stop "$BENCH_HOME"' EXIT
    trap 'exit 130' INT TERM
    need_certificates "$MESH"
    # With TLS for who asks for it, so that what it costs can be measured.
    # shellcheck disable=SC2046 # options
    pg_start "$BENCH_HOME" "$CREWUP_BENCH_DB_PORT" $(pg_tls "$BENCH_HOME") -c hba_file="$BENCH_HOME/data/pg_hba.conf" \
        -c shared_buffers=4GB -c max_wal_size=8GB -c checkpoint_timeout=30min -c autovacuum=off
    if [ "${1:-}" = --adopt ]; then adopting "$BENCH_HOME"; return; fi
    # Another world for other rows or another schema, and after a week, for its events are to come.
    world=world_$(date +%G_%V)_$(cat bench/fill.sql migrations/*.sql | sha256sum | cut -c1-8)
    fill "$BENCH_HOME" "$world"
    target/release/crewup-bench --world "$world" --socket "$BENCH_HOME" --port "$CREWUP_BENCH_DB_PORT" \
        --binaries target/release --pgbench "$PG_BIN/pgbench" --envoy .tools/bin/envoy --mesh "$MESH" "$@"
}

# fill HOME WORLD: the database that the bench copies, if it is not there.
fill() {
    local home=$1 world=$2 super=("$PG_BIN/psql" --quiet --no-psqlrc -v ON_ERROR_STOP=1 -h "$1" -p "$CREWUP_BENCH_DB_PORT" -U postgres)
    local url=postgres://crewup:$DB_PASSWORD@127.0.0.1:$CREWUP_BENCH_DB_PORT old service
    as_postgres "${super[@]}" -At -c "select 1 from pg_database where datname = '$world'" | grep -q 1 && return
    as_postgres "${super[@]}" -At -c "select datname from pg_database where datname like 'world%'" \
        | while read -r old; do as_postgres "${super[@]}" -c "drop database $old"; done
    say "filling the bench's world: 1,000,000 events and 5,000,000 messages (some minutes, once a week)"
    as_postgres "${super[@]}" -c "drop database if exists filling" -c "create database filling owner crewup"
    DATABASE_URL=$url/filling target/release/crewup-migrate up >&2
    for service in "${SERVICES[@]}"; do export "CREWUP_${service^^}_DB_PASSWORD=$DB_PASSWORD"; done
    DATABASE_URL=$url/filling target/release/crewup-migrate roles >&2
    as_postgres "${super[@]}" -d filling -f - <bench/fill.sql >/dev/null
    DATABASE_URL=$url/filling target/release/crewup-seed check >&2
    as_postgres "${super[@]}" -c "alter database filling rename to $world"
}

# adopting HOME: how long `crewup-migrate adopt` takes for a database of the reference's schema of that size.
adopting() {
    local super=("$PG_BIN/psql" --quiet --no-psqlrc -v ON_ERROR_STOP=1 -h "$1" -p "$CREWUP_BENCH_DB_PORT" -U postgres) began option
    local url=postgres://crewup:$DB_PASSWORD@127.0.0.1:$CREWUP_BENCH_DB_PORT/reference
    as_postgres "${super[@]}" -c "drop database if exists reference" -c "create database reference owner crewup"
    # Its owner makes the schema: adopting is the owner's work.
    psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 "$url" -f - <migrations/0001_reference.sql
    say "filling a database of the reference's schema: 5,000,000 messages, 3,000,000 answers, 1,000,000 events"
    as_postgres "${super[@]}" -d reference -f - <bench/reference.sql >/dev/null
    for option in --dry-run ""; do
        began=$SECONDS
        # shellcheck disable=SC2086 # an option or none
        DATABASE_URL=$url target/release/crewup-migrate adopt --time-zone Europe/Zurich $option
        say "adopt $option: $((SECONDS - began)) s"
    done
    DATABASE_URL=$url target/release/crewup-seed check
    as_postgres "${super[@]}" -c "drop database reference"
}
