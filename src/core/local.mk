# libcore: what every program stands on. It knows nothing of jobs.
noinst_LIBRARIES += src/core/libcore.a

src_core_libcore_a_CPPFLAGS = $(CORE_CPPFLAGS)
src_core_libcore_a_SOURCES = \
	src/core/bell.c \
	src/core/bell.h \
	src/core/buf.c \
	src/core/buf.h \
	src/core/clock.c \
	src/core/clock.h \
	src/core/conf.c \
	src/core/conf.h \
	src/core/conf_file.c \
	src/core/conf_file.h \
	src/core/conf_hide.c \
	src/core/conf_hide.h \
	src/core/conf_value.c \
	src/core/conf_value.h \
	src/core/db.c \
	src/core/db.h \
	src/core/db_array.c \
	src/core/db_conn.c \
	src/core/db_error.c \
	src/core/db_private.h \
	src/core/db_result.c \
	src/core/dba.c \
	src/core/dba.h \
	src/core/duration.c \
	src/core/error.c \
	src/core/error.h \
	src/core/fetch.c \
	src/core/fetch.h \
	src/core/fetch_many.c \
	src/core/fetch_many.h \
	src/core/fetch_private.h \
	src/core/json.c \
	src/core/json.h \
	src/core/json_out.c \
	src/core/log.c \
	src/core/log.h \
	src/core/network.c \
	src/core/network.h \
	src/core/notify.c \
	src/core/notify.h \
	src/core/seal.c \
	src/core/seal.h \
	src/core/unix_address.c \
	src/core/unix_address.h \
	src/core/uuid.c \
	src/core/uuid.h
