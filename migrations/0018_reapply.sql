-- After a restore, who was erased since is erased again (docs/adr/0022-standings-outside.md): by crewup-migrate, as the user
-- service does it. So what erasing leaves of a person (U8) is said once, here.

set local search_path = public;

create function crewup.erase(person uuid) returns void
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    with roles as (
        delete from user_roles where user_id = person
    ), blocks as (
        delete from user_blocks where blocker_id = person
    ), given as (
        update ratings set comment = null where rater_user_id = person and comment is not null
    )
    update users
    set keycloak_id = 'erased:' || encode(sha256(convert_to(keycloak_id, 'UTF8')), 'hex'),
        email = id || '@erased.invalid', first_name = '', last_name = '', bio = null, profile_picture_url = null,
        interests = null, claims_iat = null, erased_at = crewup.now(), revision = revision + 1
    where id = person and erased_at is null;
    -- Apart: the trigger of each row computes the reputation on the row that was just written.
    delete from ratings where rated_user_id = person;
end;
$$;

-- The name of a person in the log of standings.
create function crewup.person_hash(person uuid) returns text
language sql immutable parallel safe as $$
    select encode(sha256(convert_to('crewup.user:' || person, 'UTF8')), 'hex')
$$;

revoke execute on function crewup.erase(uuid), crewup.person_hash(uuid) from public;
grant execute on function crewup.erase(uuid), crewup.person_hash(uuid) to crewup_user;
grant select on api_bans to crewup_user;
