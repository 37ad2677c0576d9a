-- Search by text (E23, U3) and by place (E22).

set local search_path = public;

create extension if not exists unaccent with schema public;
create extension if not exists pg_trgm with schema public;
create extension if not exists btree_gist with schema public;

-- E23: what is compared is without case and accents, on both sides. unaccent() is only STABLE, because its
-- dictionary is found by the search path; named in full it is fixed, which is what an index needs. NFKC first:
-- an accent may also come as a character of its own, which the dictionary does not know.
create function crewup.fold(input text) returns text
language sql immutable strict parallel safe as $$
    select lower(public.unaccent('public.unaccent'::regdictionary, normalize(input, NFKC)))
$$;

alter table events
    add column search_text text not null generated always as (crewup.fold(name || ' ' || address)) stored;
create index idx_events_search on events using gin (search_text gin_trgm_ops);

alter table users
    add column search_text text not null
    generated always as (crewup.fold(first_name || ' ' || last_name)) stored;
create index idx_users_search on users using gin (search_text gin_trgm_ops);

-- E22: metres on the sphere (haversine), right across the antimeridian and at the poles. Rounding may lift the
-- argument of asin above 1 for antipodes: 1 - |1 - x| is x below 1 and folds back what is above. least() would do
-- as well, but it turns null into half the earth and keeps a strict function from being inlined.
create function crewup.distance_m(
    lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision
) returns double precision
language sql immutable strict parallel safe as $$
    select 2 * 6371008.8::double precision * asin(1 - abs(1 - sqrt(
        sin(radians(lat2 - lat1) / 2) ^ 2
        + cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lng2 - lng1) / 2) ^ 2
    )))
$$;

-- The point by which places are indexed: on Mercator's map north and east have the same scale at any place, so
-- that the nearest on it is the nearest on earth (on plain degrees 3.5 % of the first 50 were lost). In degrees of
-- longitude; latitude is clamped to 85 for this point only, distances are computed from the true place.
create function crewup.mercator(lat double precision, lng double precision) returns point
language sql immutable strict parallel safe as $$
    select point(lng, degrees(ln(tan(pi() / 4 + radians(least(85, greatest(-85, lat))) / 2))))
$$;

-- Nearest first inside a box, within a time. Not only of open events: whether a search includes cancelled ones is
-- a filter of the caller's. Events without a place are left out (E22), so they are not in the index either.
create index idx_events_place on events using gist (
    crewup.mercator(latitude::double precision, longitude::double precision), event_start
) where latitude is not null;
