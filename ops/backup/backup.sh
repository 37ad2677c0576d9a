#!/usr/bin/env bash
# backup.sh full|diff: makes a backup, and lets go of what is too old. full: everything. diff: what changed since the
# last full one; where there is none, pgBackRest makes a full one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

kind=${1:-}
case "$kind" in
    full | diff) ;;
    *) say "unknown: '$kind' (backup.sh full, or backup.sh diff)" >&2; exit 64 ;;
esac

began=$SECONDS
backrest backup --type="$kind"
backrest info --output=json
newest=$(labels "$OUTPUT" | tail -n 1)
if grep -q '"error":true' <<<"$OUTPUT"; then
    die "$newest holds a page with a wrong checksum: pgbackrest info --set=$newest names the file; the database's disk may be failing"
fi
say "$newest is in the repository, after $((SECONDS - began)) s"
