-- Crews: seats (G12), the timeline (C2), requests, invitations and bans of private crews (G3, G8), read marks (C10).

set local search_path = public;

-- archived_at: a crew is put away, never deleted (G10); archived_by, so that a second DeleteGroup by the same person
-- is told the same.
alter table groups
    add column archived_at timestamptz,
    add column archived_by uuid references users (id),
    add column search_text text not null
    generated always as (crewup.fold(name || ' ' || coalesce(description, ''))) stored;
create index idx_groups_search on groups using gin (search_text gin_trgm_ops);
create index idx_groups_event_created on groups (event_id, created_at, id);

-- Adopted crews: one that nobody leads is led by its longest-standing member, one without members is put away (G6).
update group_members m
set is_admin = true
where not exists (select from group_members a where a.group_id = m.group_id and a.is_admin)
    and not exists (
        select from group_members o
        where o.group_id = m.group_id and (o.joined_at, o.user_id) < (m.joined_at, m.user_id)
    );
alter table groups disable trigger trg_groups_updated;
update groups g
set archived_at = crewup.now()
where not exists (select from group_members m where m.group_id = g.id);
alter table groups enable trigger trg_groups_updated;

-- G2, G12, C2: the row that every change of the members and every entry of the timeline updates first. The check is the
-- guarantee. updated_at is when the members last changed; a message moves only last_sequence.
create table group_seats (
    group_id uuid primary key references groups (id),
    capacity integer not null check (capacity > 0),
    members integer not null default 0 check (members >= 0),
    last_sequence bigint not null default 0 check (last_sequence >= 0),
    updated_at timestamptz not null,
    check (members <= capacity)
);

-- An adopted crew that is oversold starts with the places that are taken (E8).
insert into group_seats (group_id, capacity, members, last_sequence, updated_at)
select g.id, greatest(g.max_members, m.members), m.members, s.sent, g.updated_at
from groups g
cross join lateral (select count(*)::integer as members from group_members x where x.group_id = g.id) m
cross join lateral (select count(*) as sent from messages x where x.group_id = g.id) s;

-- C2: a message is its own entry of the timeline, by its number. deleted_as: in which role it was deleted (C9).
alter table messages
    add column sequence bigint,
    add column edited_at timestamptz,
    add column deleted_at timestamptz,
    add column deleted_by uuid references users (id),
    add column deleted_as text check (deleted_as in ('author', 'crew_admin', 'moderator')),
    add check (num_nulls(deleted_at, deleted_by, deleted_as) in (0, 3));
alter table messages disable trigger trg_messages_updated;
update messages m
set sequence = n.number, edited_at = case when m.is_edited then m.sent_at end
from (select x.id, row_number() over (partition by x.group_id order by x.sent_at, x.id) as number from messages x) n
where n.id = m.id;
alter table messages enable trigger trg_messages_updated;
alter table messages alter column sequence set not null;

-- C9: what was deleted is overwritten, with nothing. The reference's check would ask for something.
alter table messages drop constraint messages_content_check;
alter table messages add constraint messages_content_check check (
    case when deleted_at is null then char_length(content) between 1 and 2000 else content = '' end
);

create unique index idx_messages_group_sequence on messages (group_id, sequence);
-- C13 counts the sender's latest messages in a crew; it also serves the foreign key, as the index that it replaces.
create index idx_messages_sender_group on messages (sender_id, group_id, sequence);
drop index idx_messages_sender;

-- G11, C8, C9: every entry of a crew's timeline but the messages themselves, under one order of numbers with them.
-- user_id: whom a change of the members is about; actor_id: which admin did it. detail: the role of a join, the cause of
-- a leave.
create table timeline (
    group_id uuid not null references groups (id),
    sequence bigint not null,
    kind text not null check (kind in (
        'message_edited', 'message_deleted', 'member_joined', 'member_left', 'member_removed', 'member_promoted',
        'member_demoted'
    )),
    message_id uuid references messages (id),
    user_id uuid references users (id),
    actor_id uuid references users (id),
    detail text check (detail in ('member', 'admin', 'left', 'not_going', 'profile_gone')),
    created_at timestamptz not null,
    primary key (group_id, sequence),
    check (num_nonnulls(message_id, user_id) = 1),
    check ((kind in ('message_edited', 'message_deleted')) = (message_id is not null))
);

create index idx_timeline_message on timeline (message_id) where message_id is not null;

-- Memberships that ended, and why: LeaveGroup a second time is OK, and a membership that a ban ended still counts for an
-- alert (S1).
create table group_members_past (
    group_id uuid not null references groups (id),
    user_id uuid not null references users (id),
    joined_at timestamptz not null,
    left_at timestamptz not null,
    cause text not null check (cause in (
        'left', 'not_going', 'removed', 'banned', 'deactivated', 'erased', 'archived'
    )),
    primary key (group_id, user_id, left_at)
);

create index idx_group_members_past_user on group_members_past (user_id);

-- G8.
create table group_bans (
    group_id uuid not null references groups (id),
    user_id uuid not null references users (id),
    banned_by uuid not null references users (id),
    created_at timestamptz not null,
    primary key (group_id, user_id)
);

create index idx_group_bans_user on group_bans (user_id);

-- G3: at most one pending request of a person.
create table group_requests (
    id uuid primary key,
    group_id uuid not null references groups (id),
    user_id uuid not null references users (id),
    note text,
    state text not null check (state in ('pending', 'approved', 'rejected', 'cancelled')),
    created_at timestamptz not null,
    decided_at timestamptz,
    decided_by uuid references users (id),
    check ((state = 'pending') = (decided_at is null))
);

create unique index idx_group_requests_pending on group_requests (group_id, user_id) where state = 'pending';
create index idx_group_requests_user on group_requests (user_id);
create index idx_group_requests_list on group_requests (group_id, created_at, id) where state = 'pending';

-- G3: a link, as E20 has it.
create table group_invitations (
    id uuid primary key,
    group_id uuid not null references groups (id),
    created_by uuid not null references users (id),
    token_hash bytea not null unique,
    max_uses integer check (max_uses > 0),
    uses integer not null default 0 check (uses >= 0),
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null,
    check (uses <= max_uses)
);

create index idx_group_invitations_group on group_invitations (group_id, created_at, id);

-- The same person twice is one use, also after leaving.
create table group_invitation_uses (
    invitation_id uuid not null references group_invitations (id),
    user_id uuid not null references users (id),
    created_at timestamptz not null,
    primary key (invitation_id, user_id)
);

create index idx_group_invitation_uses_user on group_invitation_uses (user_id);

-- C10: up to which number a member has read.
create table read_marks (
    group_id uuid not null references groups (id),
    user_id uuid not null references users (id),
    sequence bigint not null check (sequence >= 0),
    updated_at timestamptz not null,
    primary key (group_id, user_id)
);

create index idx_read_marks_user on read_marks (user_id);

-- The orders of lists (E21).
create index idx_group_members_joined on group_members (group_id, joined_at, user_id);
create index idx_group_members_user_joined on group_members (user_id, joined_at, group_id);

-- G3: the crews that a viewer may see, by their events, with what the viewer is to them. unread is counted for members
-- only (C10). Inlined by the planner, as 0008.
create type crewup.crew as (
    id uuid, event_id uuid, name varchar, description text, max_members integer, is_private boolean,
    created_at timestamptz, updated_at timestamptz, archived_at timestamptz, archived_by uuid, revision bigint,
    search_text text, capacity integer, members integer, last_sequence bigint,
    event_creator_id uuid, effective_end timestamptz, event_cancelled_at timestamptz,
    admin_ids uuid[], admin_first_names text[], admin_last_names text[],
    my_joined_at timestamptz, my_is_admin boolean, my_ban_at timestamptz, my_request_id uuid, my_read_sequence bigint,
    my_unread integer, i_am_going boolean, now timestamptz
);

create function crewup.crews_seen_by(viewer uuid, all_private boolean) returns setof crewup.crew
language sql stable as $$
    select
        g.id, g.event_id, g.name, g.description, g.max_members, g.is_private,
        g.created_at, greatest(g.updated_at, s.updated_at), g.archived_at, g.archived_by, g.revision,
        g.search_text, s.capacity, s.members, s.last_sequence,
        e.creator_id, e.effective_end, e.cancelled_at,
        a.ids, a.first_names, a.last_names,
        m.joined_at, coalesce(m.is_admin, false), b.created_at, r.id,
        case when m.user_id is not null then coalesce(k.sequence, 0) end,
        case when m.user_id is not null then (
            select count(*)::integer from messages x
            where x.group_id = g.id and x.sequence > coalesce(k.sequence, 0) and x.sender_id <> viewer
                and x.deleted_at is null
        ) end,
        exists (
            select from api_attendance t where t.event_id = g.event_id and t.user_id = viewer and t.status = 'going'
        ),
        crewup.now()
    from groups g
    join group_seats s on s.group_id = g.id
    join crewup.api_events_seen_by(viewer, all_private) e on e.id = g.event_id
    left join group_members m on m.group_id = g.id and m.user_id = viewer
    left join group_bans b on b.group_id = g.id and b.user_id = viewer
    left join group_requests r on r.group_id = g.id and r.user_id = viewer and r.state = 'pending'
    left join read_marks k on k.group_id = g.id and k.user_id = viewer
    left join lateral (
        select
            array_agg(u.id order by l.joined_at, u.id) as ids,
            array_agg(u.first_name::text order by l.joined_at, u.id) as first_names,
            array_agg(u.last_name::text order by l.joined_at, u.id) as last_names
        from group_members l
        join api_users u on u.id = l.user_id
        where l.group_id = g.id and l.is_admin
    ) a on true
$$;

-- The crew that a write is about, as the viewer sees it. Its row is locked first, then it is read, each in a statement of
-- its own, so that what is read is from after the lock (E8, G6). Who adds members holds the event as well, before the
-- crew: users, event, crews is the order of X6. Without my_unread, which would count all that the viewer has not read for
-- every message that the viewer sends.
create function crewup.crew_held(viewer uuid, all_private boolean, crew uuid, holds_event boolean)
returns setof crewup.crew
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
begin
    if holds_event then
        perform crewup.api_hold_event(g.event_id) from groups g where g.id = crew;
    end if;
    perform from group_seats s where s.group_id = crew for no key update;
    return query
        select
            c.id, c.event_id, c.name, c.description, c.max_members, c.is_private,
            c.created_at, c.updated_at, c.archived_at, c.archived_by, c.revision,
            c.search_text, c.capacity, c.members, c.last_sequence,
            c.event_creator_id, c.effective_end, c.event_cancelled_at,
            c.admin_ids, c.admin_first_names, c.admin_last_names,
            c.my_joined_at, c.my_is_admin, c.my_ban_at, c.my_request_id, c.my_read_sequence,
            null::integer, c.i_am_going, c.now
        from crewup.crews_seen_by(viewer, all_private) c
        where c.id = crew;
end;
$$;

-- What the other services read of crews.
create view api_groups as
select g.id, g.event_id, g.name, g.archived_at
from groups g;

create view api_group_members as
select m.group_id, m.user_id, m.is_admin, m.joined_at
from group_members m;

-- S1: memberships that a ban ended.
create view api_group_members_banned as
select p.group_id, p.user_id, p.left_at
from group_members_past p
where p.cause = 'banned';

revoke execute on function crewup.crews_seen_by(uuid, boolean), crewup.crew_held(uuid, boolean, uuid, boolean) from public;
grant execute on function crewup.crews_seen_by(uuid, boolean), crewup.crew_held(uuid, boolean, uuid, boolean) to crewup_group;
grant select on api_groups, api_group_members, api_group_members_banned to crewup_safety, crewup_user, crewup_event;

-- X11. No DELETE on groups or messages (0007); what a crew remembers of past members and requests stays, too.
grant update (archived_at, archived_by) on groups to crewup_group;
grant select, insert, update (capacity, members, last_sequence, updated_at) on group_seats to crewup_group;
grant update (edited_at, deleted_at, deleted_by, deleted_as) on messages to crewup_group;
grant select, insert on timeline, group_members_past, group_invitation_uses to crewup_group;
grant select, insert, delete on group_bans to crewup_group;
grant select, insert, update (state, decided_at, decided_by, note) on group_requests to crewup_group;
grant select, insert, update (uses, revoked_at) on group_invitations to crewup_group;
grant select, insert, delete, update (sequence, updated_at) on read_marks to crewup_group;
