# millrace-stream: server-sent events. All but main.c is a library, so that the
# tests can link its parts.
noinst_LIBRARIES += src/stream/libstream.a
sbin_PROGRAMS += millrace-stream

STREAM_CPPFLAGS = $(JOB_CPPFLAGS) -I$(srcdir)/src/stream

src_stream_libstream_a_CPPFLAGS = $(STREAM_CPPFLAGS)
src_stream_libstream_a_SOURCES = \
	src/stream/batch.c \
	src/stream/batch.h \
	src/stream/channel.c \
	src/stream/channel.h \
	src/stream/hub.c \
	src/stream/hub.h \
	src/stream/message.c \
	src/stream/message.h \
	src/stream/position.c \
	src/stream/position.h \
	src/stream/replay.c \
	src/stream/replay.h \
	src/stream/reply.c \
	src/stream/reply.h \
	src/stream/server.c \
	src/stream/server.h \
	src/stream/sse.c \
	src/stream/sse.h \
	src/stream/stream.h \
	src/stream/subscriber.c \
	src/stream/subscriber.h \
	src/stream/tail.c \
	src/stream/tail.h \
	src/stream/wheel.c \
	src/stream/wheel.h

millrace_stream_CPPFLAGS = $(STREAM_CPPFLAGS)
millrace_stream_SOURCES = src/stream/main.c
millrace_stream_LDADD = src/stream/libstream.a $(JOB_LIBS)

if HAVE_CMOCKA
stream_unit_cppflags = $(STREAM_CPPFLAGS) $(CMOCKA_CFLAGS)
stream_unit_libs = src/stream/libstream.a $(JOB_LIBS) $(CMOCKA_LIBS)

stream_unit_tests = \
	tests/unit/test_snapshot \
	tests/unit/test_sse

check_PROGRAMS += $(stream_unit_tests)
TESTS += $(stream_unit_tests)

tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c
tests_unit_test_snapshot_CPPFLAGS = $(stream_unit_cppflags)
tests_unit_test_snapshot_LDADD = $(stream_unit_libs)

tests_unit_test_sse_SOURCES = tests/unit/test_sse.c
tests_unit_test_sse_CPPFLAGS = $(stream_unit_cppflags)
tests_unit_test_sse_LDADD = $(stream_unit_libs)
endif

EXTRA_DIST += \
	tests/api/stream_client.py \
	tests/api/test_stream.py \
	tests/api/test_stream_exact.py \
	tests/api/test_stream_size.py
