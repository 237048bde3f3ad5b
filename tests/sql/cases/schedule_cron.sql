-- millrace.cron_next: tables of lines and of when they run (UTC).

set timezone = 'UTC';

create function pg_temp.runs(line text, tz text, after timestamptz, n int) returns text
language plpgsql as $$
declare
    t     timestamptz := after;
    times text[] := '{}';
begin
    for i in 1 .. n loop
        t := millrace.cron_next(line, tz, t);
        times := times || to_char(t, case when extract(second from t) = 0
                                          then 'MM-DD HH24:MI' else 'MM-DD HH24:MI:SS' end);
    end loop;
    return array_to_string(times, ', ');
end $$;

create function pg_temp.refusal(line text) returns text language plpgsql as $$
declare
    code text;
begin
    perform millrace.cron_parse(line);
    return '(none)';
exception when others then
    get stacked diagnostics code = pg_exception_detail;
    return code || ': ' || sqlerrm;
end $$;

-- ---------------------------------------------------------------- lines

select tap.is(line || ' after ' || after,
              pg_temp.runs(line, 'UTC', after::timestamptz, n), runs)
  from (values
    ('0 3 * * *',       '2026-01-31 03:00', 2, '02-01 03:00, 02-02 03:00'),
    ('0 3 * * *',       '2026-01-31 02:59:59.999', 1, '01-31 03:00'),
    ('* * * * *',       '2026-12-31 23:58:30', 2, '12-31 23:59, 01-01 00:00'),
    ('* * * * * *',     '2026-01-01 23:59:58.5', 2, '01-01 23:59:59, 01-02 00:00'),
    ('*/20 * * * * *',  '2026-01-01 10:00:20', 3, '01-01 10:00:40, 01-01 10:01, 01-01 10:01:20'),
    ('30 15 10 * * *',  '2026-01-01 12:00', 1, '01-02 10:15:30'),
    ('*/15 * * * *',    '2026-01-01 10:50', 2, '01-01 11:00, 01-01 11:15'),
    ('7/20 * * * *',    '2026-01-01 10:00', 4, '01-01 10:07, 01-01 10:27, 01-01 10:47, 01-01 11:07'),
    ('10-20/5 8 * * *', '2026-01-01 08:10', 3, '01-01 08:15, 01-01 08:20, 01-02 08:10'),
    ('0 9-17/4 * * *',  '2026-01-01 10:00', 3, '01-01 13:00, 01-01 17:00, 01-02 09:00'),
    ('5,50 1,23 * * *', '2026-01-01 01:05', 3, '01-01 01:50, 01-01 23:05, 01-01 23:50'),
    ('59 23 31 12 *',   '2026-12-31 23:59', 1, '12-31 23:59'),
    -- days: one field restricted, both (either is enough), one that begins with *
    ('0 0 13 * *',      '2026-02-01', 2, '02-13 00:00, 03-13 00:00'),
    ('0 0 * * 5',       '2026-02-01', 2, '02-06 00:00, 02-13 00:00'),
    ('0 0 13 * 5',      '2026-02-28', 4, '03-06 00:00, 03-13 00:00, 03-20 00:00, 03-27 00:00'),
    ('0 0 1,15 * fri',  '2026-01-30', 4, '02-01 00:00, 02-06 00:00, 02-13 00:00, 02-15 00:00'),
    ('0 0 */2 * mon',   '2026-02-01', 2, '02-09 00:00, 02-23 00:00'),
    ('0 0 ? * mon',     '2026-02-01', 2, '02-02 00:00, 02-09 00:00'),
    ('0 0 31 * *',      '2026-01-31', 3, '03-31 00:00, 05-31 00:00, 07-31 00:00'),
    ('0 0 29 2 *',      '2026-01-01', 2, '02-29 00:00, 02-29 00:00'),
    ('0 0 30 2 mon',    '2026-02-01', 2, '02-02 00:00, 02-09 00:00'),
    -- the names, and Sunday by its two numbers
    ('0 0 * jan-mar,DEC sun', '2026-03-28', 2, '03-29 00:00, 12-06 00:00'),
    ('0 0 * * 0',       '2026-03-01', 1, '03-08 00:00'),
    ('0 0 * * 7',       '2026-03-01', 1, '03-08 00:00'),
    ('0 0 * * sat-sun', '2026-03-01', 2, '03-07 00:00, 03-08 00:00'),
    ('0 0 * * 5-7',     '2026-03-01', 3, '03-06 00:00, 03-07 00:00, 03-08 00:00'),
    ('0 0 * * mon-fri', '2026-03-06', 2, '03-09 00:00, 03-10 00:00'),
    -- words
    ('@yearly',         '2026-05-05', 2, '01-01 00:00, 01-01 00:00'),
    ('@annually',       '2026-05-05', 1, '01-01 00:00'),
    ('@monthly',        '2026-05-05', 2, '06-01 00:00, 07-01 00:00'),
    ('@weekly',         '2026-05-05', 2, '05-10 00:00, 05-17 00:00'),
    ('@daily',          '2026-05-05', 2, '05-06 00:00, 05-07 00:00'),
    ('@midnight',       '2026-05-05', 1, '05-06 00:00'),
    ('@Hourly',         '2026-05-05', 2, '05-05 01:00, 05-05 02:00'),
    (E'  0\t3  * * * ', '2026-05-05', 1, '05-05 03:00')
  ) cases(line, after, n, runs);

select tap.is('29 February is found over a century without it',
              millrace.cron_next('0 0 29 2 *', 'UTC', '2096-03-01'), '2104-02-29');
select tap.is('and on one day of the week', millrace.cron_next('0 0 29 2 */6', 'UTC', '2096-03-01'),
              '2116-02-29');

-- ---------------------------------------------------------------- clocks

select tap.is(format('%s in %s after %s', line, tz, after),
              pg_temp.runs(line, tz, after::timestamptz, n), runs)
  from (values
    -- 29 March 2026, 01:00 UTC: 02:00 becomes 03:00
    ('30 2 * * *',    'Europe/Berlin', '2026-03-28 00:00', 3, '03-28 01:30, 03-29 01:00, 03-30 00:30'),
    ('15 30 2 * * *', 'Europe/Berlin', '2026-03-28 12:00', 2, '03-29 01:00, 03-30 00:30:15'),
    ('0,30 2 * * *',  'Europe/Berlin', '2026-03-28 12:00', 3, '03-29 01:00, 03-30 00:00, 03-30 00:30'),
    ('0 2,3 * * *',   'Europe/Berlin', '2026-03-28 12:00', 3, '03-29 01:00, 03-30 00:00, 03-30 01:00'),
    ('15 1-3 * * *',  'Europe/Berlin', '2026-03-28 23:00', 4, '03-29 00:15, 03-29 01:00, 03-29 01:15, 03-29 23:15'),
    ('0 * * * *',     'Europe/Berlin', '2026-03-28 23:30', 3, '03-29 00:00, 03-29 01:00, 03-29 02:00'),
    ('*/30 * * * *',  'Europe/Berlin', '2026-03-29 00:30', 2, '03-29 01:00, 03-29 01:30'),
    ('*/30 2 * * *',  'Europe/Berlin', '2026-03-28 12:00', 2, '03-30 00:00, 03-30 00:30'),
    ('0 */2 * * *',   'Europe/Berlin', '2026-03-28 22:00', 3, '03-28 23:00, 03-29 02:00, 03-29 04:00'),
    ('0 0 29 3 *',    'Europe/Berlin', '2026-03-28 12:00', 1, '03-28 23:00'),
    ('0 12 * * *',    'Europe/Berlin', '2026-03-28 00:00', 2, '03-28 11:00, 03-29 10:00'),
    -- 25 October 2026, 01:00 UTC: 03:00 becomes 02:00
    ('30 2 * * *',    'Europe/Berlin', '2026-10-24 12:00', 2, '10-25 00:30, 10-26 01:30'),
    ('30 2 * * *',    'Europe/Berlin', '2026-10-25 01:10', 1, '10-26 01:30'),
    ('0 2 * * *',     'Europe/Berlin', '2026-10-24 12:00', 2, '10-25 00:00, 10-26 01:00'),
    ('0 3 * * *',     'Europe/Berlin', '2026-10-24 12:00', 2, '10-25 02:00, 10-26 02:00'),
    ('15 2,3 * * *',  'Europe/Berlin', '2026-10-25 01:05', 2, '10-25 02:15, 10-26 01:15'),
    ('0 * * * *',     'Europe/Berlin', '2026-10-24 23:30', 4, '10-25 00:00, 10-25 01:00, 10-25 02:00, 10-25 03:00'),
    ('*/30 2 * * *',  'Europe/Berlin', '2026-10-24 12:00', 5, '10-25 00:00, 10-25 00:30, 10-25 01:00, 10-25 01:30, 10-26 01:00'),
    ('0 */2 * * *',   'Europe/Berlin', '2026-10-24 21:00', 5, '10-24 22:00, 10-25 00:00, 10-25 01:00, 10-25 03:00, 10-25 05:00'),
    ('0 30 2 * * *',  'Europe/Berlin', '2026-10-24 12:00', 2, '10-25 00:30, 10-26 01:30'),
    -- 8 March 2026, 07:00 UTC, and 1 November 2026, 06:00 UTC
    ('30 2 * * *',    'America/New_York', '2026-03-07 12:00', 2, '03-08 07:00, 03-09 06:30'),
    ('15 * * * *',    'America/New_York', '2026-03-08 06:00', 3, '03-08 06:15, 03-08 07:15, 03-08 08:15'),
    ('30 1 * * *',    'America/New_York', '2026-10-31 12:00', 2, '11-01 05:30, 11-02 06:30'),
    ('*/30 1 * * *',  'America/New_York', '2026-10-31 12:00', 5, '11-01 05:00, 11-01 05:30, 11-01 06:00, 11-01 06:30, 11-02 06:00'),
    ('@daily',        'America/New_York', '2026-10-31 12:00', 2, '11-01 04:00, 11-02 05:00'),
    ('@hourly',       'America/New_York', '2026-11-01 04:30', 3, '11-01 05:00, 11-01 06:00, 11-01 07:00'),
    -- half an hour: 3 October 2026, 15:30 UTC, and 4 April 2026, 15:00 UTC
    ('15 2 * * *',    'Australia/Lord_Howe', '2026-10-03 00:00', 2, '10-03 15:30, 10-04 15:15'),
    ('45 2 * * *',    'Australia/Lord_Howe', '2026-10-03 00:00', 2, '10-03 15:45, 10-04 15:45'),
    ('45 1 * * *',    'Australia/Lord_Howe', '2026-04-04 00:00', 2, '04-04 14:45, 04-05 15:15'),
    ('45 * * * *',    'Australia/Lord_Howe', '2026-04-04 14:00', 3, '04-04 14:45, 04-04 15:15, 04-04 16:15'),
    ('*/15 * * * *',  'Australia/Lord_Howe', '2026-04-04 14:40', 4, '04-04 14:45, 04-04 15:00, 04-04 15:15, 04-04 15:30'),
    ('*/15 * * * *',  'Australia/Lord_Howe', '2026-10-03 15:10', 3, '10-03 15:15, 10-03 15:30, 10-03 15:45'),
    -- the change at midnight: 00:00 does not exist, or 23:00 comes twice
    ('0 0 * * *',     'America/Havana', '2026-03-07 12:00', 2, '03-08 05:00, 03-09 04:00'),
    ('30 23 * * *',   'Asia/Beirut', '2026-10-24 12:00', 2, '10-24 20:30, 10-25 21:30'),
    ('0 0 25 10 *',   'Asia/Beirut', '2026-10-24 12:00', 1, '10-24 22:00')
  ) cases(line, tz, after, n, runs);

-- ---------------------------------------------------------------- refusals

select tap.is('refused: ' || line, pg_temp.refusal(line), 'invalid_cron: cron' || why)
  from (values
    ('60 * * * *',  ', minute: "60" is not a number from 0 to 59'),
    ('* 24 * * *',  ', hour: "24" is not a number from 0 to 23'),
    ('* * 0 * *',   ', day-of-month: "0" is not a number from 1 to 31'),
    ('* * * 13 *',  ', month: "13" is not a number from 1 to 12, nor one of jan feb mar apr may jun jul aug sep oct nov dec'),
    ('* * * * 8',   ', day-of-week: "8" is not a number from 0 to 7, nor one of sun mon tue wed thu fri sat'),
    ('* * * * tues', ', day-of-week: "tues" is not a number from 0 to 7, nor one of sun mon tue wed thu fri sat'),
    ('61 * * * * *', ', second: "61" is not a number from 0 to 59'),
    ('* * L * *',   ', day-of-month: "l" is not a number from 1 to 31'),
    ('? * * * *',   ', minute: "?" is not a number from 0 to 59'),
    ('1.5 * * * *', ', minute: "1.5" is not a number from 0 to 59'),
    ('-5 * * * *',  ', minute: "-5" is none of *, 5, 1-5, */15 and 1-30/5, or several of these with commas'),
    ('1,,2 * * * *', ', minute: "" is none of *, 5, 1-5, */15 and 1-30/5, or several of these with commas'),
    ('*-5 * * * *', ', minute: "*-5" is none of *, 5, 1-5, */15 and 1-30/5, or several of these with commas'),
    ('5/ * * * *',  ', minute: "5/" is none of *, 5, 1-5, */15 and 1-30/5, or several of these with commas'),
    ('*/0 * * * *', ', minute: a step must be a number from 1 to 59, not "0"; for other intervals there is "every"'),
    ('*/90 * * * *', ', minute: a step must be a number from 1 to 59, not "90"; for other intervals there is "every"'),
    ('*/x * * * *', ', minute: a step must be a number from 1 to 59, not "x"; for other intervals there is "every"'),
    ('* 22-2 * * *', ', hour: the range "22-2" runs backwards; write "22-23,0-2"'),
    ('0 0 30 2 *',  ', day-of-month: month 2 has no day 30, so the line would never run'),
    ('0 0 31 4,jun,9,11 *', ', day-of-month: month 4,jun,9,11 has no day 31, so the line would never run'),
    ('0 0 30 feb ?', ', day-of-month: month feb has no day 30, so the line would never run'),
    ('',            ': a line has five fields (minute, hour, day-of-month, month, day-of-week) or six (second first), not 0'),
    ('* * * *',     ': a line has five fields (minute, hour, day-of-month, month, day-of-week) or six (second first), not 4'),
    ('* * * * * * *', ': a line has five fields (minute, hour, day-of-month, month, day-of-week) or six (second first), not 7'),
    ('@reboot',     ': there is no "@reboot"; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly')
  ) cases(line, why);
