-- A database of the reference's schema (migration 1), as large as the bench's world: 200,000 people, 1,000,000 events, 3,000,000
-- answers, 100,000 crews, 5,000,000 messages. What `crewup-migrate adopt` takes for it is measured. Times without a zone are
-- those of Zurich.

\set ON_ERROR_STOP on
set timezone = 'Europe/Zurich';
-- Neither triggers nor keys: the rows keep them by how they are made, and adopting checks it.
set session_replication_role = replica;
set synchronous_commit = off;

create function pg_temp.id(kind integer, number bigint) returns uuid language sql immutable as $$
    select ('0190000' || kind::text || '-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid
$$;
alter table users add is_banned boolean default false;

insert into users (id, keycloak_id, email, first_name, last_name, bio, is_banned, created_at, updated_at)
select pg_temp.id(1, n), 'reference-' || n, 'reference-' || n || '@crewup.test', 'Given ' || n % 400, 'Family ' || n % 900,
       'Mostly concerts.', n % 1000 = 0, t.at, t.at
from generate_series(1, 200000) n, lateral (select localtimestamp - interval '3 years' + n * interval '1 minute' as at) t;

-- Of two years; 85 % are over.
insert into events (id, creator_id, name, description, event_type, address, latitude, longitude, event_start, event_end,
    max_attendees, is_public, is_cancelled, created_at, updated_at)
select pg_temp.id(2, n), pg_temp.id(1, 1 + (n * 7919) % 200000), 'Night ' || n, 'Doors at eight, music from nine.',
       (array['bar', 'club', 'concert', 'party', 'restaurant', 'outdoor', 'sports', 'other'])[1 + n % 8],
       'Langstrasse ' || n % 180, 46 + (n % 20011) / 10000.0, 7 + (n % 30011) / 10000.0, t.at, t.at + interval '5 hours',
       case when n % 10 > 0 then 2 + n % 200 end, n % 50 > 0, n % 33 = 0, t.made, t.made
from generate_series(1::bigint, 1000000) n,
    lateral (select date_trunc('minute', now()) + (n - 850000) / 850000.0 * interval '730 days' as at) s,
    lateral (select s.at, least(s.at::timestamp, localtimestamp) - interval '14 days' as made) t;

-- Three of each event.
insert into event_attendees (event_id, user_id, status, created_at, updated_at)
select e.id, pg_temp.id(1, 1 + (e.n * 31 + k * 50000) % 200000), (array['going', 'going', 'interested'])[1 + k],
       e.created_at, e.created_at
from (select id, created_at, row_number() over (order by id) as n from events) e, generate_series(0, 2) k;

insert into groups (id, event_id, name, max_members, is_private, created_at)
select pg_temp.id(3, n), pg_temp.id(2, n * 10), 'Crew ' || n, 10, n % 7 = 0, localtimestamp - interval '1 year'
from generate_series(1::bigint, 100000) n;

-- The two who go, as their answers above say.
insert into group_members (group_id, user_id, joined_at, is_admin)
select pg_temp.id(3, n), pg_temp.id(1, 1 + (n * 310 + k * 50000) % 200000), localtimestamp - interval '1 year', k = 0
from generate_series(1::bigint, 100000) n, generate_series(0, 1) k;

insert into messages (id, group_id, sender_id, content, is_edited, sent_at)
select pg_temp.id(4, n), pg_temp.id(3, 1 + n % 100000), pg_temp.id(1, 1 + ((1 + n % 100000) * 310 + n % 2 * 50000) % 200000),
       'Message ' || n || ', who is there already?', n % 40 = 0, localtimestamp - interval '300 days' + n * interval '5 seconds'
from generate_series(1::bigint, 5000000) n;

insert into ratings (id, rated_user_id, rater_user_id, rating, comment, event_id, created_at)
select pg_temp.id(5, n), pg_temp.id(1, 1 + (n * 31) % 200000), pg_temp.id(1, 1 + (n * 31 + 50000) % 200000), 1 + n % 5,
       'Again', e.id, e.event_end::timestamp + interval '1 day'
from generate_series(1::bigint, 400000) n join events e on e.id = pg_temp.id(2, n) and not e.is_cancelled;

insert into safety_alerts (id, user_id, group_id, batch_id, latitude, longitude, alert_type, message, created_at, resolved_at)
select pg_temp.id(6, n), pg_temp.id(1, 1 + (n * 310) % 200000), pg_temp.id(3, n), pg_temp.id(7, n), 47.1, 8.5, 'help', 'Come',
       t.at, t.at + interval '1 hour'
from generate_series(1::bigint, 20000) n, lateral (select localtimestamp - interval '200 days' + n * interval '5 minutes' as at) t;
analyze;
