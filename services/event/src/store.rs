//! The SQL of the event service, by what it is about.

pub(crate) mod attendees;
pub(crate) mod events;
pub(crate) mod invitations;
pub(crate) mod lists;
pub(crate) mod search;
pub(crate) mod seats;

/// Events as a person sees them: `seen!(viewer, all_private, "rest of the query", more arguments)`. The columns and the
/// condition of E20 are written once; `$1` and `$2` are taken. `seen!(from "function", ..)` reads from another function
/// that answers the same row.
macro_rules! seen {
    ($viewer:expr, $all_private:expr, $rest:literal $(, $argument:expr)* $(,)?) => {
        $crate::store::seen!(from "crewup.events_seen_by($1, $2)", $viewer, $all_private, $rest $(, $argument)*)
    };
    (from $from:literal, $viewer:expr, $all_private:expr, $rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::model::Event,
            r#"select e.id as "id!: crewup_shared::id::EventId", e.creator_id as "creator_id!: crewup_shared::id::UserId",
                      e.name as "name!", e.description, e.event_type, e.address as "address!", e.latitude, e.longitude,
                      e.event_start as "event_start!", e.event_end, e.effective_end as "effective_end!",
                      e.time_zone as "time_zone!", e.max_attendees, e.waitlist_enabled as "waitlist_enabled!",
                      e.is_public as "is_public!", e.is_cancelled as "is_cancelled!", e.created_at as "created_at!",
                      e.updated_at as "updated_at!", e.revision as "revision!", e.capacity, e.going as "going!",
                      e.interested as "interested!", e.waiting as "waiting!", e.my_status, e.my_position,
                      e.has_guests as "has_guests!", e.now as "now!"
               from "# + $from + " e " + $rest,
            $viewer.0,
            $all_private
            $(, $argument)*
        )
    };
}
pub(crate) use seen;
