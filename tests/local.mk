# Unit tests (cmocka) and scripts (TAP); the rest runs by pytest, see tests/run.
include tests/unit/core.mk
include tests/sql/local.mk

# The database modules of core, against a server that the scripts start.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_db tests/unit/test_dba
tests_unit_test_db_SOURCES = tests/unit/test_db.c
tests_unit_test_db_CPPFLAGS = $(CORE_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_db_LDADD = src/core/libcore.a $(CORE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_dba_SOURCES = tests/unit/test_dba.c
tests_unit_test_dba_CPPFLAGS = $(CORE_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dba_LDADD = src/core/libcore.a $(CORE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/sql/db.t tests/sql/dba.t
else
# Made before any test is: `make check` stops here.
check_DATA = cmocka
cmocka:
	@echo 'make check needs cmocka (Debian package libcmocka-dev);' \
	  'install it and run configure again' >&2; exit 1
endif
EXTRA_DIST += tests/sql/db.t tests/sql/dba.t

# What runs by pytest, by hand and in benchmarks.
EXTRA_DIST += tests/run tests/banned.sh build-aux/stack \
	$(wildcard $(srcdir)/tests/api/*.py) $(wildcard $(srcdir)/tests/e2e/*.py) \
	$(wildcard $(srcdir)/tests/chaos/*.py) $(wildcard $(srcdir)/tests/property/*.py) \
	$(wildcard $(srcdir)/tests/quickstart/*.py) $(wildcard $(srcdir)/tests/types/*.py) \
	$(wildcard $(srcdir)/tests/lib/*.py) $(wildcard $(srcdir)/tests/bench/*)
