# Private clusters for the drills, in a folder of their own, on free ports, and how checks are counted. Sourced at the
# repository's root.

ROOT=$PWD
source dev.d/settings.sh
source dev.d/tools.sh
source dev.d/postgres.sh
need_postgres
need_psycopg
# Where crewup-migrate and crewup-seed are.
: "${CREWUP_BIN:=$ROOT/target/debug}"

PASSED=0
FAILED=0
good() { PASSED=$((PASSED + 1)); echo "ok    $*"; }
bad() { FAILED=$((FAILED + 1)); echo "FAIL  $*"; }
# What nothing can go on without.
fatal() { bad "$*"; exit 1; }
# same WHAT EXPECTED FOUND
same() { if [ "$2" = "$3" ]; then good "$1"; else bad "$1: expected $2, found $3"; fi; }
# at_most WHAT LIMIT FOUND UNIT: numbers with or without a fraction.
at_most() { if awk "BEGIN { exit !($3 <= $2) }"; then good "$1: $3 $4 (at most $2)"; else bad "$1: $3 $4, more than $2"; fi; }
# answers WHAT EXIT PATTERN COMMAND..: how it exits, and what it says, errors included, shown with the check.
answers() {
    local what=$1 exit=$2 pattern=$3 code=0 answer
    shift 3
    answer=$("$@" 2>&1) || code=$?
    if [ "$code" = "$exit" ] && grep -qE "$pattern" <<<"$answer"; then
        good "$what"
        sed 's/^/        /' <<<"$answer"
    else
        bad "$what: expected $pattern and exit $exit, found exit $code and: $answer"
    fi
}

# until_true SECONDS WHAT COMMAND..: polls until the command succeeds.
until_true() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || fatal "not within its time: $what"
        sleep 0.05
    done
}

# since START: the seconds from that time (of EPOCHREALTIME) until now.
since() { awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $1 }"; }

free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); do
        taken "$port" || { printf '%s' "$port"; return; }
    done
}

# The folder of the drill. At its end it is gone, and so is every process that it started.
WORK=$(mktemp -d /tmp/crewup-drill-XXXXXX)
chmod 755 "$WORK"
WRITER=
clean_up() {
    local code=$? home
    set +e
    # It may wait for a server, which goes next.
    [ -z "$WRITER" ] || { kill -9 "$WRITER"; wait "$WRITER"; } 2>/dev/null
    for home in "$WORK"/*/; do [ ! -e "$home/data/postmaster.pid" ] || kill_cluster "$home"; done
    rm -rf "$WORK"
    # Whatever ended it early counts.
    [ "$code" = 0 ] || [ "$FAILED" != 0 ] || FAILED=1
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ] || exit 1
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# own FOLDER..: PostgreSQL's user's, and nobody else looks into it.
own() {
    mkdir -p "$@"
    if [ "$(id -u)" = 0 ]; then chown -R postgres "$@"; fi
    chmod 700 "$@"
}

# make_cluster HOME PORT: with checksums, as in production, and its settings in its data, so that they are restored.
make_cluster() {
    local home=$1
    own "$home"
    as_postgres "$PG_BIN/initdb" --no-sync --data-checksums --pgdata="$home/data" --username=postgres --auth-local=trust \
        --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >"$WORK/initdb.log" 2>&1 \
        || fatal "initdb: $(tail -n 1 "$WORK/initdb.log")"
    settings "$home" <<TEXT
port = $2
listen_addresses = '127.0.0.1'
unix_socket_directories = '$home'
dynamic_shared_memory_type = mmap
TEXT
}

# settings HOME: appends its input to the cluster's settings.
settings() { as_postgres tee -a "$1/data/postgresql.conf" >/dev/null; }
port_of_cluster() { as_postgres sed -n 's/^port = //p' "$1/data/postgresql.conf" | tail -n 1; }

start_cluster() {
    as_postgres "$PG_BIN/pg_ctl" start --silent --wait --pgdata="$1/data" --log="$1/log" 2>"$WORK/start.log" \
        || fatal "PostgreSQL did not start: $(tail -n 3 "$1/log")"
}

# As if its power was cut: every process of the cluster is killed at once. KILLED is when.
kill_cluster() {
    DEAD=$(head -n 1 "$1/data/postmaster.pid")
    KILLED=$EPOCHREALTIME
    # shellcheck disable=SC2046 # numbers, on purpose
    kill -9 "$DEAD" $(cat "/proc/$DEAD/task/$DEAD/children" 2>/dev/null || true) 2>/dev/null || true
}
# What was killed last is nowhere any more, not even for its parent: a server that is started in its place would take what is
# left for a running one.
forget_dead() { until_true 20 "process $DEAD is gone" test ! -e "/proc/$DEAD"; }

# on HOME SQL [PSQL-OPTION..]: the answer of the cluster's database crewup, through its socket.
on() {
    local home=$1 sql=$2
    shift 2
    as_postgres "$PG_BIN/psql" --quiet --no-psqlrc -v ON_ERROR_STOP=1 -h "$home" -p "$(port_of_cluster "$home")" -U postgres \
        -d crewup -Atc "$sql" "$@"
}
# psql_on HOME: the statements of its input, in the cluster's database crewup.
psql_on() {
    as_postgres "$PG_BIN/psql" --quiet --no-psqlrc -v ON_ERROR_STOP=1 -h "$1" -p "$(port_of_cluster "$1")" -U postgres -d crewup -At
}

# holds HOME CONDITION
holds() { [ "$(on "$1" "select $2")" = t ]; }

# url_of HOME: as the owner of the schema, over TCP.
url_of() { printf 'postgres://crewup:%s@127.0.0.1:%s/crewup' "$DB_PASSWORD" "$(port_of_cluster "$1")"; }

# fill_cluster HOME: the schema, and a small city.
fill_cluster() {
    on "$1" "create role crewup login createrole password '$DB_PASSWORD'" -d postgres
    on "$1" "create database crewup owner crewup" -d postgres
    DATABASE_URL=$(url_of "$1") "$CREWUP_BIN/crewup-migrate" up >"$WORK/migrate.log" 2>&1 \
        || fatal "crewup-migrate: $(tail -n 1 "$WORK/migrate.log")"
    DATABASE_URL=$(url_of "$1") "$CREWUP_BIN/crewup-seed" --people 300 --events 600 >"$WORK/seed.log" 2>&1 \
        || fatal "crewup-seed: $(tail -n 1 "$WORK/seed.log")"
}

rules() { DATABASE_URL=$(url_of "$1") "$CREWUP_BIN/crewup-seed" check; }

# digest HOME: every table of the catalog with its number of rows and the sums of two hashes of them, in whatever order
# they are stored. Without those that are not logged: a standby and a restore have none of them.
digest() {
    psql_on "$1" <<'SQL'
select format(
    'select %L, count(*), sum(hashtextextended((t.*)::text, 0)::numeric), sum(hashtextextended((t.*)::text, 1)::numeric) from %I.%I t',
    n.nspname || '.' || c.relname, n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname not in ('pg_catalog', 'information_schema')
order by 1
\gexec
SQL
}

# start_writer URL FILE [WRITERS]: and waits until it is acknowledged.
start_writer() {
    local before
    touch "$2"
    before=$(wc -l <"$2")
    .tools/py/bin/python tests/drill/writer.py "$@" &
    WRITER=$!
    acknowledged "$2" $((before + 20))
}
# acknowledged FILE NUMBER: waits until that many writes are.
acknowledged() { until_true 20 "$2 acknowledged writes" has_lines "$1" "$2"; }
has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
stop_writer() {
    [ -n "$WRITER" ] || return 0
    kill "$WRITER" 2>/dev/null
    wait "$WRITER" || true
    WRITER=
}

# acknowledged_and HOME FILE QUESTION: asked about the table `acknowledged` (id, at) of FILE's lines.
acknowledged_and() {
    psql_on "$1" <<SQL
create temp table acknowledged (id uuid primary key, at numeric);
\\copy acknowledged from '$2' with (delimiter ' ')
select $3
SQL
}
# How many acknowledged messages are not in the database.
LOST="count(*) from acknowledged a where not exists (select from messages m where m.id = a.id)"
