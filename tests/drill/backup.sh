#!/usr/bin/env bash
# The restore drill, with the very files of ops/backup: a city is filled, backed up while people write, destroyed, and restored
# to a moment and to the last; every table and every rule is looked at. And what must not pass unseen: a damaged repository,
# missing WAL, a wrong passphrase, an archive that fails. The last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/drill/lib.sh
need_pgbackrest

# In place of the shipped 45, so that the worst moment comes soon. What is measured scales with it.
: "${CREWUP_DRILL_ARCHIVE_TIMEOUT:=6}"
# What the push may take on top of it.
PUSH=15

home=$WORK/main
written=$WORK/written
repository=$home/repository

# As the README says, in the drill's folder instead of /etc and /usr/local.
install_backup() {
    own "$repository" "$home/spool" "$home/backrest-log"
    mkdir -p "$home/backrest/conf.d"
    cp ops/backup/pgbackrest.conf "$home/backrest"
    printf '[global]\nrepo1-cipher-pass=%s\n' "$(openssl rand -base64 48 | tr -d '\n')" >"$home/backrest/conf.d/cipher.conf"
    cp -r ops/backup "$home/scripts"
    cp "$CREWUP_BIN/crewup-seed" "$home/scripts"
    own "$home/backrest" "$home/scripts"
    export PGBACKREST_CONFIG_PATH=$home/backrest PGBACKREST_REPO1_PATH=$repository PGBACKREST_SPOOL_PATH=$home/spool \
        PGBACKREST_LOG_PATH=$home/backrest-log PGBACKREST_LOCK_PATH=$home/lock PGBACKREST_PG1_PATH=$home/data \
        PGBACKREST_PG1_PORT=$port PGBACKREST_PG1_SOCKET_PATH=$home PGHOST=$home PGPORT=$port PG_BIN \
        CREWUP_PG_START="'$PG_BIN/pg_ctl' start --silent --wait --pgdata='$home/data' --log='$home/log'" \
        CREWUP_REHEARSAL_DIR=$home/rehearsal CREWUP_CHECK="$home/scripts/crewup-seed check"
    settings "$home" <ops/backup/postgresql.conf
    settings "$home" <<<"archive_timeout = $CREWUP_DRILL_ARCHIVE_TIMEOUT"
}

# script NAME [ARGS..]: one of the scripts, as PostgreSQL's user.
script() { as_postgres "$home/scripts/$1.sh" "${@:2}"; }

# --- Load, back up, write more.
port=$(free_port)
make_cluster "$home" "$port"
install_backup
start_cluster "$home"
fill_cluster "$home"
answers "a repository that was not made is named" 1 'stanza-create' script backup full
as_postgres pgbackrest --stanza=crewup stanza-create
answers "no backup at all is not good" 1 'no backup yet: run backup.sh full' script verify
answers "full backup" 0 'is in the repository' script backup full
start_writer "$(url_of "$home")" "$written" 2
acknowledged "$written" 200
answers "differential backup, while people write" 0 'F_[0-9-]+D is in the repository' script backup diff
acknowledged "$written" $(($(wc -l <"$written") + 100))
stop_writer

# --- The moment to come back to.
digest "$home" >"$WORK/digest"
migrations=$(DATABASE_URL=$(url_of "$home") "$CREWUP_BIN/crewup-migrate" status)
moment=$(on "$home" "select clock_timestamp()")
epoch=$(on "$home" "select extract(epoch from timestamptz '$moment')")
start_writer "$(url_of "$home")" "$written" 2
acknowledged "$written" $(($(wc -l <"$written") + 100))

# --- Everything is in order, while people write.
answers "a running database is not overwritten" 1 'PostgreSQL runs on .*Nothing was changed' script restore latest
answers "a time without its zone is refused" 1 'with its zone' script restore "2026-11-25 20:15:00"
answers "a time before the first backup is refused" 1 'cannot be reached' script restore "2020-01-01 00:00:00Z"
answers "all is good" 0 'good: 2 backups.*everything reads back' script verify
answers "a rehearsed restore beside the running database" 0 'good: restored in .* rules hold' script rehearse
same "which leaves nothing behind" absent "$([ -e "$home/rehearsal" ] && echo there || echo absent)"

# --- Destroyed at the worst moment: when WAL is about to be archived. verify.sh had a segment archived; the next is
# archive_timeout's own doing, and so would be the one that is lost.
last=$(on "$home" "select last_archived_wal from pg_stat_archiver")
until_true $((CREWUP_DRILL_ARCHIVE_TIMEOUT + 20)) "another segment in the archive" \
    holds "$home" "last_archived_wal <> '$last' from pg_stat_archiver"
# Counted from when PostgreSQL closed that segment, which a slow push does not move. The moment is short: the next one does as well.
until_true $((3 * CREWUP_DRILL_ARCHIVE_TIMEOUT)) "the worst moment" \
    holds "$home" "now() - closed.modification > interval '$((CREWUP_DRILL_ARCHIVE_TIMEOUT - 1)) s'
        from pg_stat_archiver, pg_stat_file('pg_wal/archive_status/' || last_archived_wal || '.done', true) closed"
kill_cluster "$home"
stop_writer
forget_dead
rm -rf "$home/data"

# --- Back to the moment.
began=$EPOCHREALTIME
answers "restored to the moment" 0 'what was committed after .* is not in it' script restore "$moment"
rto=$(since "$began")
digest "$home" >"$WORK/digest.restored"
same "every table has the same rows: $(wc -l <"$WORK/digest") tables, $(awk -F'|' '{ sum += $2 } END { print sum }' "$WORK/digest") rows" \
    "" "$(diff "$WORK/digest" "$WORK/digest.restored" || true)"
same "everything acknowledged until then is there" 0 "$(acknowledged_and "$home" "$written" "$LOST and a.at <= $epoch")"
same "nothing of the $(awk -v t="$epoch" '$2 > t' "$written" | wc -l) messages after it is" 0 \
    "$(acknowledged_and "$home" "$written" "count(*) from acknowledged a join messages using (id) where a.at > $epoch")"
same "the schema is at the same migration" "$migrations" "$(DATABASE_URL=$(url_of "$home") "$CREWUP_BIN/crewup-migrate" status)"
answers "every rule holds" 0 'rules hold' rules "$home"
at_most "RTO, to the moment" 3600 "$rto" s

# --- The wrong moment, after all: on to the last commit of the old history, although a new one has begun in the archive.
start_writer "$(url_of "$home")" "$WORK/regretted"
stop_writer
on "$home" "select pg_switch_wal()" >/dev/null
until_true 20 "the new history in the archive" holds "$home" "last_archived_wal like '00000002%' from pg_stat_archiver"
kill_cluster "$home"
forget_dead
answers "what is left is not overwritten" 1 'is not empty: move it away, or .*--delta' script restore latest
began=$EPOCHREALTIME
answers "restored over it, to the last of the old history" 0 'timeline 3' script restore latest --delta --timeline current
at_most "RTO, to the last" 3600 "$(since "$began")" s
last=$(acknowledged_and "$home" "$written" "max(a.at) from acknowledged a join messages using (id)")
same "nothing is missing before the last that is there" 0 "$(acknowledged_and "$home" "$written" "$LOST and a.at < $last - 0.1")"
same "nothing of the new history is there" 0 \
    "$(acknowledged_and "$home" "$WORK/regretted" "count(*) from acknowledged a join messages using (id)")"
answers "every rule holds" 0 'rules hold' rules "$home"
at_most "RPO with archive_timeout $CREWUP_DRILL_ARCHIVE_TIMEOUT s, at its worst: last acknowledged against last found" \
    $((CREWUP_DRILL_ARCHIVE_TIMEOUT + PUSH)) "$(awk -v last="$last" '$2 > newest { newest = $2 } END { printf "%.1f", newest - last }' "$written")" s
at_most "RPO as shipped: archive_timeout and $PUSH s for the push" 60 \
    "$(($(sed -n 's/^archive_timeout = //p' ops/backup/postgresql.conf) + PUSH))" s

# --- What must not pass unseen.
answers "a full backup of the new history" 0 'is in the repository' script backup full
answers "all is good again" 0 'good: 3 backups' script verify

# spoil WHAT PATTERN FILE: verify.sh complains of the file whose 4 bytes are others, and not once it is as before.
spoil() {
    cp "$3" "$WORK/kept"
    printf 'gone' | dd of="$3" bs=1 seek=$(($(stat -c %s "$3") / 2)) conv=notrunc status=none
    answers "4 wrong bytes in $1 are found" 1 "$2" script verify
    cat "$WORK/kept" >"$3"
}
newest_full=$(ls -d "$repository"/backup/crewup/*F | tail -n 1)
segments=$(ls "$repository"/archive/crewup/15-1/*/00000001*.zst)
spoil "a backup" 'damaged .*backup.sh full' "$newest_full/bundle/1"
spoil "a segment of WAL" 'damaged .*backup.sh full' "$(sed -n 2p <<<"$segments")"

# lose WHAT PATTERN FILE: likewise, of a file that is not there.
lose() {
    mv "$3" "$WORK/kept"
    answers "$1, gone, is noticed" 1 "$2" script verify
    mv "$WORK/kept" "$3"
}
lose "a segment of WAL" 'WAL is missing before segment' "$(tail -n 2 <<<"$segments" | sed -n 1p)"
lose "the segment of WAL with which the newest backup begins" 'with which a backup begins, is missing' \
    "$(find "$repository/archive" -name '*.backup' | sort | tail -n 1 | sed 's/\.[0-9A-F]*\.backup$//' | xargs -I{} sh -c 'ls {}-*.zst')"
answers "a backup that is too old is found" 1 'h old, more than -1: .*backup.sh diff' env CREWUP_BACKUP_MAX_HOURS=-1 \
    "$BASH" -c "$(declare -f as_postgres script); home=$home; script verify"
same "nothing in the repository is readable without the passphrase" "" \
    "$(find "$repository" -type f -size +0 -exec sh -c 'head -c 8 "$1" | grep -q Salted__ || echo "$1"' _ {} \;)"

wrong='the passphrase does not open the repository'
export PGBACKREST_REPO1_CIPHER_PASS=wrong
answers "a wrong passphrase: backup" 1 "$wrong" script backup diff
answers "a wrong passphrase: verify" 1 "$wrong" script verify
answers "a wrong passphrase: rehearsal" 1 "$wrong" script rehearse
unset PGBACKREST_REPO1_CIPHER_PASS
mv "$home/backrest/conf.d/cipher.conf" "$WORK"
answers "no passphrase" 1 'there is no passphrase' script backup diff
mv "$WORK/cipher.conf" "$home/backrest/conf.d"
answers "all is good again" 0 'good: 3 backups' script verify

on "$home" "alter system set archive_command = 'false'" >/dev/null
on "$home" "select pg_reload_conf()" >/dev/null
on "$home" "create table unsent (); drop table unsent; select pg_switch_wal()" >/dev/null
until_true 20 "a failed push" holds "$home" "last_failed_time > last_archived_time from pg_stat_archiver"
export CREWUP_ARCHIVE_MAX_SECONDS=1
until_true 20 "WAL that waits for 2 s" holds "$home" \
    "min(modification) < now() - interval '2 s' from pg_ls_archive_statusdir() where name like '%.ready'"
answers "WAL that does not reach the repository is found" 1 "WAL has waited .*before its disk is full" script verify
kill_cluster "$home"
answers "a database that is down is found" 1 'PostgreSQL does not answer' script verify

# --- The timers.
mkdir "$WORK/units"
cp ops/backup/systemd/* "$WORK/units"
sed -i "s,/usr/local/lib/crewup/backup,$ROOT/ops/backup," "$WORK"/units/*.service
answers "systemd reads the units" 0 '^$' systemd-analyze verify "$WORK"/units/*
