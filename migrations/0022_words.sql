-- What is searched for, as the searches of events and of crews compare it (E23, docs/adr/0015-searching-a-million-events.md).

set local search_path = public;

-- folded: without case and accents. parts: each word as a pattern of its own, in which what the person wrote is text. first,
-- second, third: three of them, for an index; what is not there is any text. whole: all of it, among whole words.
create function crewup.searched(query text) returns table (
    folded text, parts text[], first text, second text, third text, whole text
)
language sql immutable parallel safe as $$
    select w.folded, w.parts, w.parts[1], coalesce(w.parts[2], '%'), coalesce(w.parts[3], '%'), '% ' || w.escaped || ' %'
    from (
        select
            e.folded, e.escaped,
            array(
                select '%' || p.part || '%'
                from regexp_split_to_table(e.escaped, '\s+') with ordinality p (part, place)
                where p.part <> ''
                order by p.place
            ) as parts
        from (
            select
                f.folded,
                replace(replace(replace(f.folded, '\', '\\'), '%', '\%'), '_', '\_') as escaped
            from (select crewup.fold(query) as folded) f
        ) e
    ) w
$$;
revoke execute on function crewup.searched(text) from public;
grant execute on function crewup.searched(text) to crewup_event, crewup_group;
