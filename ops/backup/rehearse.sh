#!/usr/bin/env bash
# A restore that nobody needs: the newest state of the repository into a folder beside the database, every page and index
# checked, the time taken, everything removed. The running database is not touched; the disk needs room for a second one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

: "${CREWUP_REHEARSAL_DIR:=/var/lib/postgresql/rehearsal}"
: "${CREWUP_RTO_SECONDS:=3600}"
# A command that looks at the rows, with DATABASE_URL set, such as "crewup-seed check". Empty: none.
: "${CREWUP_CHECK:=}"
DIR=$CREWUP_REHEARSAL_DIR

[ ! -e "$DIR" ] || die "$DIR is there already: if no rehearsal runs, remove it"
mkdir -p "$DIR"
chmod 700 "$DIR"
stop() { "$PG_BIN/pg_ctl" stop --silent --wait --mode="$1" --pgdata="$DIR/data" >/dev/null 2>&1; }
clean_up() { stop immediate || true; rm -rf "$DIR"; }
trap clean_up EXIT
trap 'exit 143' INT TERM

# A lock of its own and one process: the running database archives meanwhile. These reach archive-get, too.
export PGBACKREST_PG1_PATH=$DIR/data PGBACKREST_LOCK_PATH=$DIR/lock PGBACKREST_ARCHIVE_ASYNC=n
export PGHOST=$DIR PGPORT=5432

# Small, on no network, for nobody else; by the command line, which wins over what ALTER SYSTEM left. Without hot_standby its
# limits may be lower than the original's.
start() {
    : >"$DIR/postgresql.conf"
    echo 'local all all trust' >"$DIR/pg_hba.conf"
    "$PG_BIN/pg_ctl" start --silent --wait --timeout="$CREWUP_RTO_SECONDS" --pgdata="$DIR/data" --log="$DIR/log" \
        -o "-c config_file=$DIR/postgresql.conf -c hba_file=$DIR/pg_hba.conf -c listen_addresses='' -k $DIR -p $PGPORT" \
        -o "-c hot_standby=off -c archive_mode=off -c shared_buffers=128MB -c max_connections=20 -c logging_collector=off" \
        -o "-c shared_preload_libraries='' -c synchronous_standby_names=''" \
        || die "PostgreSQL does not start on what was restored: $(tail -n 2 "$DIR/log" | tr '\n' ' ')"
    until [ "$(ask 'select pg_is_in_recovery()' 2>/dev/null)" = f ]; do
        "$PG_BIN/pg_ctl" status --pgdata="$DIR/data" >/dev/null || die "recovery ended badly: $(tail -n 2 "$DIR/log" | tr '\n' ' ')"
        [ $((SECONDS - began)) -lt "$CREWUP_RTO_SECONDS" ] || die "the restore takes longer than the RTO of $CREWUP_RTO_SECONDS s: more process-max, or a faster repository"
        sleep 0.1
    done
}

began=$SECONDS
backrest restore --archive-mode=off
start
took=$((SECONDS - began))
behind=$(ask "select greatest(coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp())::integer - $took, 0), 0)")
[ "$took" -le "$CREWUP_RTO_SECONDS" ] || die "the restore took $took s, longer than the RTO of $CREWUP_RTO_SECONDS: more process-max, or a faster repository"

checked=
"$PG_BIN/pg_amcheck" --username=postgres --database=crewup --install-missing >"$DIR/amcheck" 2>&1 \
    || die "a table or an index is damaged: $(head -n 1 "$DIR/amcheck"). The backup copied it so: look at the database itself (pg_amcheck)"
if [ -n "$CREWUP_CHECK" ]; then
    answer=$(DATABASE_URL=postgres://postgres@$(sed 's,/,%2F,g' <<<"$DIR"):$PGPORT/crewup bash -c "$CREWUP_CHECK" 2>&1) \
        || die "the rows break a rule: $answer"
    checked=", $answer"
fi
migration=$(psql --no-psqlrc -U postgres -d crewup -Atc 'select max(version) from _sqlx_migrations where success')
# Reads every page of every file, also of what no index leads to.
stop fast || die "the copy could not be stopped"
"$PG_BIN/pg_checksums" --check --pgdata="$DIR/data" >"$DIR/checksums" 2>&1 \
    || die "pages are damaged: $(head -n 1 "$DIR/checksums")"
say "good: restored in $took s (RTO $CREWUP_RTO_SECONDS s), last commit $behind s before it began; migration $migration, tables, indexes and pages are sound$checked"
