# libjob: what a job is. Statements in sql/queries/ are compiled in, so are the
# migrations: both are every file that lies in their folder.
sql_queries = $(sort $(wildcard $(srcdir)/sql/queries/*.sql))
sql_migrations = $(sort $(wildcard $(srcdir)/sql/migrations/*.sql))

noinst_LIBRARIES += src/job/libjob.a

src_job_libjob_a_CPPFLAGS = $(JOB_CPPFLAGS)
src_job_libjob_a_SOURCES = \
	src/job/artifact.c \
	src/job/artifact.h \
	src/job/connection.c \
	src/job/connection.h \
	src/job/connection_host.c \
	src/job/connection_host.h \
	src/job/enqueue.c \
	src/job/enqueue.h \
	src/job/event.c \
	src/job/event.h \
	src/job/file.c \
	src/job/file.h \
	src/job/job.c \
	src/job/job.h \
	src/job/many.c \
	src/job/many.h \
	src/job/migrations.h \
	src/job/report.c \
	src/job/report.h \
	src/job/retry.c \
	src/job/retry.h \
	src/job/run.c \
	src/job/run.h \
	src/job/schedule.c \
	src/job/schedule.h \
	src/job/schema.c \
	src/job/schema.h \
	src/job/secret.c \
	src/job/secret.h \
	src/job/snapshot.c \
	src/job/snapshot.h \
	src/job/store.c \
	src/job/store.h \
	src/job/token.c \
	src/job/token.h \
	src/job/type.c \
	src/job/type.h \
	src/job/type_connection.c \
	src/job/type_fastcgi.c \
	src/job/type_http.c \
	src/job/type_member.c \
	src/job/type_member.h \
	src/job/type_option.c \
	src/job/type_pattern.c \
	src/job/type_pattern.h \
	src/job/type_read.c \
	src/job/type_run.c \
	src/job/type_sandbox.c \
	src/job/type_schema.c
nodist_src_job_libjob_a_SOURCES = \
	src/job/migrations.c \
	src/job/queries.c \
	src/job/queries.h

src/job/queries.c src/job/queries.h: $(sql_queries) build-aux/sql2c.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D)
	$(AM_V_at)$(AWK) -v form=$(@F) -f $(srcdir)/build-aux/sql2c.awk \
		$(sql_queries) >$@.new
	$(AM_V_at)mv $@.new $@

src/job/migrations.c: $(sql_migrations) build-aux/sql2c.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D)
	$(AM_V_at)$(AWK) -v form=$(@F) -f $(srcdir)/build-aux/sql2c.awk \
		$(sql_migrations) >$@.new
	$(AM_V_at)mv $@.new $@

$(src_job_libjob_a_OBJECTS): src/job/queries.h
BUILT_SOURCES += src/job/queries.h
CLEANFILES += src/job/migrations.c src/job/queries.c src/job/queries.h
EXTRA_DIST += build-aux/sql2c.awk sql/migrations sql/queries
