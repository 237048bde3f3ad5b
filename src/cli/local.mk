# millrace: the command line. What its tests link too is a library.
bin_PROGRAMS += millrace
noinst_LIBRARIES += src/cli/libcli.a

CLI_CPPFLAGS = $(JOB_CPPFLAGS) -I$(srcdir)/src/cli -DSBINDIR='"$(sbindir)"'

src_cli_libcli_a_CPPFLAGS = $(CLI_CPPFLAGS)
src_cli_libcli_a_SOURCES = \
	src/cli/age.c \
	src/cli/age.h \
	src/cli/args.c \
	src/cli/args.h \
	src/cli/ask.c \
	src/cli/ask.h \
	src/cli/batch_lines.c \
	src/cli/batch_lines.h \
	src/cli/cli.c \
	src/cli/cli.h \
	src/cli/cmd_batch.c \
	src/cli/cmd_change.c \
	src/cli/cmd_completion.c \
	src/cli/cmd_conf.c \
	src/cli/cmd_connection.c \
	src/cli/cmd_doctor.c \
	src/cli/cmd_enqueue.c \
	src/cli/cmd_help.c \
	src/cli/cmd_job.c \
	src/cli/cmd_logs.c \
	src/cli/cmd_migrate.c \
	src/cli/cmd_owner.c \
	src/cli/cmd_queue.c \
	src/cli/cmd_schedule.c \
	src/cli/cmd_stats.c \
	src/cli/cmd_token.c \
	src/cli/cmd_top.c \
	src/cli/cmd_type.c \
	src/cli/cmd_version.c \
	src/cli/cmd_watch.c \
	src/cli/cmd_worker.c \
	src/cli/columns.c \
	src/cli/columns.h \
	src/cli/commands.c \
	src/cli/commands.h \
	src/cli/completion.h \
	src/cli/completion_bash.c \
	src/cli/completion_zsh.c \
	src/cli/doctor.h \
	src/cli/doctor_database.c \
	src/cli/doctor_horizon.c \
	src/cli/doctor_key.c \
	src/cli/doctor_host.c \
	src/cli/doctor_sandbox.c \
	src/cli/doctor_types.c \
	src/cli/doctor_web.c \
	src/cli/filter.c \
	src/cli/filter.h \
	src/cli/job_option.c \
	src/cli/job_option.h \
	src/cli/password.c \
	src/cli/password.h \
	src/cli/pick.c \
	src/cli/pick.h \
	src/cli/progress.c \
	src/cli/progress.h \
	src/cli/screen.c \
	src/cli/screen.h \
	src/cli/setting.c \
	src/cli/setting.h \
	src/cli/show.c \
	src/cli/show.h \
	src/cli/sse.c \
	src/cli/sse.h \
	src/cli/table.c \
	src/cli/table.h \
	src/cli/term.c \
	src/cli/term.h \
	src/cli/top_view.c \
	src/cli/top_view.h \
	src/cli/transport.h \
	src/cli/transport_cgi.c \
	src/cli/transport_http.c \
	src/cli/url.c \
	src/cli/url.h \
	src/cli/watch.c \
	src/cli/watch.h

$(src_cli_libcli_a_OBJECTS): src/job/queries.h

millrace_CPPFLAGS = $(CLI_CPPFLAGS)
millrace_SOURCES = src/cli/main.c
millrace_LDADD = src/cli/libcli.a $(JOB_LIBS) $(CURL_LIBS)

# The completions are made by the program, from its own tables of commands.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
nodist_bashcompletion_DATA = src/cli/completions/millrace
nodist_zshcompletion_DATA = src/cli/completions/_millrace
CLEANFILES += $(nodist_bashcompletion_DATA) $(nodist_zshcompletion_DATA)

src/cli/completions/millrace: millrace$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./millrace$(EXEEXT) completion bash >$@

src/cli/completions/_millrace: millrace$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./millrace$(EXEEXT) completion zsh >$@

if HAVE_CMOCKA
cli_unit_tests = \
	tests/unit/test_cli_args \
	tests/unit/test_cli_draw \
	tests/unit/test_cli_read

check_PROGRAMS += $(cli_unit_tests)
TESTS += $(cli_unit_tests)

cli_unit_cppflags = $(CLI_CPPFLAGS) $(CMOCKA_CFLAGS)
cli_unit_libs = src/cli/libcli.a $(JOB_LIBS) $(CURL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_cli_args_SOURCES = tests/unit/test_cli_args.c
tests_unit_test_cli_args_CPPFLAGS = $(cli_unit_cppflags)
tests_unit_test_cli_args_LDADD = $(cli_unit_libs)

tests_unit_test_cli_draw_SOURCES = tests/unit/test_cli_draw.c
tests_unit_test_cli_draw_CPPFLAGS = $(cli_unit_cppflags)
tests_unit_test_cli_draw_LDADD = $(cli_unit_libs)

tests_unit_test_cli_read_SOURCES = tests/unit/test_cli_read.c
tests_unit_test_cli_read_CPPFLAGS = $(cli_unit_cppflags)
tests_unit_test_cli_read_LDADD = $(cli_unit_libs)
endif
