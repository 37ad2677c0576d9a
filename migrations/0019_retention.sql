-- G10: the chat of a crew has a life; what was said in it goes 365 days after its event, or after the crew was archived.

set local search_path = public;

-- Entries up to forgotten_sequence are gone, or going. forgotten_at: when the last of them went. Of the index: no column
-- that a message moves, or every message would cost an entry of it.
alter table group_seats
    add column forgotten_sequence bigint not null default 0 check (forgotten_sequence >= 0),
    add column forgotten_at timestamptz;
create index idx_group_seats_remembered on group_seats (group_id) where forgotten_at is null;

-- Forgets some of the crew that is due: first its number moves, so that nobody who reads by number waits for what is gone,
-- then what happened, then what was said, 5,000 rows a call. Answers when it was due; null: none is. Edits and deletions go
-- before the messages that they are about. As a function, because no role may delete a message that is younger (X11).
create function crewup.forget_chat() returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    kept constant interval := interval '365 days';
    crew uuid;
    due timestamptz;
    until bigint;
    gone bigint;
begin
    select s.group_id, least(g.archived_at, crewup.effective_end(e.event_start, e.event_end)) + kept
    into crew, due
    from group_seats s
    join groups g on g.id = s.group_id
    join events e on e.id = g.event_id
    where s.forgotten_at is null
        and least(g.archived_at, crewup.effective_end(e.event_start, e.event_end)) <= crewup.now() - kept
    limit 1
    for no key update of s skip locked;
    if crew is null then
        return null;
    end if;

    update group_seats set forgotten_sequence = last_sequence where group_id = crew
    returning forgotten_sequence into until;

    delete from timeline t
    where t.group_id = crew and t.sequence in (
        select x.sequence from timeline x where x.group_id = crew and x.sequence <= until
        order by x.sequence limit 5000
    );
    get diagnostics gone = row_count;
    if gone = 0 then
        delete from messages m
        where m.group_id = crew and m.sequence in (
            select x.sequence from messages x where x.group_id = crew and x.sequence <= until
            order by x.sequence limit 5000
        );
        get diagnostics gone = row_count;
    end if;
    if gone = 0 then
        update group_seats set forgotten_at = crewup.now() where group_id = crew;
    end if;
    return due;
end;
$$;

revoke execute on function crewup.forget_chat() from public;
grant execute on function crewup.forget_chat() to crewup_group;
