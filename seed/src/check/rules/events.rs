//! Events, answers, ratings and people.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "E1",
        says: "an event has a name of 1 to 255 characters without control characters, an address, a place in range or \
               none, at least 2 seats, a time zone that exists, and lasts at most 7 days",
        violated_by: "select e.id::text from events e
            where e.name <> btrim(e.name) or char_length(e.name) not between 1 and 255 or e.name ~ '[[:cntrl:]]'
               or btrim(e.address) = '' or num_nulls(e.latitude, e.longitude) = 1
               or e.latitude not between -90 and 90 or e.longitude not between -180 and 180
               or e.max_attendees < 2
               or e.event_end <= e.event_start or e.event_end > e.event_start + interval '168 hours'
               or e.time_zone not in (select z.name from pg_timezone_names z)
            limit 1",
    },
    Rule {
        id: "E1",
        says: "an event starts at least 30 minutes after it was made, and at most 365 days after its last edit",
        violated_by: "select e.id::text from events e
            where e.event_start < e.created_at + interval '30 minutes'
               or e.event_start > e.updated_at + interval '8760 hours'
            limit 1",
    },
    // A second more: what committed between the beginning of this transaction and its snapshot is seen too.
    Rule {
        id: "E4",
        says: "nothing was made in the future",
        violated_by: "select x.id from (
                select u.id::text, u.created_at from users u
                union all select e.id::text, greatest(e.created_at, e.cancelled_at) from events e
                union all select a.event_id || ' ' || a.user_id, greatest(a.created_at, a.updated_at)
                    from event_attendees a
                union all select w.event_id || ' ' || w.user_id, w.created_at from event_waitlist w
                union all select g.event_id || ' ' || g.user_id, g.created_at from event_access g
                union all select r.id::text, r.created_at from ratings r
                union all select b.blocker_id || ' ' || b.blocked_id, b.created_at from user_blocks b
            ) x
            where x.created_at > crewup.now() + interval '1 second' limit 1",
    },
    Rule {
        id: "E8",
        says: "an event has a row of seats, and its capacity is that of the event (an adopted one may hold more)",
        violated_by: "select e.id::text from events e left join event_seats s on s.event_id = e.id
            where s.event_id is null or (s.capacity is null) <> (e.max_attendees is null)
               or s.capacity < e.max_attendees
            limit 1",
    },
    Rule {
        id: "E8",
        says: "the number of going never exceeds the capacity",
        violated_by: "select s.event_id::text from event_seats s
            where s.capacity < (
                select count(*) from event_attendees a where a.event_id = s.event_id and a.status = 'going'
            ) limit 1",
    },
    Rule {
        id: "E9",
        says: "the counters of an event are the numbers of its rows",
        violated_by: "select s.event_id::text from event_seats s
            left join (
                select a.event_id, count(*) filter (where a.status = 'going') as going,
                       count(*) filter (where a.status = 'interested') as interested
                from event_attendees a group by a.event_id
            ) a on a.event_id = s.event_id
            left join (select w.event_id, count(*) as waiting from event_waitlist w group by w.event_id) w
                on w.event_id = s.event_id
            where (s.going, s.interested, s.waiting)
                is distinct from (coalesce(a.going, 0), coalesce(a.interested, 0), coalesce(w.waiting, 0))
            limit 1",
    },
    Rule {
        id: "E10",
        says: "nobody who is going waits too",
        violated_by: "select w.event_id || ' ' || w.user_id from event_waitlist w
            join event_attendees a on a.event_id = w.event_id and a.user_id = w.user_id
            where a.status = 'going' limit 1",
    },
    Rule {
        id: "E11",
        says: "before the start nobody who could have a seat (and was never skipped for a ban) waits while there is one",
        violated_by: "select w.event_id || ' ' || w.user_id from event_waitlist w
            join events e on e.id = w.event_id
            join event_seats s on s.event_id = w.event_id
            join api_users u on u.id = w.user_id
            where e.event_start > crewup.now() and not e.is_cancelled and u.state = 'active'
              and (s.capacity is null or s.going < s.capacity)
              and not exists (select from bans b where b.user_id = w.user_id)
            limit 1",
    },
    Rule {
        id: "E13",
        says: "nobody answers before the event was made, or after its effective end",
        violated_by: "select a.event_id || ' ' || a.user_id from event_attendees a join events e on e.id = a.event_id
            where a.created_at < e.created_at
               or a.created_at > crewup.effective_end(e.event_start, e.event_end)
            limit 1",
    },
    Rule {
        id: "E16",
        says: "the waitlist of a cancelled event is void, and it was cancelled after it was made",
        violated_by: "select e.id::text from events e
            where e.is_cancelled and (
                e.cancelled_at < e.created_at
                or exists (select from event_waitlist w where w.event_id = e.id)
            ) limit 1",
    },
    Rule {
        id: "E20",
        says: "who comes to a private event, or waits for it, is its creator or has access",
        violated_by: "select g.event_id || ' ' || g.user_id
            from (
                select a.event_id, a.user_id from event_attendees a where a.status <> 'not_going'
                union all
                select w.event_id, w.user_id from event_waitlist w
            ) g
            join events e on e.id = g.event_id
            where not e.is_public and e.creator_id <> g.user_id
              and not exists (select from event_access x where x.event_id = g.event_id and x.user_id = g.user_id)
            limit 1",
    },
    Rule {
        id: "R1",
        says: "a rating is of somebody else, 1 to 5, with at most 1000 characters",
        violated_by: "select r.id::text from ratings r
            where r.rated_user_id = r.rater_user_id or r.rating not between 1 and 5 or char_length(r.comment) > 1000
            limit 1",
    },
    Rule {
        id: "R2",
        says: "who rates and who is rated were both going",
        violated_by: "select r.id::text from ratings r
            where (
                select count(*) from event_attendees a
                where a.event_id = r.event_id and a.status = 'going' and a.user_id in (r.rated_user_id, r.rater_user_id)
            ) < 2 limit 1",
    },
    Rule {
        id: "R3",
        says: "a rating is given after the effective end, within 14 days, and never for a cancelled event",
        violated_by: "select r.id::text from ratings r join events e on e.id = r.event_id
            where e.is_cancelled
               or r.created_at < crewup.effective_end(e.event_start, e.event_end)
               or r.created_at > crewup.effective_end(e.event_start, e.event_end) + interval '336 hours'
            limit 1",
    },
    Rule {
        id: "R4",
        says: "one rates a person once for an event",
        violated_by: "select min(r.id::text) from ratings r
            group by r.rated_user_id, r.rater_user_id, r.event_id having count(*) > 1 limit 1",
    },
    Rule {
        id: "R7",
        says: "reputation and number of ratings are those of the ratings",
        violated_by: "select u.id::text from users u
            left join (
                select r.rated_user_id, round(avg(r.rating), 2) as average, count(*) as number
                from ratings r group by r.rated_user_id
            ) r on r.rated_user_id = u.id
            where (u.reputation, u.rating_count) is distinct from (coalesce(r.average, 0), coalesce(r.number, 0))
            limit 1",
    },
    Rule {
        id: "U4",
        says: "a bio has at most 500 characters, interests are at most 10 of 1 to 50 without doubles, a picture is https",
        violated_by: "select u.id::text from users u
            where char_length(u.bio) > 500 or cardinality(u.interests) > 10
               or exists (select from unnest(u.interests) i where btrim(i) = '' or char_length(i) > 50)
               or (select count(distinct lower(i)) from unnest(u.interests) i) < cardinality(u.interests)
               or u.profile_picture_url not like 'https://%'
            limit 1",
    },
    Rule {
        id: "U5",
        says: "nobody blocks oneself",
        violated_by: "select b.blocker_id::text from user_blocks b where b.blocker_id = b.blocked_id limit 1",
    },
];
