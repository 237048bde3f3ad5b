/* {
  "title": "Jobs by hour",
  "description": "What came of the jobs of a day, hour by hour.",
  "parameters": {
    "day": {"type": "date"},
    "types": {"type": "text[]", "default": null}
  },
  "columns": {
    "hour": {"title": "Hour"},
    "jobs": {"title": "Jobs"},
    "failed": {"title": "Failed"},
    "share": {"title": "Failed, %", "decimals": 1}
  },
  "totals": ["jobs", "failed"],
  "chart": {"kind": "column", "label": "hour", "values": ["jobs", "failed"]},
  "timeout": "30s",
  "maxRows": 1000
} */
select to_char(created_at, 'HH24:00') as hour,
       count(*) as jobs,
       count(*) filter (where state = 'discarded') as failed,
       100.0 * count(*) filter (where state = 'discarded') / count(*) as share
  from millrace.job_info
 where created_at >= :day and created_at < :day + 1
   and (:types is null or type = any (:types))
 group by 1
 order by 1
