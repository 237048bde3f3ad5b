# Importing, archiving and deleting rows of PostgreSQL tables.
dist_handler_SCRIPTS += src/handlers/archive src/handlers/batch-delete \
	src/handlers/bulk-import
dist_handler_DATA += src/handlers/batches.py src/handlers/import_check.py \
	src/handlers/target_db.py
dist_types_DATA += types.d/archive.json types.d/batch-delete.json \
	types.d/bulk-import.json
dist_man_MANS += doc/millrace-archive.7 doc/millrace-batch-delete.7 \
	doc/millrace-bulk-import.7
