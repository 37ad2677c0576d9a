-- What a person sees of people, in one place (U3, U5), and what the user service reads of alerts (U9).

set local search_path = public;

-- The people whom a viewer may see, as 0008 has it for events: active, and not hidden by a block in either direction.
-- Oneself is always seen. Inlined; api_users has the one definition of a person's state.
create function crewup.users_seen_by(viewer uuid) returns table (
    id uuid, first_name varchar, last_name varchar, bio text, profile_picture_url text, interests text[],
    reputation numeric, rating_count integer, created_at timestamptz, search_text text
)
language sql stable as $$
    select
        u.id, u.first_name, u.last_name, u.bio, u.profile_picture_url, array_remove(u.interests, null),
        u.reputation, u.rating_count, u.created_at, u.search_text
    from users u
    join api_users s on s.id = u.id
    where u.id = viewer or (
        s.state = 'active'
        and not exists (select from crewup.blocked_with(viewer) b where b.user_id = u.id)
    )
$$;

revoke execute on function crewup.users_seen_by(uuid) from public;
grant execute on function crewup.users_seen_by(uuid) to crewup_user;

-- U9: whose alert is not resolved. Not what it says, nor where.
create view api_active_alerts as
select distinct a.user_id
from safety_alerts a
where a.resolved_at is null;

grant select on api_active_alerts to crewup_user;

-- update_time is when the profile last changed. A newer token with the same claims (claims_iat, U2) changes nothing
-- of it, so the trigger now names what does, instead of what does not.
drop trigger trg_users_updated on users;
create trigger trg_users_updated before update on users
for each row
when (
    (
        old.email, old.first_name, old.last_name, old.bio, old.profile_picture_url, old.interests, old.is_active,
        old.erased_at
    ) is distinct from (
        new.email, new.first_name, new.last_name, new.bio, new.profile_picture_url, new.interests, new.is_active,
        new.erased_at
    )
)
execute function set_updated_at();
