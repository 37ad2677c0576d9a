#!/usr/bin/env bash
# Failover on real PostgreSQL: a primary, a synchronous standby, people who write through a URL with both. The primary is killed,
# the standby promoted: nothing acknowledged may be missing, and the first write is acknowledged within 5 s. What was the primary
# comes back by pg_rewind; then the other way round, with the connection between them cut before. And a primary that is killed and
# just started again. The last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/drill/lib.sh

a=$WORK/a
b=$WORK/b
written=$WORK/written

# node HOME PORT: what differs between the two, and so is written again over what a copy brought along. The name is the one
# by which a primary knows its standby.
node() {
    settings "$1" <<TEXT
port = $2
listen_addresses = '127.0.0.1'
unix_socket_directories = '$1'
cluster_name = '$(basename "$1")'
TEXT
}

# source_of HOME: how the other one copies it.
source_of() { printf 'host=%s port=%s user=postgres dbname=postgres' "$1" "$(port_of_cluster "$1")"; }

# await PRIMARY STANDBY: from now on a commit waits for the standby, which has everything.
await() {
    local name
    name=$(basename "$2")
    on "$1" "alter system set synchronous_standby_names = 'ANY 1 ($name)'"
    on "$1" "select pg_reload_conf()" >/dev/null
    until_true 20 "$name as synchronous standby" \
        holds "$1" "count(*) = 1 from pg_stat_replication where application_name = '$name' and sync_state in ('sync', 'quorum')"
}

# take_over PRIMARY STANDBY: what whoever watches does: five silent answers, a tenth of a second apart, are a death. The
# promoted one has no standby of its own yet, and must not wait for one.
take_over() {
    local silent=0 port
    port=$(port_of_cluster "$1")
    while [ "$silent" -lt 5 ]; do
        if as_postgres "$PG_BIN/pg_isready" --quiet --timeout=1 --host="$1" --port="$port"; then
            silent=0
        else
            silent=$((silent + 1))
        fi
        sleep 0.1
    done
    psql_on "$2" >/dev/null <<'SQL'
alter system reset synchronous_standby_names;
select pg_reload_conf();
select pg_promote();
SQL
}

# come_back OLD NEW: the old primary gives up what nobody else has, and follows.
come_back() {
    local port
    port=$(port_of_cluster "$1")
    forget_dead
    # Until its first checkpoint the new one's control file names the old timeline: pg_rewind would find nothing to do.
    on "$2" "checkpoint"
    as_postgres "$PG_BIN/pg_rewind" --target-pgdata="$1/data" --source-server="$(source_of "$2")" --write-recovery-conf \
        >"$WORK/rewind.log" 2>&1 || fatal "pg_rewind: $(tail -n 2 "$WORK/rewind.log")"
    node "$1" "$port"
    start_cluster "$1"
}

# gap_after KILLED: the seconds from then to the first acknowledged write. What is noted in the first tenth was acknowledged
# before: no death is noticed that fast.
gap_after() { awk -v t="$1" '$2 > t + 0.1 { printf "%.2f", $2 - t; exit }' "$written"; }
lines() { wc -l <"$written"; }

# --- Two servers.
make_cluster "$a" "$(free_port)"
settings "$a" <ops/failover/postgresql.conf
node "$a" "$(port_of_cluster "$a")"
start_cluster "$a"
fill_cluster "$a"
own "$b"
as_postgres "$PG_BIN/pg_basebackup" --dbname="$(source_of "$a")" --pgdata="$b/data" --checkpoint=fast --write-recovery-conf
node "$b" "$(free_port)"
start_cluster "$b"
await "$a" "$b"
good "a standby that every commit waits for"
url="postgres://crewup:$DB_PASSWORD@127.0.0.1:$(port_of_cluster "$a"),127.0.0.1:$(port_of_cluster "$b")/crewup?target_session_attrs=read-write"
start_writer "$url" "$written" 4

# --- Killed in the middle of writing.
acknowledged "$written" 500
kill_cluster "$a"
take_over "$a" "$b"
acknowledged "$written" $(($(lines) + 500))
at_most "killed to first acknowledged write, the standby being promoted" 5 "$(gap_after "$KILLED")" s
same "none of $(lines) acknowledged messages is lost" 0 "$(acknowledged_and "$b" "$written" "$LOST")"
answers "every rule holds" 0 'rules hold' rules "$b"
come_back "$a" "$b"
await "$b" "$a"
good "the old primary is the synchronous standby, by pg_rewind, while people write"

# --- The other way round, and the connection between them is cut before, so that the primary has what the standby has not.
on "$a" "alter system set primary_conninfo = ''"
on "$a" "select pg_reload_conf()" >/dev/null
# Of those who write: the drill's own sessions wait, too, when they end and their temporary tables with them.
waiting="count(*) from pg_stat_activity where wait_event = 'SyncRep' and usename = 'crewup'"
until_true 20 "four commits that wait" holds "$b" "(select $waiting) >= 4"
before=$(lines)
# It touches no row: one that is missing would leave nothing to wait for, one of the writers' would be waited for instead.
of_its_own="select pg_logical_emit_message(true, 'drill', '')"
answers "a commit without the standby is not acknowledged, nor by a statement_timeout" 124 '^$' timeout 2 "$PG_BIN/psql" --no-psqlrc \
    -c "set statement_timeout = '500ms'" -c "$of_its_own" "$(url_of "$b")" -q --tuples-only --output=/dev/null
same "and nobody else's is" "$before" "$(lines)"
kill_cluster "$b"
take_over "$b" "$a"
acknowledged "$written" $(($(lines) + 500))
at_most "killed to first acknowledged write, once more" 5 "$(gap_after "$KILLED")" s
same "none of $(lines) acknowledged messages is lost" 0 "$(acknowledged_and "$a" "$written" "$LOST")"
answers "every rule holds" 0 'rules hold' rules "$a"
come_back "$b" "$a"
await "$a" "$b"
good "the other is back as the synchronous standby, and has given up what only it had: $(grep -m 1 -oE 'servers diverged at WAL location [^ ]+' "$WORK/rewind.log")"

# --- Killed, and just started again.
kill_cluster "$a"
forget_dead
start_cluster "$a"
acknowledged "$written" $(($(lines) + 500))
# Most of it is the machine's: until it has cleared away what was killed, and the standby has found the way back.
at_most "killed to first acknowledged write, started again in its place" 15 "$(gap_after "$KILLED")" s
same "none of $(lines) acknowledged messages is lost" 0 "$(acknowledged_and "$a" "$written" "$LOST")"

# --- A lost standby, and who decides to go on without it.
kill_cluster "$b"
until_true 20 "four commits that wait" holds "$a" "(select $waiting) >= 4"
on "$a" "alter system reset synchronous_standby_names"
on "$a" "select pg_reload_conf()" >/dev/null
acknowledged "$written" $(($(lines) + 100))
good "without the standby writes wait until somebody lets them go on"
forget_dead
start_cluster "$b"
await "$a" "$b"
stop_writer
end=$(on "$a" "select pg_current_wal_lsn()")
until_true 20 "the standby at $end" holds "$b" "pg_last_wal_replay_lsn() >= '$end'"
digest "$a" >"$WORK/digest.a"
digest "$b" >"$WORK/digest.b"
same "in the end both have the same rows in every table: $(wc -l <"$WORK/digest.a") tables" "" "$(diff "$WORK/digest.a" "$WORK/digest.b" || true)"
