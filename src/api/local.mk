# millrace-api: the HTTP API. What does not touch FastCGI is a library, so that
# the tests can link its parts.
noinst_LIBRARIES += src/api/libapi.a
sbin_PROGRAMS += millrace-api

API_CPPFLAGS = $(JOB_CPPFLAGS) -I$(srcdir)/src/api

api_sources = \
	src/api/analysis.h \
	src/api/api.h \
	src/api/auth.c \
	src/api/auth.h \
	src/api/committer.c \
	src/api/committer.h \
	src/api/connection_read.c \
	src/api/connection_read.h \
	src/api/connection_try.c \
	src/api/connection_try.h \
	src/api/elements.c \
	src/api/elements.h \
	src/api/facts.c \
	src/api/facts.h \
	src/api/h_about.c \
	src/api/h_analysis.c \
	src/api/h_analysis_job.c \
	src/api/batches.h \
	src/api/h_batch.c \
	src/api/h_batches.c \
	src/api/h_bulk.c \
	src/api/h_change.c \
	src/api/h_connections.c \
	src/api/h_enqueue.c \
	src/api/h_events.c \
	src/api/h_explain.c \
	src/api/h_files.c \
	src/api/h_import.c \
	src/api/h_job.c \
	src/api/h_jobs.c \
	src/api/h_operate.c \
	src/api/h_output.c \
	src/api/h_queues.c \
	src/api/h_report.c \
	src/api/h_schedule_change.c \
	src/api/h_schedules.c \
	src/api/h_schema_cache.c \
	src/api/h_session.c \
	src/api/handlers.h \
	src/api/http.h \
	src/api/http_body.c \
	src/api/http_request.c \
	src/api/http_response.c \
	src/api/http_serve.c \
	src/api/job_member.c \
	src/api/job_member.h \
	src/api/job_read.c \
	src/api/job_read.h \
	src/api/job_write.c \
	src/api/job_write.h \
	src/api/multipart.c \
	src/api/multipart.h \
	src/api/multipart_head.c \
	src/api/multipart_head.h \
	src/api/owned.c \
	src/api/owned.h \
	src/api/pool.c \
	src/api/pool.h \
	src/api/post.c \
	src/api/post.h \
	src/api/prefer.c \
	src/api/prefer.h \
	src/api/receive.c \
	src/api/receive.h \
	src/api/refs.c \
	src/api/refs.h \
	src/api/reply.c \
	src/api/reply.h \
	src/api/route.c \
	src/api/route.h \
	src/api/route_args.c \
	src/api/schedule_write.c \
	src/api/schedule_write.h \
	src/api/upload.c \
	src/api/upload.h \
	src/api/upload_name.c \
	src/api/upload_name.h \
	src/api/url.c \
	src/api/url.h \
	src/api/waiters.c \
	src/api/waiters.h \
	src/api/words.c \
	src/api/words.h

src_api_libapi_a_CPPFLAGS = $(API_CPPFLAGS)
src_api_libapi_a_SOURCES = $(api_sources)

millrace_api_CPPFLAGS = $(API_CPPFLAGS)
millrace_api_SOURCES = \
	src/api/cgi.c \
	src/api/cgi.h \
	src/api/fcgi.c \
	src/api/fcgi.h \
	src/api/main.c \
	src/api/server.c \
	src/api/server.h
millrace_api_LDADD = src/api/libapi.a $(JOB_LIBS) $(LIBFCGI_LIBS) -lpthread

if HAVE_CMOCKA
api_unit_cppflags = $(API_CPPFLAGS) $(CMOCKA_CFLAGS)
api_unit_libs = src/api/libapi.a $(JOB_LIBS) $(CMOCKA_LIBS) -lpthread

api_unit_tests = \
	tests/unit/test_body \
	tests/unit/test_connection_host \
	tests/unit/test_http \
	tests/unit/test_job_read \
	tests/unit/test_multipart \
	tests/unit/test_refs \
	tests/unit/test_route \
	tests/unit/test_upload_name

check_PROGRAMS += $(api_unit_tests)
TESTS += $(api_unit_tests)

tests_unit_test_body_SOURCES = tests/unit/test_body.c
tests_unit_test_body_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_body_LDADD = $(api_unit_libs)

tests_unit_test_connection_host_SOURCES = tests/unit/test_connection_host.c
tests_unit_test_connection_host_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_connection_host_LDADD = $(api_unit_libs)

tests_unit_test_http_SOURCES = tests/unit/test_http.c
tests_unit_test_http_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_http_LDADD = $(api_unit_libs)

tests_unit_test_job_read_SOURCES = tests/unit/test_job_read.c
tests_unit_test_job_read_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_job_read_LDADD = $(api_unit_libs)

tests_unit_test_multipart_SOURCES = tests/unit/test_multipart.c
tests_unit_test_multipart_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_multipart_LDADD = $(api_unit_libs)

tests_unit_test_refs_SOURCES = tests/unit/test_refs.c
tests_unit_test_refs_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_refs_LDADD = $(api_unit_libs)

tests_unit_test_route_SOURCES = tests/unit/test_route.c
tests_unit_test_route_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_route_LDADD = $(api_unit_libs)

tests_unit_test_upload_name_SOURCES = tests/unit/test_upload_name.c
tests_unit_test_upload_name_CPPFLAGS = $(api_unit_cppflags)
tests_unit_test_upload_name_LDADD = $(api_unit_libs)
endif

if FUZZING
noinst_PROGRAMS += fuzz_route fuzz_body fuzz_multipart

api_fuzz_cflags = $(AM_CFLAGS) -fsanitize=fuzzer,address,undefined

fuzz_route_CPPFLAGS = $(API_CPPFLAGS)
fuzz_route_CFLAGS = $(api_fuzz_cflags)
fuzz_route_SOURCES = tests/fuzz/fuzz_route.c $(api_sources)
fuzz_route_LDADD = $(JOB_LIBS) -lpthread

fuzz_body_CPPFLAGS = $(API_CPPFLAGS)
fuzz_body_CFLAGS = $(api_fuzz_cflags)
fuzz_body_SOURCES = tests/fuzz/fuzz_body.c $(api_sources)
fuzz_body_LDADD = $(JOB_LIBS) -lpthread

fuzz_multipart_CPPFLAGS = $(API_CPPFLAGS)
fuzz_multipart_CFLAGS = $(api_fuzz_cflags)
fuzz_multipart_SOURCES = tests/fuzz/fuzz_multipart.c \
	src/api/multipart.c src/api/multipart_head.c
fuzz_multipart_LDADD = $(JOB_LIBS)
endif

$(src_api_libapi_a_OBJECTS) $(millrace_api_OBJECTS): src/job/queries.h
EXTRA_DIST += tests/api/test_analysis.py tests/api/test_api.py \
	tests/api/test_files.py tests/api/test_input.py tests/api/test_jobs.py \
	tests/lib/api.py tests/lib/fcgi.py tests/lib/runs.py \
	tests/fuzz/corpus/body/batch \
	tests/fuzz/corpus/body/document \
	tests/fuzz/corpus/body/job \
	tests/fuzz/corpus/multipart/extended \
	tests/fuzz/corpus/multipart/field_and_file \
	tests/fuzz/corpus/multipart/folded \
	tests/fuzz/corpus/multipart/latin \
	tests/fuzz/corpus/multipart/nothing \
	tests/fuzz/corpus/route/artifact \
	tests/fuzz/corpus/route/health \
	tests/fuzz/corpus/route/list \
	tests/fuzz/corpus/route/session
