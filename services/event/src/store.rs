//! The SQL of the event service, by what it is about.

pub(crate) mod attendees;
pub(crate) mod events;
pub(crate) mod invitations;
pub(crate) mod lists;
pub(crate) mod search;
pub(crate) mod seats;

/// Events as a person sees them: `seen!(viewer, all_private, "rest of the query", more arguments)`. The columns and the
/// condition of E20 are written once; `$1` and `$2` are taken. `seen!(from "function", ..)` reads from another function
/// that answers the same row. `seen!(found viewer, "page", ..)` reads the events of a page that is found as `id`, `key`
/// and `meters`, in that order. `seen!(each viewers, events)` answers each event as the viewer at its place sees it, with the viewer.
macro_rules! seen {
    ($viewer:expr, $all_private:expr, $rest:literal $(, $argument:expr)* $(,)?) => {
        $crate::store::seen!(from "crewup.events_seen_by($1, $2)", $viewer, $all_private, $rest $(, $argument)*)
    };
    (from $from:literal, $viewer:expr, $all_private:expr, $rest:literal $(, $argument:expr)* $(,)?) => {
        $crate::store::seen!(
            @query_as [$crate::model::Event,] "", [$from " e " $rest] $viewer.0, $all_private $(, $argument)*
        )
    };
    // Offset keeps the planner from joining the page with all events, of which it then takes the few.
    (found $viewer:expr, $page:literal $(, $argument:expr)* $(,)?) => {
        $crate::store::seen!(
            @query [] r#", f.key as "key!", f.meters"#,
            ["(" $page ") f cross join lateral (
                  select x.* from crewup.events_seen_by($1, $2) x where x.id = f.id offset 0
              ) e order by f.key, f.id"]
            $viewer.0, false $(, $argument)*
        )
        .map(|row| $crate::store::search::Found {
            key: row.key,
            meters: row.meters,
            event: $crate::store::seen!(@gather row),
        })
    };
    (each $viewers:expr, $events:expr) => {
        $crate::store::seen!(
            @query [] r#", v.viewer as "viewer!: crewup_shared::id::UserId""#,
            ["unnest($1::uuid[], $2::uuid[]) v (viewer, event) cross join lateral (
                  select x.* from crewup.events_seen_by(v.viewer, false) x where x.id = v.event offset 0
              ) e"]
            $viewers, $events
        )
        .map(|row| (row.viewer, $crate::store::seen!(@gather row)))
    };
    // The macros of sqlx know flat rows only: the fields of the event are gathered here. One forgotten does not build.
    (@gather $row:ident) => {
        $crate::store::seen!(@gather $row
            id creator_id name description event_type address latitude longitude event_start event_end effective_end
            time_zone max_attendees waitlist_enabled is_public is_cancelled created_at updated_at revision capacity
            going interested waiting my_status my_position has_guests now)
    };
    (@gather $row:ident $($field:ident)+) => { $crate::model::Event { $($field: $row.$field),* } };
    (@$ask:ident [$($into:tt)*] $more:literal, [$($from:literal)+] $($argument:expr),*) => {
        sqlx::$ask!(
            $($into)*
            r#"select e.id as "id!: crewup_shared::id::EventId", e.creator_id as "creator_id!: crewup_shared::id::UserId",
                      e.name as "name!", e.description, e.event_type, e.address as "address!", e.latitude, e.longitude,
                      e.event_start as "event_start!", e.event_end, e.effective_end as "effective_end!",
                      e.time_zone as "time_zone!", e.max_attendees, e.waitlist_enabled as "waitlist_enabled!",
                      e.is_public as "is_public!", e.is_cancelled as "is_cancelled!", e.created_at as "created_at!",
                      e.updated_at as "updated_at!", e.revision as "revision!", e.capacity, e.going as "going!",
                      e.interested as "interested!", e.waiting as "waiting!", e.my_status, e.my_position,
                      e.has_guests as "has_guests!", e.now as "now!""# + $more + " from " $(+ $from)+,
            $($argument),*
        )
    };
}
pub(crate) use seen;
