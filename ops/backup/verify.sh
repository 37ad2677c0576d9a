#!/usr/bin/env bash
# Whether one could recover right now: PostgreSQL archives, the newest backup is young, no WAL is missing, and everything
# in the repository reads back with its checksum. One line; if it is not good, what to do, and exit 1.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A day and two hours: the daily backup may be late.
: "${CREWUP_BACKUP_MAX_HOURS:=26}"
# How long a finished WAL segment may wait for the repository, in seconds.
: "${CREWUP_ARCHIVE_MAX_SECONDS:=60}"

archiving() {
    local waiting
    ask 'select 1' >/dev/null 2>&1 || die "PostgreSQL does not answer: start it, or restore it (restore.sh)"
    waiting=$(ask "select coalesce(extract(epoch from now() - min(modification)), 0)::integer
        from pg_ls_archive_statusdir() where name like '%.ready'")
    [ "$waiting" -le "$CREWUP_ARCHIVE_MAX_SECONDS" ] \
        || die "WAL has waited $waiting s for the repository: PostgreSQL's log says why, before its disk is full"
    # Has PostgreSQL finish a segment, and waits until it is in the repository.
    backrest check
}

# young INFO
young() {
    local end age
    end=$(ends "$1" | tail -n 1)
    [ -n "$end" ] || die "there is no backup yet: run backup.sh full"
    age=$((($(date +%s) - end) / 60))
    [ "$age" -le $((CREWUP_BACKUP_MAX_HOURS * 60)) ] \
        || die "the newest backup is $((age / 60)) h old, more than $CREWUP_BACKUP_MAX_HOURS: see journalctl -u crewup-backup-diff, and run backup.sh diff"
    ! grep -q '"error":true' <<<"$1" \
        || die "a backup holds a page with a wrong checksum: pgbackrest info --set=LABEL names the file; the database's disk may be failing"
    AGE=$(awk "BEGIN { printf \"%.1f\", $age / 60 }")
}

# gapless INFO: pgBackRest looks at the segments that are there, and misses none. A missing one ends every recovery there.
gapless() {
    local start missing
    backrest repo-ls --recurse "archive/$STANZA"
    { grep -oE '[0-9A-F]{24}-[0-9a-f]{40}' <<<"$OUTPUT" || true; } | cut -c1-24 | sort -u >"$SEGMENTS"
    for start in $(grep -oE '"archive":\{"start":"[0-9A-F]+"' <<<"$1" | cut -d'"' -f6); do
        grep -q "$start" "$SEGMENTS" || die "WAL segment $start, with which a backup begins, is missing: run backup.sh full, and look after the repository"
    done
    missing=$(after_a_gap <"$SEGMENTS")
    [ -z "$missing" ] || die "WAL is missing before segment $missing: one cannot go to a moment after it from before; run backup.sh full, and look after the repository"
}

# The first segment whose predecessor on the same timeline is missing. A name is timeline, log and segment, 256 to a log.
after_a_gap() {
    local name line number last= before=
    while read -r name; do
        line=${name:0:8} number=$((16#${name:8:8} * 256 + 16#${name:16:8}))
        if [ "$line" = "$last" ] && [ "$number" != $((before + 1)) ]; then echo "$name"; return; fi
        last=$line before=$number
    done
}

# It answers 0 whatever it finds, and an error only for what it cannot unpack.
reads_back() {
    local code=0
    OUTPUT=$(pgbackrest --stanza="$STANZA" verify --output=text --verbose 2>&1) || code=$?
    explain "$OUTPUT"
    [ "$code" = 0 ] && grep -q '^status: ok' <<<"$OUTPUT" && ! grep -qE 'status: invalid|(missing|invalid|other): [1-9]' <<<"$OUTPUT" \
        || die "the repository is damaged ($(grep -m 1 -oE 'ERROR: .*|backup: .* status: invalid|(missing|checksum invalid|size invalid|other): [1-9][0-9]*' <<<"$OUTPUT" || echo "verify: $code")): run backup.sh full now, keep the rest, and have its disk examined"
}

SEGMENTS=$(mktemp)
trap 'rm -f "$SEGMENTS"' EXIT
archiving
backrest info --output=json
info=$OUTPUT
young "$info"
gapless "$info"
reads_back
say "good: $(labels "$info" | wc -l) backups, the newest $AGE h old; $(wc -l <"$SEGMENTS") segments of WAL without a gap, the last just now; everything reads back"
