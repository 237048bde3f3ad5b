# Reports and tables from SQL.
dist_handler_SCRIPTS += src/handlers/analytics src/handlers/report
dist_handler_DATA += \
	src/handlers/report_file.py \
	src/handlers/report_query.py \
	src/handlers/report_write.py
dist_types_DATA += types.d/analytics.json types.d/report.json
dist_man_MANS += doc/millrace-report.7
