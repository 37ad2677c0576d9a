-- E20: what ends access, and what lost answers leave behind.

set local search_path = public;

-- Who was removed from an event, and when last. No invitation that was made before lets the person in again; one that is made
-- after does.
create table event_removals (
    event_id uuid not null references events (id),
    user_id uuid not null references users (id),
    removed_at timestamptz not null,
    primary key (event_id, user_id)
);

create index idx_event_removals_user on event_removals (user_id);

grant select, insert, update (removed_at) on event_removals to crewup_event;

-- A link whose answer was lost gets another secret when the call is repeated, while nobody has used it: the first is known to
-- nobody, for only its hash is kept (X1).
grant update (token_hash) on event_invitations to crewup_event;
grant update (token_hash) on group_invitations to crewup_group;

create or replace function crewup.api_export_event(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'events', to_jsonb(e) - 'search_text' from events e where e.creator_id = person
    union all
    select 'event_attendees', to_jsonb(a) from event_attendees a where a.user_id = person
    union all
    select 'event_waitlist', to_jsonb(w) - 'position_seq' from event_waitlist w where w.user_id = person
    union all
    select 'event_access', to_jsonb(x) from event_access x where x.user_id = person
    union all
    select 'event_removals', to_jsonb(r) from event_removals r where r.user_id = person
    union all
    select 'event_invitations', to_jsonb(i) - 'token_hash' from event_invitations i
    where i.created_by = person or i.invitee_id = person
$$;
