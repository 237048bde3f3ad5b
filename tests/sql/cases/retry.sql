-- millrace.check_retry: what a retry policy may be.

select tap.is('good: ' || policy, coalesce(millrace.check_retry(policy::jsonb)::text, ''), '')
  from (values
    (null),
    ('{}'),
    ('{"backoff": "linear", "initial": "1s", "max": "1h", "jitter": false}'),
    ('{"delays": ["1s"]}'),
    ('{"delays": ["0s", "1m30s", "10d"], "jitter": false, "max": "1h"}')
  ) c(policy);
select tap.is('good: 100 delays', millrace.check_retry(
    jsonb_build_object('delays', (select jsonb_agg('1s'::text) from generate_series(1, 100))))::text, '');

select tap.refused('refused: ' || policy, format('select millrace.check_retry(%L)', policy), 'MR400', code)
  from (values
    ('[]',                                         'invalid_retry'),
    ('{"delay": "1s"}',                            'unknown_member'),
    ('{"backoff": "wild"}',                        'invalid_retry'),
    ('{"initial": "soon"}',                        'invalid_duration'),
    ('{"delays": []}',                             'invalid_retry'),
    ('{"delays": "1s"}',                           'invalid_retry'),
    ('{"delays": {"a": "1s"}}',                    'invalid_retry'),
    ('{"delays": null}',                           'invalid_retry'),
    ('{"delays": ["1s", 5]}',                      'invalid_duration'),
    ('{"delays": [null]}',                         'invalid_duration'),
    ('{"delays": ["1s", "later"]}',                'invalid_duration'),
    ('{"delays": ["1s"], "backoff": "constant"}',  'invalid_retry'),
    ('{"delays": ["1s"], "initial": "1s"}',        'invalid_retry'),
    ('{"delays": ["1s"], "jitter": "no"}',         'invalid_retry')
  ) c(policy, code);
select tap.refused('refused: 101 delays', format('select millrace.check_retry(%L)',
    jsonb_build_object('delays', (select jsonb_agg('1s'::text) from generate_series(1, 101)))),
    'MR400', 'invalid_retry');

select tap.is('enqueue takes delays', retry::jsonb, '{"delays": ["1s", "1m"]}')
  from millrace.job where id = millrace.enqueue('a', '{}', '{"retry": {"delays": ["1s", "1m"]}}');
