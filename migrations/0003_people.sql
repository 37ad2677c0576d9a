-- People: their state (U6), blocks (U5), roles (M1), bans (M2-M4), reputation (R7), and enter (X6).

set local search_path = public;

-- claims_iat: the newest token whose claims were taken over (U2). rating_count: kept beside reputation (R7).
-- is_banned and erased_at: deactivated, banned and erased are three states (U6), is_active is the first.
alter table users
    add column claims_iat timestamptz,
    add column erased_at timestamptz,
    add column is_banned boolean not null default false,
    add column rating_count integer not null default 0 check (rating_count >= 0);

-- Columns that other rows determine are not the profile: recomputing them moves neither updated_at nor revision.
drop trigger trg_users_updated on users;
create trigger trg_users_updated before update on users
for each row
when (
    (old.reputation, old.rating_count, old.is_banned)
    is not distinct from (new.reputation, new.rating_count, new.is_banned)
)
execute function set_updated_at();

create table user_blocks (
    blocker_id uuid not null references users (id),
    blocked_id uuid not null references users (id),
    created_at timestamptz not null,
    primary key (blocker_id, blocked_id),
    check (blocker_id <> blocked_id)
);

-- A block hides in both directions (U5), so it is looked up from both ends.
create index idx_user_blocks_reverse on user_blocks (blocked_id, blocker_id);

-- M1: the roles last seen in a verified token or by synchronisation; no row is the lowest rank.
create table user_roles (
    user_id uuid not null references users (id),
    role text not null check (role in ('moderator', 'admin')),
    seen_at timestamptz not null,
    primary key (user_id, role)
);

-- M2: a changed ban is the old row ended and a new one, so the history is the table itself.
-- No key of ours cascades from users or events: nobody deletes those, and a mistake should fail, not spread.
create table bans (
    id uuid primary key,
    user_id uuid not null references users (id),
    reason varchar(255) not null check (char_length(reason) between 10 and 255),
    note text,
    created_by uuid not null references users (id),
    created_at timestamptz not null,
    expires_at timestamptz check (expires_at > created_at),
    ended_at timestamptz,
    ended_by uuid references users (id),
    check (ended_by is null or ended_at is not null)
);

create unique index idx_bans_open on bans (user_id) where ended_at is null;
create index idx_bans_user on bans (user_id, created_at);

-- X11: moderation writes bans and nothing of users; is_banned follows here. Expiry is not in it: that is decided
-- by the clock when the state is read (M4). Security definer, because moderation has no grant on users.
create function crewup.follow_ban() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    person uuid;
begin
    for person in
        select distinct p from unnest(array[old.user_id, new.user_id]) p where p is not null order by p
    loop
        -- Locked first, in a statement of its own, so that the next one sees every committed ban (as R7 below).
        perform from users u where u.id = person for no key update;
        update users u
        set is_banned = not u.is_banned
        where u.id = person
            and u.is_banned <> exists (select from bans b where b.user_id = person and b.ended_at is null);
    end loop;
    return null;
end;
$$;

create trigger trg_bans_follow
after insert or update of user_id, ended_at or delete on bans
for each row execute function crewup.follow_ban();

-- R7: one UPDATE with a subquery computes the average from a snapshot taken before it waits for the row, and
-- loses the rating that it waited for. So the row is locked in a statement of its own, and the next statement,
-- with a snapshot of its own, counts. The lock is FOR NO KEY UPDATE: it excludes another of its kind, but not the
-- FOR KEY SHARE that the foreign key of every rating has just taken; FOR UPDATE would deadlock two raters.
create function crewup.follow_ratings() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    person uuid;
begin
    if tg_op = 'UPDATE' and old.rated_user_id = new.rated_user_id and old.rating = new.rating then
        return null;
    end if;
    -- Both people of a rating that changed hands, in id order, or two of them wait for each other.
    for person in
        select distinct p from unnest(array[old.rated_user_id, new.rated_user_id]) p
        where p is not null order by p
    loop
        perform from users u where u.id = person for no key update;
        update users u
        set reputation = r.average, rating_count = r.number
        from (
            select coalesce(round(avg(x.rating), 2), 0) as average, count(*) as number
            from ratings x
            where x.rated_user_id = person
        ) r
        where u.id = person and (u.reputation, u.rating_count) is distinct from (r.average, r.number);
    end loop;
    return null;
end;
$$;

create trigger trg_ratings_follow
after insert or update or delete on ratings
for each row execute function crewup.follow_ratings();

-- What an old database says may be stale, or of nobody's ratings.
update users u
set reputation = round(v.average_rating, 2), rating_count = v.total_ratings
from user_reputation v
where v.user_id = u.id
    and (u.reputation, u.rating_count) is distinct from (round(v.average_rating, 2), v.total_ratings);

-- The one definition of a person's state (U6, M4), and what the other services may read of a person.
-- bans is looked at only where is_banned says that there is one.
create view api_users as
select
    u.id,
    u.first_name,
    u.last_name,
    case
        when u.erased_at is not null then 'erased'
        when u.is_banned and exists (
            select from bans b
            where b.user_id = u.id
                and b.ended_at is null
                and (b.expires_at is null or b.expires_at > crewup.now())
        ) then 'banned'
        when not u.is_active then 'deactivated'
        else 'active'
    end as state
from users u;

-- 'active', 'deactivated', 'banned' or 'erased'; null if there is no such user.
create function crewup.user_state(person uuid) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select u.state from api_users u where u.id = person
$$;

-- X6: every write transaction begins here. Locks the caller and the others, in id order, until the transaction
-- ends; then answers now and the state of each who exists. Security definer, so that no service needs more than
-- EXECUTE (a role with SELECT on a view cannot lock through it). See docs/adr/0002.
create function crewup.enter(caller uuid, others uuid[])
returns table (entered_at timestamptz, user_id uuid, state text)
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
    people uuid[];
    person uuid;
begin
    -- Under a snapshot taken before the locks, the answer below could be from before the ban that we waited for.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'crewup.enter needs READ COMMITTED' using errcode = 'invalid_transaction_state';
    end if;

    people := array(
        select distinct p from unnest(array_append(others, caller)) p where p is not null order by p
    );
    foreach person in array people loop
        -- One 64-bit key from a namespaced text: the two-key form has 32 bits for the person, so that strangers
        -- would meet, and without the namespace a lock on some other thing with the same id would be this one.
        perform pg_advisory_xact_lock(hashtextextended('crewup.user:' || person, 0));
    end loop;

    -- A later statement: its snapshot is taken now, with all the locks held.
    return query
        select crewup.now(), u.id, u.state from api_users u where u.id = any (people) order by u.id;
end;
$$;
