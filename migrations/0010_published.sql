-- What events and people publish for the other three services, and for reading a profile without the user service.

set local search_path = public;

-- The row of 0008 as a type, so that reading an event and holding it answer the same. (Replaced, not changed: a function's
-- return type cannot be. The name and the columns are as they were.)
create type crewup.event as (
    id uuid, creator_id uuid, name varchar, description text, event_type varchar, address text,
    latitude numeric, longitude numeric, event_start timestamptz, event_end timestamptz, effective_end timestamptz,
    time_zone text, max_attendees integer, waitlist_enabled boolean, is_public boolean, is_cancelled boolean,
    created_at timestamptz, updated_at timestamptz, revision bigint, search_text text,
    capacity integer, going integer, interested integer, waiting integer,
    my_status varchar, my_position integer, has_guests boolean, now timestamptz
);
drop function crewup.events_seen_by(uuid, boolean);
create function crewup.events_seen_by(viewer uuid, all_private boolean) returns setof crewup.event
language sql stable as $$
    select
        e.id, e.creator_id, e.name, e.description, e.event_type, e.address,
        e.latitude, e.longitude, e.event_start, e.event_end, crewup.effective_end(e.event_start, e.event_end),
        e.time_zone, e.max_attendees, e.waitlist_enabled, e.is_public, e.is_cancelled,
        e.created_at, e.updated_at, e.revision, e.search_text,
        s.capacity, s.going, s.interested, case when e.event_start > crewup.now() then s.waiting else 0 end,
        a.status,
        case when w.position_seq is not null and e.event_start > crewup.now() then (
            select count(*)::integer from event_waitlist q
            where q.event_id = e.id and q.position_seq <= w.position_seq
        ) end,
        e.creator_id = viewer and (
            exists (select from event_attendees g where g.event_id = e.id and g.user_id <> viewer)
            or exists (select from event_waitlist g where g.event_id = e.id and g.user_id <> viewer)
            or exists (select from event_access g where g.event_id = e.id and g.user_id <> viewer)
        ),
        crewup.now()
    from events e
    join event_seats s on s.event_id = e.id
    left join event_attendees a on a.event_id = e.id and a.user_id = viewer
    left join event_waitlist w on w.event_id = e.id and w.user_id = viewer
    where e.deleted_at is null and (
        e.is_public
        or e.creator_id = viewer
        or all_private
        or exists (select from event_access x where x.event_id = e.id and x.user_id = viewer)
    )
$$;

-- The event that a write is about. Its row is locked first, then it is read, each in a statement of its own, so that what is
-- read is from after whoever held it before (E8). One round trip for both. `ends`: it is cancelled or deleted, for which
-- nobody may hold it still (crewup.api_hold_event below).
create function crewup.event_held(viewer uuid, all_private boolean, event uuid, ends boolean)
returns setof crewup.event
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
begin
    if ends then
        perform from event_seats s where s.event_id = event for update;
    else
        perform from event_seats s where s.event_id = event for no key update;
    end if;
    return query select e.* from crewup.events_seen_by(viewer, all_private) e where e.id = event;
end;
$$;
revoke execute on function crewup.events_seen_by(uuid, boolean), crewup.event_held(uuid, boolean, uuid, boolean)
from public;
grant execute on function crewup.events_seen_by(uuid, boolean), crewup.event_held(uuid, boolean, uuid, boolean)
to crewup_event;

-- An alert says where its events are (S1, S2).
create or replace view api_events as
select
    e.id,
    e.creator_id,
    e.name,
    e.event_start,
    crewup.effective_end(e.event_start, e.event_end) as effective_end,
    e.is_cancelled,
    e.cancelled_at,
    e.is_public,
    e.address
from events e
where e.deleted_at is null;

-- E20, G3: the events that a viewer may see, as 0008 has it for the event service itself. Security definer would keep it
-- from being inlined, so what it reads is a view of its own.
create view api_event_access as
select x.event_id, x.user_id
from event_access x;

create function crewup.api_events_seen_by(viewer uuid, all_private boolean) returns table (
    id uuid, creator_id uuid, name varchar, event_start timestamptz, effective_end timestamptz, is_cancelled boolean,
    cancelled_at timestamptz, is_public boolean, address text
)
language sql stable as $$
    select
        e.id, e.creator_id, e.name, e.event_start, e.effective_end, e.is_cancelled, e.cancelled_at, e.is_public,
        e.address
    from api_events e
    where e.is_public
        or e.creator_id = viewer
        or all_private
        or exists (select from api_event_access x where x.event_id = e.id and x.user_id = viewer)
$$;

-- An event that holds still until the transaction ends: it is neither cancelled nor deleted meanwhile (E16, G1, G2).
-- KEY SHARE excludes FOR UPDATE, which cancelling and deleting take, and not NO KEY UPDATE, which RSVPs take.
create function crewup.api_hold_event(event uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform from event_seats s where s.event_id = event for key share;
end;
$$;

-- U1: the profile of an account, by its subject or by what erasing left of it (U8), with the newest token that the
-- profile followed. So a service knows a person whom it has met whether or not the user service answers (S: raising an
-- alert depends on no other service), and asks it only for who is new or has a newer token.
create function crewup.api_account(subject text) returns table (
    user_id uuid, claims_iat timestamptz, is_erased boolean
)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select u.id, u.claims_iat, u.erased_at is not null
    from users u
    where u.keycloak_id in (subject, 'erased:' || encode(sha256(convert_to(subject, 'UTF8')), 'hex'))
$$;

revoke execute on function
crewup.api_events_seen_by(uuid, boolean), crewup.api_hold_event(uuid), crewup.api_account(text) from public;
grant select on api_event_access to crewup_group, crewup_safety;
grant execute on function crewup.api_events_seen_by(uuid, boolean), crewup.api_hold_event(uuid)
to crewup_group, crewup_safety;
grant execute on function crewup.api_account(text)
to crewup_event, crewup_group, crewup_safety, crewup_moderation;
