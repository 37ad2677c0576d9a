-- Moderation: versions of a ban (M2), appeals (M9), reports (M6, M7) and the log (M10).

set local search_path = public;

-- M2: a row of bans is a version: revising ends it and begins the next. root_id is the first version's id, and the ban's.
alter table bans
    add column root_id uuid,
    add column violation text not null default 'other' check (violation in (
        'spam', 'harassment', 'hate', 'violence', 'sexual', 'impersonation', 'fraud', 'danger', 'false_alert', 'underage',
        'other'
    ));
update bans set root_id = id where root_id is null;
alter table bans
    alter column root_id set not null,
    alter column violation drop default,
    add foreign key (root_id) references bans (id),
    add check (char_length(note) <= 2000);
create index idx_bans_root on bans (root_id, created_at, id);
create index idx_bans_list on bans (created_at, id) where id = root_id;

-- The one definition of a ban's state, asked of its last version. What ended a ban and was nobody is its time (M4).
create function crewup.ban_state(expires_at timestamptz, ended_at timestamptz, ended_by uuid) returns text
language sql stable as $$
    select case
        when ended_by is not null then 'lifted'
        when ended_at is not null or expires_at <= crewup.now() then 'expired'
        else 'active'
    end
$$;

-- M9: once per ban.
create table appeals (
    id uuid primary key,
    ban_id uuid not null unique references bans (id),
    user_id uuid not null references users (id),
    body text not null check (char_length(body) <= 2000),
    state text not null check (state in ('pending', 'rejected', 'granted')),
    answer text check (char_length(answer) <= 1000),
    decided_by uuid references users (id),
    created_at timestamptz not null,
    decided_at timestamptz,
    check ((state = 'pending') = (decided_at is null)),
    check ((decided_by is null) = (decided_at is null))
);

create index idx_appeals_list on appeals (state, created_at, id);
create index idx_appeals_user on appeals (user_id);

-- M6, M7: object_id is a row of whatever service; snapshot is what the reporter saw of it.
create table reports (
    id uuid primary key,
    reporter_id uuid not null references users (id),
    object_kind text not null check (object_kind in ('user', 'event', 'group', 'message', 'rating', 'alert')),
    object_id uuid not null,
    owner_id uuid references users (id),
    violation text not null check (violation in (
        'spam', 'harassment', 'hate', 'violence', 'sexual', 'impersonation', 'fraud', 'danger', 'false_alert', 'underage',
        'other'
    )),
    body text check (char_length(body) <= 1000),
    snapshot text not null,
    state text not null check (state in ('open', 'claimed', 'resolved', 'dismissed')),
    created_at timestamptz not null,
    claimed_by uuid references users (id),
    claimed_at timestamptz,
    closed_by uuid references users (id),
    closed_at timestamptz,
    note text check (char_length(note) <= 2000),
    check ((claimed_by is null) = (claimed_at is null)),
    check ((closed_by is null) = (closed_at is null)),
    check ((state in ('resolved', 'dismissed')) = (closed_at is not null)),
    check (state <> 'claimed' or claimed_by is not null)
);

-- M6: one open report per reporter and object.
create unique index idx_reports_open on reports (reporter_id, object_kind, object_id) where closed_at is null;
-- M7: the reports of one object; the queue; everything in the order of the list.
create index idx_reports_object on reports (object_kind, object_id) where closed_at is null;
create index idx_reports_queue on reports (state, created_at, id);
create index idx_reports_list on reports (created_at, id);
create index idx_reports_owner on reports (owner_id);

-- M10: ids, codes and times; no key, for the log outlives what it tells of. Nobody updates or deletes it.
create table moderation_log (
    id uuid primary key,
    actor_id uuid not null,
    action text not null check (action in (
        'ban_user', 'revise_ban', 'unban_user', 'appeal_ban', 'reject_appeal', 'grant_appeal', 'claim_report',
        'resolve_report', 'dismiss_report'
    )),
    target_kind text not null check (target_kind in ('ban', 'appeal', 'report')),
    target_id uuid not null,
    target_user_id uuid,
    violation text not null,
    state_before text,
    state_after text not null,
    expires_before timestamptz,
    expires_after timestamptz,
    request_id uuid,
    created_at timestamptz not null
);

create index idx_moderation_log_list on moderation_log (created_at, id);
create index idx_moderation_log_actor on moderation_log (actor_id, created_at, id);
create index idx_moderation_log_target on moderation_log (target_user_id, created_at, id);

grant select, insert on moderation_log to crewup_moderation;
grant select, insert, update (body, state, answer, decided_by, decided_at) on appeals to crewup_moderation;
grant select, insert, update (state, claimed_by, claimed_at, closed_by, closed_at, note, body, snapshot) on reports
to crewup_moderation;

revoke execute on function crewup.ban_state(timestamptz, timestamptz, uuid) from public;
grant execute on function crewup.ban_state(timestamptz, timestamptz, uuid) to crewup_moderation;
