-- X11: what each service may do. Every table has one writing service; the others read its api_* views.
-- Roles belong to the cluster, not to this database: crewup-migrate creates them before it migrates.

set local search_path = public;

-- The views run with the rights of their owner: a service sees exactly these columns and rows, and may change
-- what is behind them only if the table is its own. (api_users is from 0003, where the state is defined.)
create view api_user_blocks as
select b.blocker_id, b.blocked_id
from user_blocks b;

-- M1: the rank of the target of a ban.
create view api_user_roles as
select r.user_id, r.role
from user_roles r;

-- M5: whom a ban holds now and until when (null: without end), for the reactions on it. Not why.
create view api_bans as
select b.user_id, b.expires_at
from bans b
where b.ended_at is null and (b.expires_at is null or b.expires_at > crewup.now());

create view api_events as
select
    e.id,
    e.creator_id,
    e.name,
    e.event_start,
    crewup.effective_end(e.event_start, e.event_end) as effective_end,
    e.is_cancelled,
    e.cancelled_at,
    e.is_public
from events e
where e.deleted_at is null;

create view api_attendance as
select a.event_id, a.user_id, a.status
from event_attendees a;

-- Nobody creates in public, and no function of ours is everybody's. PostgreSQL 15 has the first by default, an
-- adopted database may be older.
revoke create on schema public from public;
revoke execute on all functions in schema crewup from public;
alter default privileges revoke execute on functions from public;

grant usage on schema public, crewup
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
grant execute on function
crewup.now(),
crewup.effective_end(timestamptz, timestamptz),
crewup.user_state(uuid),
crewup.enter(uuid, uuid[]),
crewup.fold(text),
crewup.distance_m(double precision, double precision, double precision, double precision),
crewup.mercator(double precision, double precision)
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
grant select on api_users, api_user_blocks, api_user_roles, api_bans, api_events, api_attendance
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
-- A service is ready when the schema has at least its migrations.
grant select on _sqlx_migrations
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;

-- X1, X8: every service, its own rows. DELETE is the purge after 48 h and a claim that is done.
grant select, insert, delete, update (result_id) on idempotency
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
grant select, insert, delete on outbox
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
grant select, insert, delete, update (attempts, due_at, parked_at) on outbox_claims
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;

-- user. No DELETE on users (U8 leaves a tombstone); reputation, rating_count and is_banned follow by trigger.
grant select on users, user_reputation to crewup_user;
grant insert (
    id, keycloak_id, email, first_name, last_name, bio, profile_picture_url, interests, is_active,
    created_at, updated_at, claims_iat
) on users to crewup_user;
grant update (
    keycloak_id, email, first_name, last_name, bio, profile_picture_url, interests, is_active,
    claims_iat, erased_at, revision
) on users to crewup_user;
grant select, insert, delete, update (comment) on ratings to crewup_user;
grant select, insert, delete on user_blocks to crewup_user;
grant select, insert, delete, update (seen_at) on user_roles to crewup_user;

-- event. No DELETE on events (E16 hides); an event never changes its creator.
grant select, insert on events to crewup_event;
grant update (
    name, description, event_type, address, latitude, longitude, event_start, event_end, max_attendees,
    is_public, is_cancelled, waitlist_enabled, time_zone, cancelled_at, deleted_at, revision
) on events to crewup_event;
grant select, insert, update (capacity, going, interested, waiting) on event_seats to crewup_event;
grant select, insert, delete, update (status) on event_attendees to crewup_event;
grant select, insert, delete on event_waitlist to crewup_event;
grant select, insert, update (uses, revoked_at) on event_invitations to crewup_event;
grant select, insert, delete on event_access to crewup_event;

-- group. No DELETE on groups or messages (G10 archives, C9 leaves a tombstone).
grant select, insert on groups to crewup_group;
grant update (name, description, max_members, is_private, revision) on groups to crewup_group;
grant select, insert, delete, update (is_admin) on group_members to crewup_group;
grant select, insert, update (content, is_edited) on messages to crewup_group;

-- safety. Reads crews and events, by the reference's table "By Microservice".
grant select, insert on safety_alerts to crewup_safety;
grant update (latitude, longitude, alert_type, message, resolved_at, resolved_by_user_id)
on safety_alerts to crewup_safety;
grant select on groups, group_members to crewup_safety;

-- moderation. Writes bans, and nothing of users: a changed ban is the old row ended and a new one (M2).
grant select, insert, update (ended_at, ended_by) on bans to crewup_moderation;
