#!/usr/bin/python3
"""A job type in Python: sums a column of JSON rows.

Payload: {"rows": [{"price": 1.5}, …]}. A row without a price fails for good
(exit 65); a store that is closed (payload {"closed": true}) asks for a retry
(exit 75). The result goes to stdout, a report to the output folder.
"""
import json
import os
import sys

payload = json.load(sys.stdin)
events = os.fdopen(3, "w", buffering=1)

if payload.get("closed"):
    print("the store is closed, trying again later", file=sys.stderr)
    sys.exit(os.EX_TEMPFAIL)

rows = payload.get("rows", [])
total = 0.0
for number, row in enumerate(rows, 1):
    if "price" not in row:
        error = {"code": "no_price", "message": f"row {number} has no price", "details": row}
        print(json.dumps({"error": error}), file=events)
        sys.exit(os.EX_DATAERR)
    total += row["price"]
    print(json.dumps({"progress": 100 * number // len(rows)}), file=events)

with open(os.path.join(os.environ["MILLRACE_OUTPUT_DIR"], "report.json"), "w") as report:
    json.dump({"rows": len(rows), "total": total}, report)
json.dump({"total": total}, sys.stdout)
