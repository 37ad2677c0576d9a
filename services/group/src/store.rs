//! The SQL of the group service, by what it is about.

pub(crate) mod bans;
pub(crate) mod crews;
pub(crate) mod events;
pub(crate) mod invitations;
pub(crate) mod lists;
pub(crate) mod members;
pub(crate) mod messages;
pub(crate) mod people;
pub(crate) mod requests;
pub(crate) mod search;
pub(crate) mod timeline;

/// Crews as a person sees them: `seen!(viewer, all_private, "rest of the query", more arguments)`. The columns and the
/// condition of G3 are written once; `$1` and `$2` are taken. `seen!(from "function", ..)` reads from another function
/// that answers the same row. `seen!(found viewer, "page", ..)` reads the crews of a page that is found as `id` and
/// `key`, in that order.
macro_rules! seen {
    ($viewer:expr, $all_private:expr, $rest:literal $(, $argument:expr)* $(,)?) => {
        $crate::store::seen!(from "crewup.crews_seen_by($1, $2)", $viewer, $all_private, $rest $(, $argument)*)
    };
    (from $from:literal, $viewer:expr, $all_private:expr, $rest:literal $(, $argument:expr)* $(,)?) => {
        $crate::store::seen!(
            @query_as [$crate::model::Crew,] "", [$from " c " $rest] $viewer.0, $all_private $(, $argument)*
        )
    };
    // The macros of sqlx know flat rows only: the fields of the crew are gathered here. One forgotten does not build.
    // Offset keeps the planner from joining the page with all crews, of which it then takes the few.
    (found $viewer:expr, $page:literal $(, $argument:expr)* $(,)?) => {
        $crate::store::seen!(
            @query [] r#", f.key as "key!""#,
            ["(" $page ") f cross join lateral (
                  select x.* from crewup.crews_seen_by($1, $2) x where x.id = f.id offset 0
              ) c order by f.key, f.id"]
            $viewer.0, false $(, $argument)*
        )
        .map(|row| {
            $crate::store::seen!(@gather row
                id event_id name description max_members is_private created_at updated_at archived_at archived_by revision
                capacity members last_sequence effective_end event_cancelled_at admin_ids admin_first_names
                admin_last_names my_joined_at my_is_admin my_ban_at my_request_id my_read_sequence my_unread i_am_going
                now)
        })
    };
    (@gather $row:ident $($field:ident)*) => {
        $crate::store::search::Found { crew: $crate::model::Crew { $($field: $row.$field),* }, key: $row.key }
    };
    (@$ask:ident [$($into:tt)*] $more:literal, [$($from:literal)+] $($argument:expr),*) => {
        sqlx::$ask!(
            $($into)*
            r#"select c.id as "id!: crewup_shared::id::GroupId", c.event_id as "event_id!: crewup_shared::id::EventId",
                      c.name as "name!", c.description, c.max_members as "max_members!", c.is_private as "is_private!",
                      c.created_at as "created_at!", c.updated_at as "updated_at!", c.archived_at,
                      c.archived_by as "archived_by: crewup_shared::id::UserId", c.revision as "revision!",
                      c.capacity as "capacity!", c.members as "members!", c.last_sequence as "last_sequence!",
                      c.effective_end as "effective_end!", c.event_cancelled_at,
                      c.admin_ids as "admin_ids: Vec<crewup_shared::id::UserId>", c.admin_first_names,
                      c.admin_last_names, c.my_joined_at, c.my_is_admin as "my_is_admin!", c.my_ban_at,
                      c.my_request_id as "my_request_id: crewup_shared::id::JoinRequestId", c.my_read_sequence,
                      c.my_unread, c.i_am_going as "i_am_going!", c.now as "now!""# + $more + " from " $(+ $from)+,
            $($argument),*
        )
    };
}
pub(crate) use seen;
