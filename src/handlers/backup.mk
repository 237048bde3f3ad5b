# Database backups.
dist_handler_SCRIPTS += src/handlers/database-backup
dist_handler_DATA += src/handlers/backup_dump.py src/handlers/backup_keep.py
dist_types_DATA += types.d/database-backup.json
dist_man_MANS += doc/millrace-database-backup.7
