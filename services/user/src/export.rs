//! Everything that the system holds on a person (U7), by what each owner of tables publishes.

use crewup_proto::user::ExportMeResponse;
use crewup_shared::snapshot::SnapshotRow;

/// ExportMe: the person, then what the person did, then what is kept for retries.
pub(crate) const EVERYTHING: &str = "declare snapshot no scroll cursor for
    select x.table_name, x.row_json::text as row_json from crewup.api_export_user($1) x
    union all
    select x.table_name, x.row_json::text from crewup.api_export_event($1) x
    union all
    select x.table_name, x.row_json::text from crewup.api_export_group($1) x
    union all
    select x.table_name, x.row_json::text from crewup.api_export_safety($1) x
    union all
    select x.table_name, x.row_json::text from crewup.api_export_moderation($1) x
    union all
    select x.table_name, x.row_json::text from crewup.api_export_shared($1) x";

/// One row, for the wire.
pub(crate) fn row(row: SnapshotRow) -> ExportMeResponse {
    ExportMeResponse { table: row.table_name, row_json: row.row_json }
}
