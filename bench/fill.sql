-- The bench's world: 200,000 people, 1,000,000 events, 100,000 crews, 5,000,000 messages, into an empty database with all
-- migrations, as a superuser. Everything follows from numbers, so that every run and every machine has the same one.
--
-- A row's id is its kind and its number (bench.id), rising as the ids of version 7 rise with time. The first 16,380 people
-- are the callers. Of ten crews one is of an event to come and of callers; ten callers are in the same crews.

\set ON_ERROR_STOP on
set search_path = public;
-- Neither triggers nor keys: what they would do is done here, and the seed's rules are checked at the end.
set session_replication_role = replica;
set synchronous_commit = off;

create schema bench;
grant usage on schema bench to public;
create function bench.id(kind integer, number bigint) returns uuid language sql immutable parallel safe as $$
    select ('0190000' || kind::text || '-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid
$$;
-- 0 to 1, the same for the same number and purpose.
create function bench.dice(number bigint, purpose integer) returns double precision
language sql immutable parallel safe as $$
    select (hashint8extended(number, purpose) & 2147483647) / 2147483648.0::double precision
$$;
create function bench.pick(words text[], dice double precision) returns text language sql immutable parallel safe as $$
    select words[1 + floor(dice * array_length(words, 1))::integer]
$$;
create table bench.filled (at timestamptz not null);
insert into bench.filled values (date_trunc('hour', now()));

create temp table words as select
    array['Techno', 'Jazz', 'Indie', 'Salsa', 'Karaoke', 'Vinyl', 'Acoustic', 'Open-Air', 'Silent', 'Rooftop', 'Afrobeat',
        'Drum and Bass', 'Schlager', 'Quiz', 'Comedy', 'Poetry', 'Electro', 'Latin', 'Swing', 'Reggae', 'Blues', 'Punk',
        'Wine', 'Cocktail', 'Craft Beer', 'Fondue', 'Ramen', 'Tapas', 'Brunch', 'Running', 'Climbing', 'Bouldering',
        'Volleyball', 'Ping-Pong', 'Hiking', 'Badi', 'Sunset', 'Midnight', 'Früh', 'Spät', 'Kellertüren', 'Sommer', 'Winter',
        'Neon', 'Disco', 'Funk', 'Soul', 'House', 'Trance', 'Ambient', 'Klassik', 'Chor', 'Orgel', 'Film', 'Science', 'Art',
        'Design', 'Photo', 'Book', 'Chess', 'Board Game', 'Retro', 'Queer', 'Student', 'Expat', 'Singles', 'Family'] as first,
    array['Night', 'Session', 'Party', 'Festival', 'Konzert', 'Abend', 'Jam', 'Battle', 'Tasting', 'Walk', 'Tour', 'Club',
        'Meetup', 'Marathon', 'Rave', 'Ball', 'Café', 'Stammtisch', 'Fest', 'Markt', 'Workshop', 'Showcase', 'Matinée',
        'Apéro', 'Picnic', 'Special', 'Opening', 'Closing', 'Warm-up', 'Afterhour'] as second,
    array['Kaufleuten', 'Hive', 'Exil', 'Moods', 'Plaza', 'Helsinki', 'Rote Fabrik', 'Dynamo', 'Supermarket', 'Frau Gerolds',
        'Bogen F', 'El Lokal', 'Papiersaal', 'Mascotte', 'X-Tra', 'Komplex', 'Zukunft', 'Gonzo', 'Bernhard', 'Volkshaus',
        'Gare de Lion', 'Kufa', 'Reithalle', 'Bierhübeli', 'Sedel', 'Schüür', 'Palace', 'Grabenhalle', 'Usine', 'Amalgame',
        'Les Docks', 'Fri-Son', 'Kaserne', 'Sommercasino', 'Hirscheneck', 'Salzhaus', 'Gaswerk', 'Albani'] as venue,
    array['Langstrasse', 'Bahnhofstrasse', 'Limmatquai', 'Josefstrasse', 'Hardstrasse', 'Seestrasse', 'Badenerstrasse',
        'Rue de Genève', 'Hauptgasse', 'Marktplatz', 'Zürcherstrasse', 'Via Nassa', 'Kirchweg', 'Dorfstrasse'] as street,
    array['Anna', 'Ben', 'Chloé', 'David', 'Elif', 'Finn', 'Giulia', 'Hannah', 'Ivo', 'Jana', 'Kai', 'Léa', 'Mia', 'Noah',
        'Olga', 'Paul', 'Quirin', 'Rosa', 'Sven', 'Tina', 'Urs', 'Vera', 'Wanda', 'Xenia', 'Yves', 'Zoë'] as given,
    array['Müller', 'Meier', 'Schmid', 'Keller', 'Weber', 'Huber', 'Schneider', 'Meyer', 'Steiner', 'Fischer', 'Gerber',
        'Brunner', 'Baumann', 'Frei', 'Zimmermann', 'Moser', 'Widmer', 'Wyss', 'Graf', 'Roth', 'Favre', 'Rossi'] as family;

-- No token is newer than what the profiles followed, so that none is synchronised while the bench runs.
insert into users (id, keycloak_id, email, first_name, last_name, claims_iat, created_at, updated_at)
select bench.id(1, n), 'bench-' || n, 'bench-' || n || '@crewup.test', bench.pick(w.given, bench.dice(n, 1)),
       bench.pick(w.family, bench.dice(n, 2)), f.at + interval '1 year', f.at - interval '3 years', f.at - interval '3 years'
from generate_series(1, 200000) n, words w, bench.filled f;

-- 85 % are over or running, of 330 days, so that no chat is old enough to be forgotten while something is measured; the others
-- come in the next 60 days. 30 % are in one dense town, 60 % in 200 other towns, 10 % anywhere in Europe. 2 % are private, 3 %
-- cancelled. Every tenth has no limit, the others 50 to 500.
create temp table drawn as
select n, bench.id(2, n) as id,
       f.at + case when n <= 850000 then (n - 850000) / 850000.0 * interval '330 days'
                   else interval '6 hours' + (n - 850000) / 150000.0 * interval '60 days' end as event_start,
       case when bench.dice(n, 3) < 0.3 then 0
            when bench.dice(n, 3) < 0.9 then 1 + floor(bench.dice(n, 4) * 200)::integer end as town,
       -- Box and Muller: around a town's middle.
       sqrt(-2 * ln(1 - bench.dice(n, 5))) * cos(2 * pi() * bench.dice(n, 6)) as north,
       sqrt(-2 * ln(1 - bench.dice(n, 5))) * sin(2 * pi() * bench.dice(n, 6)) as east,
       case when bench.dice(n, 7) < 0.1 then null else 50 + floor(bench.dice(n, 8) * 450)::integer end as most,
       bench.dice(n, 9) < 0.03 and n % 8 <> 0 and n % 10 <> 0 as cancelled
from generate_series(1::bigint, 1000000) n, bench.filled f;

insert into events (id, creator_id, name, description, event_type, address, latitude, longitude, event_start, event_end,
    time_zone, max_attendees, waitlist_enabled, is_public, is_cancelled, cancelled_at, created_at, updated_at)
select d.id, bench.id(1, 1 + (d.n * 7919) % 200000),
       bench.pick(w.first, bench.dice(d.n, 11)) || ' ' || bench.pick(w.second, bench.dice(d.n, 12))
           || case when bench.dice(d.n, 13) < 0.6 then ' @ ' || bench.pick(w.venue, bench.dice(d.n, 14)) else '' end,
       'Doors at eight, music from nine. Bring a friend, and leave the phone in the pocket.',
       (array['bar', 'club', 'concert', 'party', 'restaurant', 'outdoor', 'sports', 'other'])[1 + d.n % 8],
       bench.pick(w.street, bench.dice(d.n, 15)) || ' ' || (1 + d.n % 180),
       case when d.town is null then 36 + 24 * bench.dice(d.n, 16)
            when d.town = 0 then 47.3769 + 0.07 * d.north
            else 37 + 22 * bench.dice(d.town, 17) + 0.04 * d.north end,
       case when d.town is null then -9 + 39 * bench.dice(d.n, 18)
            when d.town = 0 then 8.5417 + 0.1 * d.east
            else -8 + 37 * bench.dice(d.town, 19) + 0.06 * d.east end,
       d.event_start, d.event_start + interval '5 hours', 'Europe/Zurich', d.most, d.most is not null,
       not (bench.dice(d.n, 10) < 0.02 and d.n % 8 <> 0 and d.n % 10 <> 0), d.cancelled,
       case when d.cancelled then d.event_start - interval '70 days' end,
       d.event_start - interval '90 days', d.event_start - interval '90 days'
from drawn d, words w
order by d.n;

-- Each crew with its event: of those that come (every tenth crew) every tenth event, of the others every eighth.
create temp table made as
select c, bench.id(3, c) as id,
       case when c % 10 = 0 then 850000 + c else c * 8 end as event,
       c % 10 = 0 as comes,
       -- Ten callers who are in the same crews.
       (c / 10) % 1638 as circle
from generate_series(1, 100000) c;
alter table made add primary key (c);
analyze made;

create temp table member as
select m.c, m.id, m.event, m.comes, j,
       case when m.comes then m.circle * 10 + j + 1
            else 16381 + (m.c * 7919::bigint + j * 104729) % 183620 end as person
from made m, generate_series(0, 9) j;

-- Who goes: the creator; the members; of each event that comes and has a crew the next circle, too, which could join.
create temp table going as
select d.n as event, 1 + (d.n * 7919) % 200000 as person from drawn d
union
select event, person from member
union
select m.event, ((m.circle + 1) % 1638) * 10 + j + 1 from made m, generate_series(0, 9) j where m.comes
union
select d.n, 16381 + (d.n * 104729::bigint + j * 15485863::bigint) % 183620 from drawn d, generate_series(1, 2) j;

insert into event_attendees (event_id, user_id, status, created_at, updated_at)
select d.id, bench.id(1, g.person), 'going', d.event_start - interval '80 days', d.event_start - interval '80 days'
from going g join drawn d on d.n = g.event
order by g.event, g.person;

-- E20.
insert into event_access (event_id, user_id, created_at)
select a.event_id, a.user_id, a.created_at
from event_attendees a join events e on e.id = a.event_id
where not e.is_public and a.user_id <> e.creator_id;

insert into event_seats (event_id, capacity, going)
select d.id, d.most, g.going
from drawn d join (select event, count(*)::integer as going from going group by event) g on g.event = d.n
order by d.n;

insert into groups (id, event_id, name, description, max_members, is_private, created_at, updated_at)
select m.id, d.id, bench.pick(w.first, bench.dice(m.c, 20)) || ' crew', 'We meet at the entrance.', 50, false,
       d.event_start - interval '75 days', d.event_start - interval '75 days'
from made m join drawn d on d.n = m.event, words w
order by m.c;

insert into group_seats (group_id, capacity, members, last_sequence, updated_at)
select m.id, 50, 10, 60, d.event_start - interval '74 days' from made m join drawn d on d.n = m.event order by m.c;

insert into group_members (group_id, user_id, joined_at, is_admin, updated_at)
select m.id, bench.id(1, m.person), d.event_start - interval '75 days' + m.j * interval '1 hour', m.j = 0,
       d.event_start - interval '75 days'
from member m join drawn d on d.n = m.event
order by m.c, m.j;

insert into read_marks (group_id, user_id, sequence, updated_at)
select m.id, bench.id(1, m.person), 40 + m.j * 2, d.event_start - interval '74 days'
from member m join drawn d on d.n = m.event
order by m.c, m.j;

insert into timeline (group_id, sequence, kind, user_id, detail, created_at)
select m.id, m.j + 1, 'member_joined', bench.id(1, m.person), case when m.j = 0 then 'admin' else 'member' end,
       d.event_start - interval '75 days' + m.j * interval '1 hour'
from member m join drawn d on d.n = m.event
order by m.c, m.j;

insert into messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)
select bench.id(4, m.c * 50::bigint + s), m.id, bench.id(1, m.person),
       (array['Who is in?', 'I am. When do we meet?', 'Half past eight at the entrance, by the big door.', 'Running late, 10 min',
           'Save me a seat!', 'Is there a cloakroom?', 'The queue is long, come by the side street.', 'On my way.'])[1 + s % 8],
       10 + s, d.event_start - interval '74 days' + s * interval '3 minutes',
       d.event_start - interval '74 days' + s * interval '3 minutes'
from generate_series(1, 50) s
join member m on m.j = s % 10
join drawn d on d.n = m.event
order by m.c, s;

-- Calls for help of nights that are over, each answered by one of the crew. Tables that were analysed while they were empty are
-- read as if they stayed so: no database that runs is like that.
create temp table help as
select m.c, m.id as crew, bench.id(6, m.c) as batch, bench.id(1, m.person) as person, d.event_start + interval '1 hour' as at
from member m join drawn d on d.n = m.event
where m.j = 3 and m.c % 5 = 1 and not m.comes and d.event_start < now() - interval '1 day';

insert into alert_batches (id, user_id, state, raised_at, level, created_at, updated_at, expires_at, closed_at, resolved_by, resolved_as)
select h.batch, h.person, 'resolved', h.at, 1, h.at, h.at, h.at + interval '12 hours', h.at + interval '20 minutes', h.person, 'sender'
from help h order by h.c;

insert into safety_alerts (id, user_id, group_id, batch_id, alert_type, message, created_at, resolved_at, resolved_by_user_id, updated_at)
select bench.id(7, h.c), h.person, h.crew, h.batch, 'help', 'By the side entrance', h.at, h.at + interval '20 minutes', h.person,
       h.at + interval '20 minutes'
from help h order by h.c;

insert into alert_recipients (batch_id, user_id, published_at, delivered_at, answer, answered_at)
select h.batch, bench.id(1, m.person), h.at, h.at + interval '1 second', case when m.j = 5 then 'on_my_way' end,
       case when m.j = 5 then h.at + interval '1 minute' end
from help h join member m on m.c = h.c and m.j <> 3
order by h.c, m.j;

reset session_replication_role;
vacuum (freeze, analyze);
