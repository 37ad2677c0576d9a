-- Safety alerts: one batch for a call for help (S2, S3), whom it reached (S6, S13), and where its sender is (S8).

set local search_path = public;

-- S2, S3: what a call for help is, beside its row for each crew. What kind of help and the message are in those rows, as
-- the reference has it. raised_at, level and next_level_at: S7, the last null once it is stopped or complete; raising it
-- again begins at level 0, and reached_hosts remembers that hosts and moderators know of it. publish_count grows with each
-- raising and escalation, revision with every change that somebody sees. excluded_*: S12.
create table alert_batches (
    id uuid primary key,
    user_id uuid not null references users (id),
    state text not null check (state in ('active', 'resolved', 'expired')),
    raised_at timestamptz not null,
    level integer not null default 0 check (level between 0 and 2),
    next_level_at timestamptz,
    reached_hosts boolean not null default false,
    publish_count integer not null default 1 check (publish_count > 0),
    revision bigint not null default 1,
    excluded_group_ids uuid[] not null default '{}',
    excluded_user_ids uuid[] not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    expires_at timestamptz not null,
    closed_at timestamptz,
    resolved_by uuid references users (id),
    resolved_as text check (resolved_as in ('sender', 'crew_admin', 'moderator')),
    reason text,
    check ((state = 'active') = (closed_at is null)),
    check ((state = 'resolved') = (resolved_by is not null)),
    check ((resolved_by is null) = (resolved_as is null)),
    check (state = 'active' or next_level_at is null)
);

-- S3: one open batch per user.
create unique index idx_alert_batches_open on alert_batches (user_id) where state = 'active';
create index idx_alert_batches_user on alert_batches (user_id, created_at, id);
create index idx_alert_batches_created on alert_batches (created_at, id);
-- S7, S3, S8: what is due.
create index idx_alert_batches_due on alert_batches (next_level_at) where next_level_at is not null;
create index idx_alert_batches_expiry on alert_batches (expires_at) where state = 'active';
create index idx_alert_batches_closed on alert_batches (closed_at) where closed_at is not null;

-- S8: the one home of a place. Deleted 30 days after the end.
create table alert_places (
    batch_id uuid primary key references alert_batches (id),
    latitude numeric(10, 8) not null check (latitude between -90 and 90),
    longitude numeric(11, 8) not null check (longitude between -180 and 180),
    accuracy_meters double precision check (accuracy_meters between 0 and 100000),
    recorded_at timestamptz not null
);

-- S6, S13: what is known of a person whom the alert reached. Who is a recipient now is not decided here but by
-- crewup.recipients_of, so that a removed member loses the alert at once (S14).
create table alert_recipients (
    batch_id uuid not null references alert_batches (id),
    user_id uuid not null references users (id),
    published_at timestamptz not null,
    delivered_at timestamptz,
    answer text check (answer in ('seen', 'on_my_way', 'with_person', 'cannot_help')),
    answered_at timestamptz,
    primary key (batch_id, user_id),
    check ((answer is null) = (answered_at is null))
);

create index idx_alert_recipients_user on alert_recipients (user_id);

-- Adopted alerts. One batch is of one person; where the reference's rows say otherwise, or nothing, it gets an id of its
-- own. The newest open one of a person stays open until 12 hours after its last window (S3), every other one that nobody
-- resolved has expired.
alter table safety_alerts disable trigger trg_safety_alerts_updated;
update safety_alerts a
set batch_id = uuid_generate_v5(uuid_ns_oid(), coalesce(a.batch_id, a.id) || ' ' || a.user_id)
where a.batch_id is null
    or exists (select from safety_alerts o where o.batch_id = a.batch_id and o.user_id <> a.user_id);

insert into alert_batches (
    id, user_id, state, raised_at, level, reached_hosts, created_at, updated_at, expires_at, closed_at, resolved_by,
    resolved_as
)
select
    b.id, b.user_id, b.state, b.created_at, 2, true, b.created_at, b.updated_at, b.expires_at,
    case b.state when 'resolved' then b.resolved_at when 'expired' then least(b.expires_at, crewup.now()) end,
    case b.state when 'resolved' then b.resolver end,
    case b.state when 'resolved' then case when b.resolver = b.user_id then 'sender' else 'moderator' end end
from (
    select
        r.*,
        case
            when r.resolved_at is not null then 'resolved'
            when r.expires_at > crewup.now() and r.newest = 1 then 'active'
            else 'expired'
        end as state
    from (
        select
            a.batch_id as id, a.user_id, min(a.created_at) as created_at, max(a.updated_at) as updated_at,
            max(crewup.effective_end(e.event_start, e.event_end)) + interval '14 hours' as expires_at,
            case when bool_and(a.resolved_at is not null) then max(a.resolved_at) end as resolved_at,
            coalesce((array_agg(a.resolved_by_user_id) filter (where a.resolved_by_user_id is not null))[1], a.user_id)
                as resolver,
            row_number() over (
                partition by a.user_id
                order by bool_and(a.resolved_at is not null), min(a.created_at) desc, a.batch_id
            ) as newest
        from safety_alerts a
        join groups g on g.id = a.group_id
        join events e on e.id = g.event_id
        group by a.batch_id, a.user_id
    ) r
) b;

insert into alert_places (batch_id, latitude, longitude, recorded_at)
select distinct on (a.batch_id) a.batch_id, a.latitude, a.longitude, a.created_at
from safety_alerts a
where a.latitude between -90 and 90 and a.longitude between -180 and 180
order by a.batch_id, a.created_at desc;

update safety_alerts set latitude = null, longitude = null where num_nonnulls(latitude, longitude) > 0;
alter table safety_alerts enable trigger trg_safety_alerts_updated;

alter table safety_alerts
    alter column batch_id set not null,
    add foreign key (batch_id) references alert_batches (id),
    add unique (batch_id, group_id);

-- U9.
create or replace view api_active_alerts as
select b.user_id
from alert_batches b
where b.state = 'active';

-- S6: whom a batch reaches now, and why, the first reason that applies: present members of its crews; from level 2 on the
-- creators of its events and the moderators; less the sender, who was left out (S12), and who may read nothing.
create function crewup.recipients_of(batch uuid) returns table (
    user_id uuid, kind text, leads_crew boolean
)
language sql stable as $$
    select r.user_id, (array['crew', 'host', 'moderator'])[min(r.kind)], bool_or(r.leads_crew)
    from (
        select m.user_id, 1 as kind, m.is_admin as leads_crew
        from safety_alerts a
        join alert_batches b on b.id = a.batch_id
        join api_group_members m on m.group_id = a.group_id
        where a.batch_id = batch and a.group_id <> all (b.excluded_group_ids)
        union all
        select e.creator_id, 2, false
        from safety_alerts a
        join alert_batches b on b.id = a.batch_id
        join api_groups g on g.id = a.group_id
        join api_events e on e.id = g.event_id
        where a.batch_id = batch and b.reached_hosts and a.group_id <> all (b.excluded_group_ids)
        union all
        select o.user_id, 3, false
        from api_user_roles o
        join alert_batches b on b.id = batch
        where b.reached_hosts
    ) r
    join alert_batches b on b.id = batch
    join api_users u on u.id = r.user_id and u.state = 'active'
    where r.user_id <> b.user_id and r.user_id <> all (b.excluded_user_ids)
    group by r.user_id
$$;

-- An alert as one person sees it: the batch, its crews and whom it reaches, in one row. crews and recipients are arrays of
-- objects, in the order in which they are shown.
create type crewup.alert as (
    id uuid, user_id uuid, first_name varchar, last_name varchar, state text, level integer, next_level_at timestamptz,
    publish_count integer, revision bigint, excluded_group_ids uuid[], excluded_user_ids uuid[],
    created_at timestamptz, updated_at timestamptz, expires_at timestamptz, closed_at timestamptz,
    resolved_by uuid, resolver_first_name varchar, resolver_last_name varchar, resolved_as text, reason text,
    alert_type varchar, message text,
    latitude numeric, longitude numeric, accuracy_meters double precision, recorded_at timestamptz,
    crews jsonb, recipients jsonb,
    my_kind text, i_lead boolean, my_answer text, now timestamptz
);

-- The sender sees it, whom it reaches, and a moderator who was not left out.
create function crewup.alerts_seen_by(viewer uuid, moderates boolean) returns setof crewup.alert
language sql stable as $$
    select
        b.id, b.user_id, s.first_name, s.last_name, b.state, b.level, b.next_level_at,
        b.publish_count, b.revision, b.excluded_group_ids, b.excluded_user_ids,
        b.created_at, b.updated_at, b.expires_at, b.closed_at,
        b.resolved_by, o.first_name, o.last_name, b.resolved_as, b.reason,
        c.alert_type, c.message,
        l.latitude, l.longitude, l.accuracy_meters, l.recorded_at,
        c.crews, coalesce(r.recipients, '[]'),
        r.my_kind, coalesce(r.i_lead, false), r.my_answer, crewup.now()
    from alert_batches b
    join api_users s on s.id = b.user_id
    left join api_users o on o.id = b.resolved_by
    left join alert_places l on l.batch_id = b.id
    cross join lateral (
        select
            min(a.alert_type) as alert_type,
            min(a.message) as message,
            coalesce(jsonb_agg(jsonb_build_object(
                'id', a.id, 'group_id', g.id, 'group_name', g.name, 'event_id', e.id, 'event_name', e.name,
                'event_address', e.address, 'created_at', a.created_at
            ) order by a.created_at, a.id) filter (where a.group_id <> all (b.excluded_group_ids)), '[]') as crews
        from safety_alerts a
        join api_groups g on g.id = a.group_id
        left join api_events e on e.id = g.event_id
        where a.batch_id = b.id
    ) c
    cross join lateral (
        select
            jsonb_agg(jsonb_build_object(
                'user_id', p.user_id, 'first_name', u.first_name, 'last_name', u.last_name, 'kind', p.kind,
                'published_at', x.published_at, 'delivered_at', x.delivered_at, 'answer', x.answer,
                'answered_at', x.answered_at
            ) order by p.kind, u.first_name, u.last_name, p.user_id) as recipients,
            max(p.kind) filter (where p.user_id = viewer) as my_kind,
            bool_or(p.leads_crew) filter (where p.user_id = viewer) as i_lead,
            max(x.answer) filter (where p.user_id = viewer) as my_answer
        from crewup.recipients_of(b.id) p
        join api_users u on u.id = p.user_id
        left join alert_recipients x on x.batch_id = b.id and x.user_id = p.user_id
    ) r
    where b.user_id = viewer
        or r.my_kind is not null
        or (moderates and viewer <> all (b.excluded_user_ids))
$$;

-- The alert that a write is about: its row is locked, then it is read, as crew_held does it.
create function crewup.alert_held(viewer uuid, moderates boolean, batch uuid) returns setof crewup.alert
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
begin
    perform from alert_batches b where b.id = batch for no key update;
    return query select a.* from crewup.alerts_seen_by(viewer, moderates) a where a.id = batch;
end;
$$;

-- S1: the crews that a person can alert now: those of which one is a member, or was until a ban ended it, of events whose
-- window is open. A cancelled event does not close it.
create function crewup.alertable_crews(person uuid) returns table (
    group_id uuid, window_end timestamptz
)
language sql stable as $$
    select g.id, e.effective_end + interval '2 hours'
    from (
        select m.group_id from api_group_members m where m.user_id = person
        union
        select p.group_id from api_group_members_banned p
        where p.user_id = person and exists (select from api_users u where u.id = person and u.state = 'banned')
    ) c
    join api_groups g on g.id = c.group_id and g.archived_at is null
    join api_events e on e.id = g.event_id
    where crewup.now() between e.event_start - interval '2 hours' and e.effective_end + interval '2 hours'
$$;

revoke execute on function
crewup.recipients_of(uuid), crewup.alertable_crews(uuid), crewup.alerts_seen_by(uuid, boolean),
crewup.alert_held(uuid, boolean, uuid)
from public;
grant execute on function
crewup.recipients_of(uuid), crewup.alertable_crews(uuid), crewup.alerts_seen_by(uuid, boolean),
crewup.alert_held(uuid, boolean, uuid)
to crewup_safety;
-- What safety reads of crews is published now (0011).
revoke select on groups, group_members from crewup_safety;
grant select, insert, update (
    state, raised_at, level, next_level_at, reached_hosts, publish_count, revision, excluded_group_ids, excluded_user_ids,
    updated_at, expires_at, closed_at, resolved_by, resolved_as, reason
) on alert_batches to crewup_safety;
grant select, insert, delete, update (latitude, longitude, accuracy_meters, recorded_at) on alert_places
to crewup_safety;
grant select, insert, update (published_at, delivered_at, answer, answered_at) on alert_recipients to crewup_safety;
