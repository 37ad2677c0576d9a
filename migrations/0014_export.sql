-- U7: everything that the system holds on a person, by the owner of the tables. Each service publishes its part, with the
-- rights of the tables' owner, for the user service to send from one snapshot. Left out is what is another's: secrets of
-- links, who blocked the person, moderators and their notes, what others said of the person in reports.

set local search_path = public;

create function crewup.api_export_event(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'events', to_jsonb(e) - 'search_text' from events e where e.creator_id = person
    union all
    select 'event_attendees', to_jsonb(a) from event_attendees a where a.user_id = person
    union all
    select 'event_waitlist', to_jsonb(w) - 'position_seq' from event_waitlist w where w.user_id = person
    union all
    select 'event_access', to_jsonb(x) from event_access x where x.user_id = person
    union all
    select 'event_invitations', to_jsonb(i) - 'token_hash' from event_invitations i
    where i.created_by = person or i.invitee_id = person
$$;

create function crewup.api_export_group(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'groups', to_jsonb(g) - 'search_text' from groups g where g.archived_by = person
    union all
    select 'group_members', to_jsonb(m) from group_members m where m.user_id = person
    union all
    select 'group_members_past', to_jsonb(m) from group_members_past m where m.user_id = person
    union all
    select 'group_bans', to_jsonb(b) from group_bans b where b.user_id = person or b.banned_by = person
    union all
    select 'group_requests', to_jsonb(r) from group_requests r where r.user_id = person
    union all
    select 'group_invitations', to_jsonb(i) - 'token_hash' from group_invitations i where i.created_by = person
    union all
    select 'group_invitation_uses', to_jsonb(u) from group_invitation_uses u where u.user_id = person
    union all
    select 'messages', to_jsonb(m) from messages m where m.sender_id = person
    union all
    select 'timeline', to_jsonb(t) from timeline t where t.user_id = person or t.actor_id = person
    union all
    select 'read_marks', to_jsonb(k) from read_marks k where k.user_id = person
$$;

create function crewup.api_export_user(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'users', to_jsonb(u) - 'search_text' from users u where u.id = person
    union all
    select 'user_roles', to_jsonb(r) from user_roles r where r.user_id = person
    union all
    select 'user_blocks', to_jsonb(b) from user_blocks b where b.blocker_id = person
    union all
    select 'ratings', to_jsonb(r) from ratings r where r.rater_user_id = person or r.rated_user_id = person
$$;

create function crewup.api_export_safety(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'alert_batches', to_jsonb(b) from alert_batches b where b.user_id = person
    union all
    select 'safety_alerts', to_jsonb(a) from safety_alerts a where a.user_id = person
    union all
    select 'alert_places', to_jsonb(p) from alert_places p join alert_batches b on b.id = p.batch_id
    where b.user_id = person
    union all
    select 'alert_recipients', to_jsonb(r) from alert_recipients r where r.user_id = person
$$;

create function crewup.api_export_moderation(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'bans', to_jsonb(b) - 'note' - 'created_by' - 'ended_by' from bans b where b.user_id = person
    union all
    select 'appeals', to_jsonb(a) - 'decided_by' from appeals a where a.user_id = person
    union all
    select 'reports', jsonb_build_object(
        'id', r.id, 'reporter_id', r.reporter_id, 'object_kind', r.object_kind, 'object_id', r.object_id,
        'violation', r.violation, 'body', r.body, 'created_at', r.created_at
    ) from reports r where r.reporter_id = person
    union all
    select 'moderation_log', to_jsonb(l) from moderation_log l where l.actor_id = person
$$;

-- What every service keeps for a retry (X1) and told of (X8): ids, states and times.
create function crewup.api_export_shared(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'idempotency', to_jsonb(i) - 'request_hash' from idempotency i where i.caller_id = person
    union all
    select 'outbox', to_jsonb(o) from outbox o where o.key = person or o.subject = person
$$;

revoke execute on function
crewup.api_export_event(uuid), crewup.api_export_group(uuid), crewup.api_export_user(uuid),
crewup.api_export_safety(uuid), crewup.api_export_moderation(uuid), crewup.api_export_shared(uuid)
from public;
grant execute on function
crewup.api_export_event(uuid), crewup.api_export_group(uuid), crewup.api_export_user(uuid),
crewup.api_export_safety(uuid), crewup.api_export_moderation(uuid), crewup.api_export_shared(uuid)
to crewup_user;
