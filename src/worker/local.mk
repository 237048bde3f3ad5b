# millrace-worker: claims jobs and runs their handlers. All but main() is a
# library, so that the tests can link its parts.
noinst_LIBRARIES += src/worker/libworker.a
sbin_PROGRAMS += millrace-worker

WORKER_CPPFLAGS = $(JOB_CPPFLAGS) -I$(srcdir)/src/worker

src_worker_libworker_a_CPPFLAGS = $(WORKER_CPPFLAGS)
src_worker_libworker_a_SOURCES = \
	src/worker/answer.c \
	src/worker/answer.h \
	src/worker/artifact.c \
	src/worker/artifact.h \
	src/worker/ask.c \
	src/worker/ask.h \
	src/worker/attempt.c \
	src/worker/attempt.h \
	src/worker/attempt_end.c \
	src/worker/beside.c \
	src/worker/beside.h \
	src/worker/breaker.c \
	src/worker/breaker.h \
	src/worker/child.c \
	src/worker/child.h \
	src/worker/chore.c \
	src/worker/chore.h \
	src/worker/claim.c \
	src/worker/claim.h \
	src/worker/connection_file.c \
	src/worker/connection_file.h \
	src/worker/cgi_answer.c \
	src/worker/cgi_answer.h \
	src/worker/dependencies.c \
	src/worker/dependencies.h \
	src/worker/drain.c \
	src/worker/drain.h \
	src/worker/environment.c \
	src/worker/environment.h \
	src/worker/facts.c \
	src/worker/facts.h \
	src/worker/fastcgi.c \
	src/worker/fastcgi.h \
	src/worker/fastcgi_connect.c \
	src/worker/fastcgi_connect.h \
	src/worker/fastcgi_params.c \
	src/worker/fastcgi_params.h \
	src/worker/fastcgi_request.c \
	src/worker/fastcgi_request.h \
	src/worker/fcgi_record.c \
	src/worker/fcgi_record.h \
	src/worker/file_name.c \
	src/worker/file_name.h \
	src/worker/gather.c \
	src/worker/gather.h \
	src/worker/handler_env.c \
	src/worker/handler_env.h \
	src/worker/input.c \
	src/worker/input.h \
	src/worker/job_log.c \
	src/worker/job_log.h \
	src/worker/lane.c \
	src/worker/lane.h \
	src/worker/lines.c \
	src/worker/lines.h \
	src/worker/media_type.c \
	src/worker/media_type.h \
	src/worker/orphan.c \
	src/worker/orphan.h \
	src/worker/pool.c \
	src/worker/pool.h \
	src/worker/process.c \
	src/worker/process.h \
	src/worker/process_answer.c \
	src/worker/process_private.h \
	src/worker/program.c \
	src/worker/progress.c \
	src/worker/progress.h \
	src/worker/purge.c \
	src/worker/purge.h \
	src/worker/push.c \
	src/worker/push.h \
	src/worker/push_request.c \
	src/worker/push_request.h \
	src/worker/queue.h \
	src/worker/queues.c \
	src/worker/queues.h \
	src/worker/recorded.c \
	src/worker/recorded.h \
	src/worker/recorder.c \
	src/worker/recorder.h \
	src/worker/remove.c \
	src/worker/remove.h \
	src/worker/result.c \
	src/worker/result.h \
	src/worker/said.c \
	src/worker/said.h \
	src/worker/sandbox.h \
	src/worker/sandbox_spec.c \
	src/worker/sandbox_spec.h \
	src/worker/sink.c \
	src/worker/sink.h \
	src/worker/source.c \
	src/worker/source.h \
	src/worker/tail.c \
	src/worker/tail.h \
	src/worker/text.c \
	src/worker/text.h \
	src/worker/verdict.c \
	src/worker/verdict.h \
	src/worker/web_answer.c \
	src/worker/web_answer.h \
	src/worker/workdir.c \
	src/worker/workdir.h \
	src/worker/worker.c \
	src/worker/worker.h

millrace_worker_CPPFLAGS = $(WORKER_CPPFLAGS)
millrace_worker_SOURCES = src/worker/main.c
millrace_worker_LDADD = src/worker/libworker.a $(JOB_LIBS) $(CURL_LIBS)

# millrace-guard stands between millrace-worker and each handler process.  It is
# started once a job, so it links nothing but libc, and that statically where
# configure found that to work (GUARD_LDFLAGS; not with sanitizers).
handler_PROGRAMS += src/worker/millrace-guard

src_worker_millrace_guard_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/worker
src_worker_millrace_guard_LDFLAGS = $(GUARD_LDFLAGS)
src_worker_millrace_guard_SOURCES = \
	src/worker/guard.c \
	src/worker/guard.h \
	src/worker/guard_child.c \
	src/worker/guard_child.h \
	src/worker/guard_keeper.c \
	src/worker/guard_keeper.h \
	src/worker/guard_limits.c \
	src/worker/guard_limits.h \
	src/worker/guard_options.c \
	src/worker/guard_options.h \
	src/worker/guard_tree.c \
	src/worker/guard_tree.h

if HAVE_CMOCKA
worker_unit_tests = \
	tests/unit/test_fcgi \
	tests/unit/test_push \
	tests/unit/test_queues \
	tests/unit/test_retry \
	tests/unit/test_tail \
	tests/unit/test_type \
	tests/unit/test_type_folder \
	tests/unit/test_worker_parts

check_PROGRAMS += $(worker_unit_tests)
TESTS += $(worker_unit_tests)

tests_unit_test_fcgi_SOURCES = tests/unit/test_fcgi.c
tests_unit_test_fcgi_CPPFLAGS = $(WORKER_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_fcgi_LDADD = src/worker/libworker.a $(JOB_LIBS) $(CURL_LIBS) \
	$(CMOCKA_LIBS)

tests_unit_test_retry_SOURCES = tests/unit/test_retry.c
tests_unit_test_retry_CPPFLAGS = $(JOB_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_retry_LDADD = $(JOB_LIBS) $(CMOCKA_LIBS)

tests_unit_test_queues_SOURCES = tests/unit/test_queues.c
tests_unit_test_queues_CPPFLAGS = $(WORKER_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_queues_LDADD = src/worker/libworker.a $(JOB_LIBS) $(CURL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_push_SOURCES = tests/unit/test_push.c
tests_unit_test_push_CPPFLAGS = $(WORKER_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_push_LDADD = src/worker/libworker.a $(JOB_LIBS) $(CURL_LIBS) \
	$(CMOCKA_LIBS)

tests_unit_test_tail_SOURCES = tests/unit/test_tail.c
tests_unit_test_tail_CPPFLAGS = $(WORKER_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tail_LDADD = src/worker/libworker.a $(JOB_LIBS) $(CURL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_type_SOURCES = tests/unit/test_type.c
tests_unit_test_type_CPPFLAGS = $(JOB_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_type_LDADD = $(JOB_LIBS) $(CMOCKA_LIBS)

tests_unit_test_type_folder_SOURCES = tests/unit/test_type_folder.c
tests_unit_test_type_folder_CPPFLAGS = $(JOB_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_type_folder_LDADD = $(JOB_LIBS) $(CMOCKA_LIBS)

tests_unit_test_worker_parts_SOURCES = tests/unit/test_worker_parts.c
tests_unit_test_worker_parts_CPPFLAGS = $(WORKER_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_worker_parts_LDADD = src/worker/libworker.a $(JOB_LIBS) $(CURL_LIBS) \
	$(CMOCKA_LIBS)
endif

if FUZZING
noinst_PROGRAMS += fuzz_fcgi
fuzz_fcgi_CPPFLAGS = $(WORKER_CPPFLAGS)
fuzz_fcgi_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer,address,undefined
fuzz_fcgi_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer,address,undefined
fuzz_fcgi_SOURCES = tests/fuzz/fuzz_fcgi.c src/worker/fcgi_record.c \
	src/worker/cgi_answer.c
fuzz_fcgi_LDADD = src/worker/libworker.a $(JOB_LIBS) $(CURL_LIBS)
endif

EXTRA_DIST += tests/bench/fastcgi tests/lib/php.py tests/types/test_fastcgi.py \
	tests/e2e/test_php.py \
	tests/fuzz/fuzz_fcgi.c tests/fuzz/corpus/fcgi/answer \
	tests/fuzz/corpus/fcgi/busy tests/fuzz/corpus/fcgi/overloaded \
	tests/fuzz/corpus/fcgi/short
EXTRA_DIST += tests/e2e/test_worker.py tests/e2e/test_sandbox.py
