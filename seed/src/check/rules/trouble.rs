//! Alerts, bans and reports.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "S2",
        says: "an alert has a row for at least one crew, all of its sender and closed together",
        violated_by: "select b.id::text from alert_batches b
            where not exists (select from safety_alerts a where a.batch_id = b.id)
               or exists (
                select from safety_alerts a
                where a.batch_id = b.id
                  and (a.user_id <> b.user_id or (a.resolved_at is not null) <> (b.state = 'resolved')))
            limit 1",
    },
    Rule {
        id: "S6",
        says: "nobody is a recipient of an alert of one's own, or of one from which one was left out",
        violated_by: "select r.batch_id || ' ' || r.user_id from alert_recipients r
            join alert_batches b on b.id = r.batch_id
            where r.user_id = b.user_id and r.answer is not null
               or exists (select from crewup.recipients_of(b.id) o
                          where o.user_id = b.user_id or o.user_id = any(b.excluded_user_ids))
            limit 1",
    },
    Rule {
        id: "M2",
        says: "the versions of a ban are of one person, and only the last of them is open",
        violated_by: "select b.id::text from bans b
            join bans r on r.id = b.root_id
            where r.user_id <> b.user_id or r.root_id <> r.id
               or b.ended_at is null and exists (
                select from bans n where n.root_id = b.root_id and (n.created_at, n.id) > (b.created_at, b.id))
            limit 1",
    },
    Rule {
        id: "M3",
        says: "is_banned says whether a ban is open",
        violated_by: "select u.id::text from users u
            where u.is_banned <> exists (select from bans b where b.user_id = u.id and b.ended_at is null)
            limit 1",
    },
    Rule {
        id: "M5",
        says: "who is banned without an end has no seat in what is to come, and is in no crew of it",
        violated_by: "select b.user_id::text from api_bans b
            where b.expires_at is null
              and not exists (select from outbox_claims c where c.key = b.user_id)
              and (
                exists (
                    select from event_attendees a
                    join events e on e.id = a.event_id
                    where a.user_id = b.user_id and a.status = 'going' and not e.is_cancelled
                      and crewup.effective_end(e.event_start, e.event_end) > crewup.now())
                or exists (
                    select from group_members m
                    join groups g on g.id = m.group_id
                    join events e on e.id = g.event_id
                    where m.user_id = b.user_id
                      and crewup.effective_end(e.event_start, e.event_end) > crewup.now()))
            limit 1",
    },
    Rule {
        id: "M6",
        says: "nobody has two open reports of one thing, or reports one's own",
        violated_by: "select min(r.id::text) from reports r
            where r.closed_at is null
            group by r.reporter_id, r.object_kind, r.object_id
            having count(*) > 1 or bool_or(r.owner_id = r.reporter_id)
            limit 1",
    },
    Rule {
        id: "M10",
        // One that was carried over from elsewhere (ADR 20) has its own person for its maker.
        says: "every ban that a moderator made and every report that was closed is in the log",
        violated_by: "select x.id::text from (
                select b.root_id as id from bans b where b.created_by is distinct from b.user_id
                union all
                select r.id from reports r where r.closed_at is not null and r.closed_by is not null
            ) x
            where not exists (select from moderation_log l where l.target_id = x.id)
            limit 1",
    },
];
