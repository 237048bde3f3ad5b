# Mail by SMTP.
handler_PROGRAMS += email
dist_types_DATA += types.d/email.json
dist_man_MANS += doc/millrace-email.7

email_CPPFLAGS = $(HANDLER_CPPFLAGS) $(TALLOC_CFLAGS) $(CURL_CFLAGS) \
	$(SODIUM_CFLAGS)
email_SOURCES = \
	src/handlers/email.c \
	src/handlers/mail.h \
	src/handlers/mail_header.c \
	src/handlers/mail_read.c \
	src/handlers/smtp.c \
	src/handlers/smtp.h
email_LDADD = src/handlers/libkit.a $(JANSSON_LIBS) $(TALLOC_LIBS) \
	$(CURL_LIBS) $(SODIUM_LIBS)
