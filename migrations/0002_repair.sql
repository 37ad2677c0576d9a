-- Repairs of the reference schema, each with its reason (docs/adr/0001-repairing-the-reference-schema.md).

-- Functions that are ours and not the reference's live in a schema of their own. It has the name of the role that
-- migrates, and by PostgreSQL's default search path ("$user", public) every table after it would be created
-- there: so each later migration begins with this line, and crewup-migrate connects with it.
set local search_path = public;
create schema crewup;

-- E4: the one clock. A test template replaces its body by now() + offset, so that one UPDATE moves time for
-- every process. Nothing else of ours names a clock.
create function crewup.now() returns timestamptz
language sql stable as 'select now()';

-- A backfill is no edit: updated_at stays what it was.
alter table users disable trigger trg_users_updated;
alter table events disable trigger trg_events_updated;

-- E3: instants are timestamptz. The reference compares timestamptz with timestamp in events_check, so that the
-- same row is right or wrong by the time zone of the session that writes it. Old values are taken as UTC.
-- The defaults go first (they would be carried over) and come back with the one clock.
alter table users
    alter column created_at drop default,
    alter column updated_at drop default;
alter table users
    alter column created_at type timestamptz using created_at at time zone 'UTC',
    alter column updated_at type timestamptz using updated_at at time zone 'UTC';
alter table users
    alter column created_at set default crewup.now(),
    alter column updated_at set default crewup.now();

alter table events
    alter column created_at drop default,
    alter column updated_at drop default;
alter table events
    alter column created_at type timestamptz using created_at at time zone 'UTC',
    alter column updated_at type timestamptz using updated_at at time zone 'UTC';
alter table events
    alter column created_at set default crewup.now(),
    alter column updated_at set default crewup.now();

alter table groups alter column created_at drop default;
alter table groups alter column created_at type timestamptz using created_at at time zone 'UTC';
alter table groups alter column created_at set default crewup.now();

alter table group_members alter column joined_at drop default;
alter table group_members alter column joined_at type timestamptz using joined_at at time zone 'UTC';
alter table group_members alter column joined_at set default crewup.now();

alter table messages alter column sent_at drop default;
alter table messages alter column sent_at type timestamptz using sent_at at time zone 'UTC';
alter table messages alter column sent_at set default crewup.now();

alter table ratings alter column created_at drop default;
alter table ratings alter column created_at type timestamptz using created_at at time zone 'UTC';
alter table ratings alter column created_at set default crewup.now();

alter table safety_alerts alter column created_at drop default;
alter table safety_alerts
    alter column created_at type timestamptz using created_at at time zone 'UTC',
    alter column resolved_at type timestamptz using resolved_at at time zone 'UTC';
alter table safety_alerts alter column created_at set default crewup.now();

alter table event_attendees
    alter column created_at drop default,
    alter column updated_at drop default;
alter table event_attendees
    alter column created_at type timestamptz using created_at at time zone 'UTC',
    alter column updated_at type timestamptz using updated_at at time zone 'UTC';
alter table event_attendees
    alter column created_at set default crewup.now(),
    alter column updated_at set default crewup.now();

-- A flag that may be null has three values, and `where not is_cancelled` loses the third. Nulls get the value
-- that the column's default promises; an unknown time is the earliest that the row allows.
update users set
    reputation = coalesce(reputation, 0),
    is_active = coalesce(is_active, true),
    created_at = coalesce(created_at, updated_at, 'epoch'),
    updated_at = coalesce(updated_at, created_at, 'epoch')
where num_nulls(reputation, is_active, created_at, updated_at) > 0;
update events set
    event_type = coalesce(event_type, 'other'),
    is_public = coalesce(is_public, true),
    is_cancelled = coalesce(is_cancelled, false),
    created_at = coalesce(created_at, least(updated_at, event_start - interval '1 second')),
    updated_at = coalesce(updated_at, created_at, event_start - interval '1 second')
where num_nulls(event_type, is_public, is_cancelled, created_at, updated_at) > 0;
update groups set
    max_members = coalesce(max_members, 10),
    is_private = coalesce(is_private, false),
    created_at = coalesce(created_at, 'epoch')
where num_nulls(max_members, is_private, created_at) > 0;
update group_members set
    joined_at = coalesce(joined_at, 'epoch'),
    is_admin = coalesce(is_admin, false)
where num_nulls(joined_at, is_admin) > 0;
update messages set
    is_edited = coalesce(is_edited, false),
    sent_at = coalesce(sent_at, 'epoch')
where num_nulls(is_edited, sent_at) > 0;
update ratings set created_at = 'epoch' where created_at is null;
update safety_alerts set
    alert_type = coalesce(alert_type, 'help'),
    created_at = coalesce(created_at, resolved_at, 'epoch')
where num_nulls(alert_type, created_at) > 0;
update event_attendees set
    status = coalesce(status, 'going'),
    created_at = coalesce(created_at, updated_at, 'epoch'),
    updated_at = coalesce(updated_at, created_at, 'epoch')
where num_nulls(status, created_at, updated_at) > 0;

-- A row without its key belongs to nobody. It cannot be filled in, and this file throws nothing away: such a row
-- stops the migration here, and who adopts the database decides.
alter table users
    alter column reputation set not null,
    alter column is_active set not null,
    alter column created_at set not null,
    alter column updated_at set not null;
alter table events
    alter column creator_id set not null,
    alter column event_type set not null,
    alter column is_public set not null,
    alter column is_cancelled set not null,
    alter column created_at set not null,
    alter column updated_at set not null;
alter table groups
    alter column event_id set not null,
    alter column max_members set not null,
    alter column is_private set not null,
    alter column created_at set not null;
alter table group_members
    alter column joined_at set not null,
    alter column is_admin set not null;
alter table messages
    alter column group_id set not null,
    alter column sender_id set not null,
    alter column is_edited set not null,
    alter column sent_at set not null;
alter table ratings
    alter column rated_user_id set not null,
    alter column rater_user_id set not null,
    alter column event_id set not null,
    alter column created_at set not null;
alter table safety_alerts
    alter column user_id set not null,
    alter column group_id set not null,
    alter column alert_type set not null,
    alter column created_at set not null;
alter table event_attendees
    alter column status set not null,
    alter column created_at set not null,
    alter column updated_at set not null;

-- The reference says that all foreign keys are indexed; these four are not.
create index idx_messages_sender on messages (sender_id);
create index idx_ratings_rater_user on ratings (rater_user_id);
create index idx_ratings_event on ratings (event_id);
create index idx_safety_alerts_resolved_by on safety_alerts (resolved_by_user_id);

-- The reference says that mutable tables have updated_at, kept by a trigger; these lack the one or both.
-- (A rating is never edited, so ratings has none.)
alter table groups add column updated_at timestamptz;
update groups set updated_at = created_at;
alter table groups
    alter column updated_at set default crewup.now(),
    alter column updated_at set not null;
alter table group_members add column updated_at timestamptz;
update group_members set updated_at = joined_at;
alter table group_members
    alter column updated_at set default crewup.now(),
    alter column updated_at set not null;
alter table messages add column updated_at timestamptz;
update messages set updated_at = sent_at;
alter table messages
    alter column updated_at set default crewup.now(),
    alter column updated_at set not null;
alter table safety_alerts add column updated_at timestamptz;
update safety_alerts set updated_at = coalesce(resolved_at, created_at);
alter table safety_alerts
    alter column updated_at set default crewup.now(),
    alter column updated_at set not null;

create or replace function set_updated_at() returns trigger
language plpgsql as $$
begin
    new.updated_at = crewup.now();
    return new;
end;
$$;

create trigger trg_groups_updated before update on groups
for each row execute function set_updated_at();
create trigger trg_group_members_updated before update on group_members
for each row execute function set_updated_at();
create trigger trg_messages_updated before update on messages
for each row execute function set_updated_at();
create trigger trg_safety_alerts_updated before update on safety_alerts
for each row execute function set_updated_at();
create trigger trg_event_attendees_updated before update on event_attendees
for each row execute function set_updated_at();

alter table users enable trigger trg_users_updated;
alter table events enable trigger trg_events_updated;

-- E6: the etag. updated_at cannot be it, because counters and reactions move it too: only an edit by a person
-- raises revision, and the services do that themselves.
alter table users add column revision bigint not null default 1;
alter table events add column revision bigint not null default 1;
alter table groups add column revision bigint not null default 1;
