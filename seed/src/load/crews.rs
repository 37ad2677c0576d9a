//! Crews, their members and their chat.

use super::copy;
use crate::Failure;
use crate::city::City;
use crate::rows::Rows;
use sqlx::postgres::PgConnection;

/// Writes them; answers how many crews and messages there are.
pub(super) async fn load(conn: &mut PgConnection, city: &City) -> Result<(u64, u64), Failure> {
    let (mut groups, mut seats, mut members) = (Rows::new(9), Rows::new(5), Rows::new(5));
    let (mut marks, mut messages, mut timeline) = (Rows::new(4), Rows::new(7), Rows::new(6));
    for crew in &city.crews {
        let last = crew.timeline.len() as i64;
        groups
            .row()
            .uuid(crew.id)
            .uuid(city.events[crew.event].id)
            .text(crew.name)
            .optional(crew.description, Rows::text)
            .int(crew.most)
            .bool(crew.private)
            .time(crew.created_at)
            .time(crew.created_at)
            .long(1);
        let changed = crew.members.iter().map(|member| member.joined_at).max().unwrap_or(crew.created_at);
        seats.row().uuid(crew.id).int(crew.most).int(crew.members.len() as i32).long(last).time(changed);
        for (at, member) in crew.members.iter().enumerate() {
            let person = city.people[member.person].id;
            members.row().uuid(crew.id).uuid(person).time(member.joined_at).bool(at == 0).time(member.joined_at);
            marks.row().uuid(crew.id).uuid(person).long(member.read).time(member.joined_at);
        }
        for (number, entry) in (1..).zip(&crew.timeline) {
            let person = city.people[entry.person].id;
            match &entry.message {
                Some(message) => messages
                    .row()
                    .uuid(message.id)
                    .uuid(crew.id)
                    .uuid(person)
                    .text(message.content)
                    .long(number)
                    .time(entry.at)
                    .time(entry.at),
                None => timeline
                    .row()
                    .uuid(crew.id)
                    .long(number)
                    .text("member_joined")
                    .uuid(person)
                    .text(if number == 1 { "admin" } else { "member" })
                    .time(entry.at),
            };
        }
    }
    let columns = "groups (id, event_id, name, description, max_members, is_private, created_at, updated_at, revision)";
    let crews = copy(conn, columns, groups).await?;
    copy(conn, "group_seats (group_id, capacity, members, last_sequence, updated_at)", seats).await?;
    copy(conn, "group_members (group_id, user_id, joined_at, is_admin, updated_at)", members).await?;
    copy(conn, "read_marks (group_id, user_id, sequence, updated_at)", marks).await?;
    let columns = "messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)";
    let written = copy(conn, columns, messages).await?;
    copy(conn, "timeline (group_id, sequence, kind, user_id, detail, created_at)", timeline).await?;
    Ok((crews, written))
}
