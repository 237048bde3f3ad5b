# millrace-sandbox stands between millrace-guard and a handler that is not
# trusted. It is also the first process within, so it is linked statically where
# that works.
handler_PROGRAMS += src/sandbox/millrace-sandbox

src_sandbox_millrace_sandbox_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/sandbox \
	-I$(srcdir)/src/worker $(SECCOMP_CFLAGS)
src_sandbox_millrace_sandbox_LDFLAGS = $(SANDBOX_LDFLAGS)
src_sandbox_millrace_sandbox_LDADD = $(SECCOMP_LIBS)
src_sandbox_millrace_sandbox_SOURCES = \
	src/sandbox/bwrap.c \
	src/sandbox/bwrap.h \
	src/sandbox/filter.c \
	src/sandbox/filter.h \
	src/sandbox/folder.c \
	src/sandbox/folder.h \
	src/sandbox/inside.c \
	src/sandbox/inside.h \
	src/sandbox/main.c \
	src/sandbox/options.c \
	src/sandbox/options.h \
	src/sandbox/report.c \
	src/sandbox/report.h \
	src/worker/sandbox.h \
	src/sandbox/usage.c \
	src/sandbox/usage.h \
	src/sandbox/words.c \
	src/sandbox/words.h \
	src/worker/guard.h \
	src/worker/guard_limits.c \
	src/worker/guard_limits.h
