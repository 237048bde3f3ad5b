# Tests against a real PostgreSQL, which each script starts for itself.
check_PROGRAMS += tests/unit/check_queries

tests_unit_check_queries_SOURCES = tests/unit/check_queries.c
tests_unit_check_queries_CPPFLAGS = $(JOB_CPPFLAGS)
tests_unit_check_queries_LDADD = $(JOB_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/check_token

tests_unit_check_token_SOURCES = tests/unit/check_token.c
tests_unit_check_token_CPPFLAGS = $(JOB_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_check_token_LDADD = $(JOB_LIBS) $(CMOCKA_LIBS)

TESTS += tests/sql/token.t
endif

TESTS += \
	tests/sql/cli.t \
	tests/sql/lifecycle.t \
	tests/sql/schema.t

EXTRA_DIST += \
	tests/lib/pg.sh \
	tests/lib/tap.sh \
	tests/lib/tap.sql \
	tests/sql/cases \
	tests/sql/cli.t \
	tests/sql/lifecycle.t \
	tests/sql/schema.t \
	tests/sql/token.t
