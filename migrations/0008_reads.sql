-- What a person sees, in one place each. Set-returning SQL functions without SET or SECURITY DEFINER are inlined by
-- the planner: a query over them is as good as one written out, and a condition cannot be forgotten in one of ten.

set local search_path = public;

-- U5: the people hidden from a viewer by a block, in either direction.
create function crewup.blocked_with(viewer uuid) returns table (user_id uuid)
language sql stable as $$
    select b.blocked_id from api_user_blocks b where b.blocker_id = viewer
    union all
    select b.blocker_id from api_user_blocks b where b.blocked_id = viewer
$$;

-- E20: the events that a viewer may see, with the viewer's own answer. all_private is for a moderator's cancellation.
-- The waitlist is void from the start on (E13). has_guests is whether anybody else ever joined (E16), told to the
-- creator only.
create function crewup.events_seen_by(viewer uuid, all_private boolean) returns table (
    id uuid, creator_id uuid, name varchar, description text, event_type varchar, address text,
    latitude numeric, longitude numeric, event_start timestamptz, event_end timestamptz, effective_end timestamptz,
    time_zone text, max_attendees integer, waitlist_enabled boolean, is_public boolean, is_cancelled boolean,
    created_at timestamptz, updated_at timestamptz, revision bigint, search_text text,
    capacity integer, going integer, interested integer, waiting integer,
    my_status varchar, my_position integer, has_guests boolean, now timestamptz
)
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

revoke execute on function crewup.blocked_with(uuid), crewup.events_seen_by(uuid, boolean) from public;
grant execute on function crewup.blocked_with(uuid) to crewup_event, crewup_group, crewup_user;
grant execute on function crewup.events_seen_by(uuid, boolean) to crewup_event;
