//! The SQL of the safety service, by what it is about.

pub(crate) mod alerts;
pub(crate) mod due;
pub(crate) mod lists;
pub(crate) mod places;
pub(crate) mod raise;
pub(crate) mod recipients;

/// Alerts as a person sees them: `seen!("function of $1, $2 ..", "rest of the query", arguments)`. The columns are written
/// once.
macro_rules! seen {
    ($from:literal, $rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::model::Alert,
            r#"select a.id as "id!: crewup_shared::id::AlertId", a.user_id as "user_id!: crewup_shared::id::UserId",
                      a.first_name as "first_name!", a.last_name as "last_name!", a.state as "state!", a.level as "level!",
                      a.next_level_at, a.publish_count as "publish_count!", a.revision as "revision!", a.excluded_group_ids as "excluded_group_ids!",
                      a.excluded_user_ids as "excluded_user_ids!", a.created_at as "created_at!",
                      a.updated_at as "updated_at!", a.expires_at as "expires_at!", a.closed_at,
                      a.resolved_by as "resolved_by: crewup_shared::id::UserId", a.resolver_first_name,
                      a.resolver_last_name, a.resolved_as, a.reason, a.alert_type as "alert_type!", a.message, a.latitude,
                      a.longitude, a.accuracy_meters, a.recorded_at,
                      a.crews as "crews!: sqlx::types::Json<Vec<crate::model::CrewRow>>",
                      a.recipients as "recipients!: sqlx::types::Json<Vec<crate::model::RecipientRow>>", a.my_kind,
                      a.i_lead as "i_lead!", a.my_answer
               from "# + $from + " a " + $rest
            $(, $argument)*
        )
    };
}
pub(crate) use seen;
