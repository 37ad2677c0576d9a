-- Events: seats (E8), waitlist (E11), invitations and access (E20), and the indexes of the keyset lists (E21).

set local search_path = public;

-- time_zone: the IANA zone in which the event is shown (E3). cancelled_at: the crews' chat closes 72 h after it
-- (E16). deleted_at: DeleteEvent hides, nothing is deleted (E16).
alter table events
    add column waitlist_enabled boolean not null default false,
    add column time_zone text not null default 'UTC',
    add column cancelled_at timestamptz,
    add column deleted_at timestamptz;

-- A backfill is no edit: updated_at stays what it was.
alter table events disable trigger trg_events_updated;
update events
set
    waitlist_enabled = max_attendees is not null,
    cancelled_at = case when is_cancelled then updated_at end
where max_attendees is not null or is_cancelled;
alter table events enable trigger trg_events_updated;

alter table events add constraint events_cancelled_check check (is_cancelled = (cancelled_at is not null));

-- E2: the one definition of when an event is over. By way of `timestamp`, because timestamptz + interval is only
-- STABLE (a day has 23 hours in some zone), and what is not truly immutable is not inlined; hours are hours in UTC.
create function crewup.effective_end(event_start timestamptz, event_end timestamptz) returns timestamptz
language sql immutable parallel safe as $$
    select coalesce(event_end, (event_start at time zone 'UTC' + interval '24 hours') at time zone 'UTC')
$$;

-- E8: the row that every change of a seat updates, before it writes the attendee. The check is the guarantee.
create table event_seats (
    event_id uuid primary key references events (id),
    capacity integer check (capacity >= 0),
    going integer not null default 0 check (going >= 0),
    interested integer not null default 0 check (interested >= 0),
    waiting integer not null default 0 check (waiting >= 0),
    check (capacity is null or going <= capacity)
);

-- An adopted event that is oversold starts with the seats that are taken (E8).
insert into event_seats (event_id, capacity, going, interested)
select
    e.id,
    case when e.max_attendees is not null then greatest(e.max_attendees, a.going) end,
    a.going,
    a.interested
from events e
cross join lateral (
    select
        count(*) filter (where x.status = 'going')::integer as going,
        count(*) filter (where x.status = 'interested')::integer as interested
    from event_attendees x
    where x.event_id = e.id
) a;

-- E11: first in, first out by a sequence; the position is computed. Who leaves and returns is a new row.
create table event_waitlist (
    event_id uuid not null references events (id),
    user_id uuid not null references users (id),
    position_seq bigint not null generated always as identity,
    created_at timestamptz not null,
    primary key (event_id, user_id)
);

create unique index idx_event_waitlist_position on event_waitlist (event_id, position_seq);
create index idx_event_waitlist_user on event_waitlist (user_id);

-- E20: a link (stored as a hash) or a named person, never both.
create table event_invitations (
    id uuid primary key,
    event_id uuid not null references events (id),
    created_by uuid not null references users (id),
    token_hash bytea unique,
    invitee_id uuid references users (id),
    max_uses integer check (max_uses > 0),
    uses integer not null default 0 check (uses >= 0),
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null,
    check (num_nonnulls(token_hash, invitee_id) = 1),
    check (uses <= max_uses)
);

create index idx_event_invitations_event on event_invitations (event_id);
create index idx_event_invitations_invitee on event_invitations (invitee_id);

-- E20: who may see a private event. One row per person, so that the same person twice is one use.
create table event_access (
    event_id uuid not null references events (id),
    user_id uuid not null references users (id),
    invitation_id uuid references event_invitations (id),
    created_at timestamptz not null,
    primary key (event_id, user_id)
);

create index idx_event_access_user on event_access (user_id);

-- E21: the orders in which pages are cut, with the id that makes each order total.
create index idx_events_start_id on events (event_start, id);
create index idx_events_created_id on events (created_at, id);
create index idx_events_creator_start_id on events (creator_id, event_start, id);
create index idx_event_attendees_list on event_attendees (event_id, status, created_at, user_id);
create index idx_event_attendees_user_status on event_attendees (user_id, status);
