#!/usr/bin/env bash
# restore.sh latest|TIME [--delta] [--timeline current|N]: the database as it was, in the place of the one that is gone.
#   latest      all that is in the repository
#   TIME        everything that was committed until then, and nothing later: "2026-11-25 20:15:00+01", with its zone
#   --delta     over what is left of the old data: fetches only what differs
#   --timeline  after a restore to the wrong TIME: "current" follows the history that the backup belongs to, not the one
#               that began with that restore
# Starts PostgreSQL by CREWUP_PG_START, and ends when it takes writes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

: "${CREWUP_PG_START:=pg_ctlcluster 15 main start}"
# The RTO. A restore that takes longer goes on, but nobody watches it any more.
: "${CREWUP_RTO_SECONDS:=3600}"

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64; }

DATA=${PGBACKREST_PG1_PATH:-$(sed -n 's/^pg1-path=//p' "${PGBACKREST_CONFIG_PATH:-/etc/pgbackrest}/pgbackrest.conf")}
target=${1:-}
[ -n "$target" ] || usage
shift
options=()
delta=
while [ $# -gt 0 ]; do
    case "$1" in
        --delta) delta=1; options+=(--delta); shift ;;
        --timeline) options+=(--target-timeline="${2:?}"); shift 2 ;;
        *) usage ;;
    esac
done

# Sets AT, the time as PostgreSQL reads it, and refuses what cannot be reached.
parse_time() {
    local first
    [[ $1 =~ (Z|[+-][0-9]{2}(:?[0-9]{2})?)$ ]] || die "write the time with its zone: \"2026-11-25 20:15:00+01\""
    AT=$(date -u -d "$1" '+%Y-%m-%d %H:%M:%S.%6N+00' 2>/dev/null) || die "\"$1\" is no time: \"2026-11-25 20:15:00+01\""
    [ "$(date -d "$AT" +%s)" -le "$(date +%s)" ] || die "$AT is yet to come: use latest"
    backrest info --output=json
    first=$(ends "$OUTPUT" | sed -n 1p)
    [ -n "$first" ] || die "there is no backup in the repository"
    # pgBackRest would take the newest backup, and PostgreSQL would refuse it after all was copied.
    [ "$(date -d "$AT" +%s)" -ge "$first" ] || die "the oldest backup ended at $(date -u -d "@$first" '+%F %T+00'): $AT cannot be reached"
    options+=(--type=time --target="$AT" --target-action=promote)
}

refuse_to_overwrite() {
    ! "$PG_BIN/pg_ctl" status --pgdata="$DATA" >/dev/null 2>&1 \
        || die "PostgreSQL runs on $DATA: stop it first, if it is really to be replaced. Nothing was changed"
    if [ -n "$(ls -A "$DATA" 2>/dev/null)" ]; then
        [ -n "$delta" ] || die "$DATA is not empty: move it away, or restore over it with --delta. Nothing was changed"
        # Left by a server that was killed; pg_ctl has looked whether it lives.
        rm -f "$DATA/postmaster.pid"
    fi
    mkdir -p "$DATA"
    chmod 700 "$DATA"
}

# Until recovery is over, or the server.
wait_for_writes() {
    local until=$((SECONDS + CREWUP_RTO_SECONDS))
    until [ "$(ask 'select pg_is_in_recovery()' 2>/dev/null)" = f ]; do
        "$PG_BIN/pg_ctl" status --pgdata="$DATA" >/dev/null 2>&1 || die "PostgreSQL gave up while recovering: its log says why"
        [ $SECONDS -lt $until ] || die "still recovering after $CREWUP_RTO_SECONDS s: it goes on; psql -c 'select pg_is_in_recovery()' says f when it is done"
        sleep 0.1
    done
}

AT=
[ "$target" = latest ] || parse_time "$target"
refuse_to_overwrite
began=$SECONDS
backrest restore "${options[@]}" --log-level-console=info
set_used=$(grep -oE 'restore backup set [^ ,]+' <<<"$OUTPUT" | cut -d' ' -f4)
fetched=$SECONDS
# A long recovery outlasts what a start waits for: not its answer counts, but whether the server lives.
PGCTLTIMEOUT=$CREWUP_RTO_SECONDS bash -c "$CREWUP_PG_START" >/dev/null 2>&1 || true
wait_for_writes
say "$DATA is backup $set_used and the WAL after it; $(ask "select coalesce('last commit at ' || pg_last_xact_replay_timestamp(), 'nothing was committed since the backup')")"
say "timeline $(ask 'select timeline_id from pg_control_checkpoint()'); fetched in $((fetched - began)) s, replayed and open for writes after $((SECONDS - began)) s"
[ -z "$AT" ] || say "what was committed after $AT is not in it"
say "next: backup.sh full, so that the new timeline has a backup of its own"
