# Unit tests of libcore that need nothing but the library.
if HAVE_CMOCKA
core_unit_cppflags = $(CORE_CPPFLAGS) $(CMOCKA_CFLAGS)
core_unit_libs = src/core/libcore.a $(CORE_LIBS) $(CMOCKA_LIBS)

core_unit_tests = \
	tests/unit/test_bell \
	tests/unit/test_clock \
	tests/unit/test_conf \
	tests/unit/test_conf_manual \
	tests/unit/test_conf_value \
	tests/unit/test_error \
	tests/unit/test_json \
	tests/unit/test_log \
	tests/unit/test_notify \
	tests/unit/test_seal \
	tests/unit/test_uuid

check_PROGRAMS += $(core_unit_tests)
TESTS += $(core_unit_tests)

tests_unit_test_bell_SOURCES = tests/unit/test_bell.c
tests_unit_test_bell_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_bell_LDADD = $(core_unit_libs)

tests_unit_test_clock_SOURCES = tests/unit/test_clock.c
tests_unit_test_clock_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_clock_LDADD = $(core_unit_libs)

tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_conf_LDADD = $(core_unit_libs)

tests_unit_test_conf_manual_SOURCES = tests/unit/test_conf_manual.c
tests_unit_test_conf_manual_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_conf_manual_LDADD = $(core_unit_libs)

tests_unit_test_conf_value_SOURCES = tests/unit/test_conf_value.c
tests_unit_test_conf_value_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_conf_value_LDADD = $(core_unit_libs)

tests_unit_test_error_SOURCES = tests/unit/test_error.c
tests_unit_test_error_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_error_LDADD = $(core_unit_libs)

tests_unit_test_json_SOURCES = tests/unit/test_json.c
tests_unit_test_json_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_json_LDADD = $(core_unit_libs)

tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_log_LDADD = $(core_unit_libs)

tests_unit_test_notify_SOURCES = tests/unit/test_notify.c
tests_unit_test_notify_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_notify_LDADD = $(core_unit_libs)

tests_unit_test_seal_SOURCES = tests/unit/test_seal.c
tests_unit_test_seal_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_seal_LDADD = $(core_unit_libs)

tests_unit_test_uuid_SOURCES = tests/unit/test_uuid.c
tests_unit_test_uuid_CPPFLAGS = $(core_unit_cppflags)
tests_unit_test_uuid_LDADD = $(core_unit_libs)
endif
