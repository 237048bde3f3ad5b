-- 0013_cron: when a cron line runs
--
-- why      The calendar comes first (the next wall clock time that fits a line),
--          the time zone second (the moment at which its clock shows that).
--          Nothing is counted through second by second: a day is looked for month
--          by month, a time of day in the lists of a line.
-- locks    none (new objects only)
-- undo     drop the functions, then the type

-- A line, read. Each list holds the numbers that its field names, in order.
create type millrace.cron as (
    seconds int[], minutes int[], hours int[], days int[], months int[],
    weekdays int[],
    either  bool,   -- both day fields are restricted: one of them is enough
    wild    bool    -- a * or a step in minute or hour: it follows real time
);

-- ---------------------------------------------------------------- reading a line

create function millrace.cron_refuse(field text, why text) returns void
language plpgsql as $$
begin
    perform millrace.refuse('MR400', 'invalid_cron', format('cron, %s: %s', field, why));
end $$;

-- One number or name of a field.
create function millrace.cron_number(word text, field text, lowest int, most int,
                                     names text[])
returns int language plpgsql immutable as $$
declare
    n int := array_position(names, word) - 1 + lowest;
begin
    if n is null and word ~ '^[0-9]{1,4}$' then
        n := word::int;
    end if;
    if n is null or n not between lowest and most then
        perform millrace.cron_refuse(field, format('"%s" is not a number from %s to %s%s',
            word, lowest, most,
            coalesce(', nor one of ' || array_to_string(names, ' '), '')));
    end if;
    return n;
end $$;

-- The step of a part such as */15; 1 where there is none.
create function millrace.cron_step(step text, field text, lowest int, most int)
returns int language plpgsql immutable as $$
begin
    if step !~ '^[0-9]{1,4}$' or step::int not between 1 and most - lowest then
        perform millrace.cron_refuse(field, format(
            'a step must be a number from 1 to %s, not "%s"; for other intervals there is "every"',
            most - lowest, step));
    end if;
    return coalesce(step::int, 1);
end $$;

-- The numbers of one part of a field: 5, 1-5, */15, 1-30/5, 10/5, mon-fri.
create function millrace.cron_part(part text, field text, lowest int, most int,
                                   names text[])
returns int[] language plpgsql immutable as $$
declare
    m    text[] := regexp_match(part, '^([^-/]+)(?:-([^-/]+))?(?:/([^-/]+))?$');
    low  int := lowest;
    high int := most;
begin
    if m is null or (m[1] in ('*', '?') and m[2] is not null) then
        perform millrace.cron_refuse(field, format(
            '"%s" is none of *, 5, 1-5, */15 and 1-30/5, or several of these with commas', part));
    end if;
    if m[1] <> '*' and not (m[1] = '?' and field like 'day-%') then
        low := millrace.cron_number(m[1], field, lowest, most, names);
        high := case when m[2] is not null
                     then millrace.cron_number(m[2], field, lowest, most, names)
                     when m[3] is null then low
                     else most end;
    end if;
    if high = 0 and low > 0 and field = 'day-of-week' then
        high := 7;      -- sat-sun
    end if;
    if high < low then
        perform millrace.cron_refuse(field, format(
            'the range "%s-%s" runs backwards; write "%s-%s,%s-%s"', m[1], m[2],
            m[1], most, lowest, m[2]));
    end if;
    return array(select generate_series(low, high,
                                        millrace.cron_step(m[3], field, lowest, most)));
end $$;

-- The numbers of a field, in order. Sunday is 0, and 7 too.
create function millrace.cron_field(given text, field text, lowest int, most int,
                                    names text[] default null)
returns int[] language sql immutable as $$
    select array_agg(distinct case field when 'day-of-week' then n % 7 else n end)
      from string_to_table(given, ',') part
     cross join unnest(millrace.cron_part(part, field, lowest, most, names)) n
$$;

-- The six fields of a line, seconds first.
create function millrace.cron_fields(line text) returns text[]
language plpgsql immutable as $$
declare
    plain  text := lower(btrim(line, E' \t\n\r'));
    fields text[];
begin
    plain := case plain
        when '@yearly' then '0 0 1 1 *' when '@annually' then '0 0 1 1 *'
        when '@monthly' then '0 0 1 * *' when '@weekly' then '0 0 * * 0'
        when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
        when '@hourly' then '0 * * * *' else plain end;
    if plain like '@%' then
        perform millrace.refuse('MR400', 'invalid_cron', format(
            'cron: there is no "%s"; there are @yearly, @annually, @monthly, @weekly, '
            '@daily, @midnight and @hourly', line));
    end if;
    fields := regexp_split_to_array(plain, '\s+');
    if cardinality(fields) not in (5, 6) or plain = '' then
        perform millrace.refuse('MR400', 'invalid_cron', format(
            'cron: a line has five fields (minute, hour, day-of-month, month, day-of-week) '
            'or six (second first), not %s',
            case when plain = '' then 0 else cardinality(fields) end));
    end if;
    return case cardinality(fields) when 5 then array_prepend('0', fields) else fields end;
end $$;

-- Whether one of the months has one of the days.
create function millrace.cron_exists(months int[], days int[]) returns bool
language sql immutable as $$
    select exists (select from unnest(months) m cross join unnest(days) d
                    where d <= case when m = 2 then 29 when m in (4, 6, 9, 11) then 30
                                    else 31 end)
$$;

create function millrace.cron_parse(line text) returns millrace.cron
language plpgsql immutable as $$
declare
    f text[] := millrace.cron_fields(line);
    c millrace.cron;
begin
    c.seconds := millrace.cron_field(f[1], 'second', 0, 59);
    c.minutes := millrace.cron_field(f[2], 'minute', 0, 59);
    c.hours := millrace.cron_field(f[3], 'hour', 0, 23);
    c.days := millrace.cron_field(f[4], 'day-of-month', 1, 31);
    c.months := millrace.cron_field(f[5], 'month', 1, 12,
        '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
    c.weekdays := millrace.cron_field(f[6], 'day-of-week', 0, 7,
        '{sun,mon,tue,wed,thu,fri,sat}');
    c.either := f[4] !~ '^[*?]' and f[6] !~ '^[*?]';
    c.wild := f[2] ~ '[*/]' or f[3] ~ '[*/]'
              or cardinality(c.minutes) = 60 or cardinality(c.hours) = 24;
    if not c.either and not millrace.cron_exists(c.months, c.days) then
        perform millrace.cron_refuse('day-of-month', format(
            'month %s has no day %s, so the line would never run', f[5], f[4]));
    end if;
    return c;
end $$;

-- ---------------------------------------------------------------- the calendar

create function millrace.cron_fits(c millrace.cron, day date) returns bool
language sql immutable as $$
    select extract(month from day)::int = any (c.months)
       and case when c.either
                then extract(day from day)::int = any (c.days)
                     or extract(dow from day)::int = any (c.weekdays)
                else extract(day from day)::int = any (c.days)
                     and extract(dow from day)::int = any (c.weekdays) end
$$;

-- The first day of a line, not before another day. 29 February falls on each day
-- of the week at least once in 40 years.
create function millrace.cron_day(c millrace.cron, since date) returns date
language plpgsql immutable as $$
declare
    month     date := since - extract(day from since)::int + 1;
    following date;
    found_day date;
begin
    while found_day is null and month < since + 41 * 366 loop
        following := (month + interval '1 month')::date;
        if extract(month from month)::int = any (c.months) then
            select min(month + n) into found_day
              from generate_series(greatest(since - month, 0), following - month - 1) n
             where millrace.cron_fits(c, month + n);
        end if;
        month := following;
    end loop;
    return found_day;
end $$;

-- The first time of day of a line, not before another one; null: none any more.
create function millrace.cron_time(c millrace.cron, since time) returns time
language plpgsql immutable as $$
declare
    h int := extract(hour from since);
    m int := extract(minute from since);
    s int;
begin
    if h = any (c.hours) then
        if m = any (c.minutes) then
            select min(x) into s from unnest(c.seconds) x where x >= extract(second from since);
        end if;
        if s is not null then
            return make_time(h, m, s);
        end if;
        select min(x) into m from unnest(c.minutes) x where x > m;
        if m is not null then
            return make_time(h, m, c.seconds[1]);
        end if;
    end if;
    select min(x) into h from unnest(c.hours) x where x > h;
    return make_time(h, c.minutes[1], c.seconds[1]);
end $$;

-- The first wall clock time of a line, not before another one.
create function millrace.cron_local(c millrace.cron, since timestamp) returns timestamp
language plpgsql immutable as $$
declare
    at time := millrace.cron_time(c, since::time);
begin
    if at is not null and millrace.cron_fits(c, since::date) then
        return since::date + at;
    end if;
    return millrace.cron_day(c, since::date + 1)
           + make_time(c.hours[1], c.minutes[1], c.seconds[1]);
end $$;

-- ---------------------------------------------------------------- time zones

-- How far the clocks of a time zone are ahead of UTC.
create function millrace.tz_offset(at timestamptz, tz text) returns interval
language sql immutable as $$
    select (at at time zone tz) - (at at time zone 'UTC')
$$;

-- When the clocks are changed for the first time after `since` and not after
-- `until`, to the minute; null: not at all.
create function millrace.tz_change(since timestamptz, until timestamptz, tz text)
returns timestamptz language plpgsql stable as $$
declare
    was interval := millrace.tz_offset(since, tz);
    by_then timestamptz;
begin
    select min(t) into by_then
      from (select generate_series(since, until, interval '1 hour')
            union all select until) h(t)
     where millrace.tz_offset(t, tz) <> was;
    return (select min(t)
              from generate_series(date_trunc('minute', by_then - interval '1 hour'),
                                   by_then, interval '1 min') t
             where t > since and millrace.tz_offset(t, tz) <> was);
end $$;

-- The first moment at which a clock shows this time or a later one: of a time that
-- is skipped in spring the moment of the change, of one that comes twice in autumn
-- the first.
create function millrace.clock_reaches(shown timestamp, tz text) returns timestamptz
language plpgsql stable as $$
declare
    t    timestamptz := shown at time zone tz;
    skip interval := (t at time zone tz) - shown;
    back interval := millrace.tz_offset(t - interval '24 hours', tz)
                     - millrace.tz_offset(t, tz);
begin
    if skip > interval '0' then
        return millrace.tz_change(t - skip, t, tz);
    end if;
    if back > interval '0' and (t - back) at time zone tz = shown then
        return t - back;
    end if;
    return t;
end $$;

-- ---------------------------------------------------------------- the next run

-- Of a line with fixed times: each once a day, whatever the clocks do.
create function millrace.cron_next_fixed(c millrace.cron, tz text, after timestamptz)
returns timestamptz language plpgsql stable as $$
declare
    shown timestamp := date_trunc('second', after at time zone tz) + interval '1 s';
    t     timestamptz;
begin
    loop
        shown := millrace.cron_local(c, shown);
        t := millrace.clock_reaches(shown, tz);
        if t > after or t is null then
            return t;
        end if;
        -- The clocks were put back and show this again: on to what they had not
        -- shown by then.
        shown := (millrace.tz_change(t, after, tz) - interval '1 s') at time zone tz
                 + interval '1 s';
    end loop;
end $$;

-- Of a line that follows real time: whenever the clocks show what fits.
create function millrace.cron_next_wild(c millrace.cron, tz text, after timestamptz)
returns timestamptz language plpgsql stable as $$
declare
    since  timestamptz := date_trunc('second', after) + interval '1 s';
    near   interval := interval '48 hours';
    shown  timestamp;
    t      timestamptz;
    change timestamptz;
begin
    loop
        shown := millrace.cron_local(c, since at time zone tz);
        t := (shown - millrace.tz_offset(since, tz)) at time zone 'UTC';
        change := millrace.tz_change(since, least(t, since + near), tz);
        if change is not null then
            since := change;
        elsif t is null or t <= since + near then
            return t;
        else
            since := (shown - interval '1 day') at time zone tz;
        end if;
    end loop;
end $$;

-- When a line runs next after a moment. Lines: five fields, or six with the second
-- first, or @daily and its kin. A fixed time that the clocks skip in spring runs
-- right after the change, one that they show twice in autumn runs the first time.
create function millrace.cron_next(expr text, tz text, after timestamptz)
returns timestamptz language plpgsql stable strict as $$
declare
    c millrace.cron := millrace.cron_parse(expr);
begin
    return case when c.wild then millrace.cron_next_wild(c, tz, after)
                else millrace.cron_next_fixed(c, tz, after) end;
end $$;
