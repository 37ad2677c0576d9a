//! Crews and chat.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "G1",
        says: "a crew has a name of 1 to 255 characters, 2 to 50 places, and no message from before it was made",
        violated_by: "select g.id::text from groups g
            where g.name <> btrim(g.name) or char_length(g.name) not between 1 and 255 or g.name ~ '[[:cntrl:]]'
               or g.max_members not between 2 and 50
               or exists (select from messages m where m.group_id = g.id and m.sent_at < g.created_at)
            limit 1",
    },
    Rule {
        id: "G2",
        says: "who is in a crew is going to its event, unless the event is cancelled or over",
        violated_by: "select m.group_id || ' ' || m.user_id from group_members m
            join groups g on g.id = m.group_id
            join events e on e.id = g.event_id
            where not e.is_cancelled and crewup.effective_end(e.event_start, e.event_end) > crewup.now()
              and not exists (
                select from event_attendees a
                where a.event_id = e.id and a.user_id = m.user_id and a.status = 'going')
              and not exists (
                select from outbox_claims c
                where c.consumer = 'group' and (c.key = e.id and c.subject = m.user_id or c.key = m.user_id))
            limit 1",
    },
    Rule {
        id: "G6",
        says: "a crew with members has an admin, and one without any is archived",
        violated_by: "select g.id::text from groups g
            where (g.archived_at is null) <> exists (
                select from group_members m where m.group_id = g.id and m.is_admin
            ) limit 1",
    },
    Rule {
        id: "G8",
        says: "nobody who is banned from a crew is a member of it, or asks to be",
        violated_by: "select b.group_id || ' ' || b.user_id from group_bans b
            where exists (select from group_members m where m.group_id = b.group_id and m.user_id = b.user_id)
               or exists (select from group_requests r
                          where r.group_id = b.group_id and r.user_id = b.user_id and r.state = 'pending')
            limit 1",
    },
    Rule {
        id: "G12",
        says: "the number of members is the number of rows, and at most the places",
        violated_by: "select g.id::text from groups g
            left join group_seats s on s.group_id = g.id
            left join (select m.group_id, count(*) as members from group_members m group by m.group_id) m
                on m.group_id = g.id
            where s.members is distinct from coalesce(m.members, 0) or s.members > s.capacity
            limit 1",
    },
    Rule {
        id: "C1",
        says: "a message that is not deleted has 1 to 2000 characters and nothing to trim",
        violated_by: "select m.id::text from messages m
            where m.deleted_at is null and (m.content <> btrim(m.content) or char_length(m.content) not between 1 and 2000)
            limit 1",
    },
    Rule {
        id: "C2",
        says: "the entries of a crew, messages and others, are numbered without a gap or a double, from 1 or from what is forgotten",
        violated_by: "select s.group_id::text from group_seats s
            left join (
                select x.group_id, count(*) as entries, count(distinct x.sequence) as numbers, max(x.sequence) as last
                from (
                    select m.group_id, m.sequence from messages m
                    union all
                    select t.group_id, t.sequence from timeline t
                ) x
                join group_seats f on f.group_id = x.group_id and f.forgotten_sequence < x.sequence
                group by x.group_id
            ) n on n.group_id = s.group_id
            cross join lateral (select s.last_sequence - s.forgotten_sequence as kept) k
            where (k.kept, k.kept, s.last_sequence)
                is distinct from (coalesce(n.entries, 0), coalesce(n.numbers, 0), coalesce(n.last, s.forgotten_sequence))
            limit 1",
    },
    Rule {
        id: "C9",
        says: "nothing is left of a deleted message",
        violated_by: "select m.id::text from messages m where m.deleted_at is not null and m.content <> '' limit 1",
    },
    Rule {
        id: "C10",
        says: "nobody has read beyond the end",
        violated_by: "select k.group_id || ' ' || k.user_id from read_marks k
            join group_seats s on s.group_id = k.group_id
            where k.sequence > s.last_sequence limit 1",
    },
];
