# The handler kit and the handlers: nothing of Millrace's own libraries.
HANDLER_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/handlers $(JANSSON_CFLAGS)

handler_PROGRAMS += analyze-file noop
noinst_LIBRARIES += src/handlers/libkit.a src/handlers/libprofile.a
dist_types_DATA += types.d/analyze-file.json types.d/noop.json
dist_man_MANS += doc/millrace-analyze-file.7

# What a handler needs to speak with the worker.
src_handlers_libkit_a_CPPFLAGS = $(HANDLER_CPPFLAGS)
src_handlers_libkit_a_SOURCES = \
	src/handlers/channel.c \
	src/handlers/channel.h \
	src/handlers/fault.c \
	src/handlers/fault.h \
	src/handlers/kit.c \
	src/handlers/kit.h \
	src/handlers/kit_serve.c \
	src/handlers/skim.c \
	src/handlers/skim.h

noop_CPPFLAGS = $(HANDLER_CPPFLAGS)
noop_SOURCES = src/handlers/noop.c
noop_LDADD = src/handlers/libkit.a $(JANSSON_LIBS)

# Reading and profiling CSV and workbooks.
src_handlers_libprofile_a_CPPFLAGS = $(HANDLER_CPPFLAGS) $(TALLOC_CFLAGS) \
	$(LIBZIP_CFLAGS) $(EXPAT_CFLAGS)
src_handlers_libprofile_a_SOURCES = \
	src/handlers/analysis.c \
	src/handlers/analysis.h \
	src/handlers/book.c \
	src/handlers/book.h \
	src/handlers/book_foreign.c \
	src/handlers/book_foreign.h \
	src/handlers/book_parts.c \
	src/handlers/book_parts.h \
	src/handlers/cell.c \
	src/handlers/cell.h \
	src/handlers/clip.c \
	src/handlers/clip.h \
	src/handlers/csv.c \
	src/handlers/csv.h \
	src/handlers/csv_guess.c \
	src/handlers/csv_guess.h \
	src/handlers/digest.c \
	src/handlers/digest.h \
	src/handlers/hash.c \
	src/handlers/hash.h \
	src/handlers/header.c \
	src/handlers/header.h \
	src/handlers/hll.c \
	src/handlers/hll.h \
	src/handlers/infer.c \
	src/handlers/infer.h \
	src/handlers/markup.c \
	src/handlers/markup.h \
	src/handlers/options.c \
	src/handlers/options.h \
	src/handlers/package.c \
	src/handlers/package.h \
	src/handlers/profile.c \
	src/handlers/profile.h \
	src/handlers/sample.c \
	src/handlers/sample.h \
	src/handlers/serial.c \
	src/handlers/serial.h \
	src/handlers/sheet.c \
	src/handlers/sheet.h \
	src/handlers/styles.c \
	src/handlers/styles.h \
	src/handlers/table.c \
	src/handlers/table.h \
	src/handlers/texts.c \
	src/handlers/texts.h \
	src/handlers/topk.c \
	src/handlers/topk.h \
	src/handlers/utf8.c \
	src/handlers/utf8.h \
	src/handlers/when.c \
	src/handlers/when.h
PROFILE_LIBS = src/handlers/libprofile.a src/handlers/libkit.a \
	$(JANSSON_LIBS) $(TALLOC_LIBS) $(LIBZIP_LIBS) $(EXPAT_LIBS)

analyze_file_CPPFLAGS = $(HANDLER_CPPFLAGS) $(TALLOC_CFLAGS) \
	$(XLSXWRITER_CFLAGS) $(LIBZIP_CFLAGS)
analyze_file_SOURCES = \
	src/handlers/analyze_file.c \
	src/handlers/report_json.c \
	src/handlers/report_json.h \
	src/handlers/report_xlsx.c \
	src/handlers/report_xlsx.h \
	src/handlers/xlsx_check.c \
	src/handlers/xlsx_check.h
analyze_file_LDADD = $(PROFILE_LIBS) $(XLSXWRITER_LIBS) $(ZLIB_LIBS)

# Tests.
if HAVE_CMOCKA
handler_tests = \
	tests/unit/test_csv \
	tests/unit/test_handler_infer \
	tests/unit/test_handler_kit \
	tests/unit/test_handler_programs \
	tests/unit/test_handler_sketches \
	tests/unit/test_profile
check_PROGRAMS += $(handler_tests)
TESTS += $(handler_tests)

handler_test_cppflags = $(HANDLER_CPPFLAGS) $(TALLOC_CFLAGS) $(CMOCKA_CFLAGS)
handler_test_libs = $(PROFILE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_csv_CPPFLAGS = $(handler_test_cppflags)
tests_unit_test_csv_LDADD = $(handler_test_libs)
tests_unit_test_handler_infer_CPPFLAGS = $(handler_test_cppflags)
tests_unit_test_handler_infer_LDADD = $(handler_test_libs)
tests_unit_test_handler_kit_CPPFLAGS = $(handler_test_cppflags)
tests_unit_test_handler_kit_LDADD = $(handler_test_libs)
tests_unit_test_handler_programs_CPPFLAGS = $(handler_test_cppflags)
tests_unit_test_handler_programs_LDADD = $(handler_test_libs)
tests_unit_test_handler_sketches_CPPFLAGS = $(handler_test_cppflags)
tests_unit_test_handler_sketches_LDADD = $(handler_test_libs)
tests_unit_test_profile_CPPFLAGS = $(handler_test_cppflags)
tests_unit_test_profile_LDADD = $(handler_test_libs)
endif

if FUZZING
noinst_PROGRAMS += fuzz_csv
fuzz_csv_CPPFLAGS = $(HANDLER_CPPFLAGS) $(TALLOC_CFLAGS) \
	-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
fuzz_csv_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all
fuzz_csv_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer,address,undefined
fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c src/handlers/csv.c \
	src/handlers/csv_guess.c src/handlers/fault.c src/handlers/utf8.c
fuzz_csv_LDADD = $(TALLOC_LIBS)

noinst_PROGRAMS += fuzz_xlsx
fuzz_xlsx_CPPFLAGS = $(fuzz_csv_CPPFLAGS) $(LIBZIP_CFLAGS) $(EXPAT_CFLAGS)
fuzz_xlsx_CFLAGS = $(fuzz_csv_CFLAGS)
fuzz_xlsx_LDFLAGS = $(fuzz_csv_LDFLAGS)
fuzz_xlsx_SOURCES = tests/fuzz/fuzz_xlsx.c src/handlers/book.c \
	src/handlers/book_foreign.c src/handlers/book_parts.c \
	src/handlers/cell.c src/handlers/fault.c src/handlers/markup.c \
	src/handlers/package.c src/handlers/serial.c src/handlers/sheet.c \
	src/handlers/styles.c src/handlers/texts.c
fuzz_xlsx_LDADD = $(TALLOC_LIBS) $(LIBZIP_LIBS) $(EXPAT_LIBS)
endif

EXTRA_DIST += tests/bench/make-csv tests/fuzz/fuzz_csv.c \
	tests/fuzz/corpus/csv/bom tests/fuzz/corpus/csv/quotes \
	tests/fuzz/corpus/csv/limits tests/fuzz/corpus/csv/tab \
	tests/fuzz/fuzz_xlsx.c tests/fuzz/corpus/xlsx/all-parts \
	tests/fuzz/corpus/xlsx/openpyxl tests/fuzz/corpus/xlsx/parts \
	tests/types/test_analyze_workbook.py \
	tests/bench/make-xlsx \
	tests/unit/cases/csv/bom.csv \
	tests/unit/cases/csv/bom.want \
	tests/unit/cases/csv/cr_only.csv \
	tests/unit/cases/csv/cr_only.want \
	tests/unit/cases/csv/crlf.csv \
	tests/unit/cases/csv/crlf.want \
	tests/unit/cases/csv/empty.csv \
	tests/unit/cases/csv/empty.want \
	tests/unit/cases/csv/empty_fields.csv \
	tests/unit/cases/csv/empty_fields.want \
	tests/unit/cases/csv/empty_lines.csv \
	tests/unit/cases/csv/empty_lines.want \
	tests/unit/cases/csv/foreign_html.csv \
	tests/unit/cases/csv/foreign_html.want \
	tests/unit/cases/csv/foreign_pdf.csv \
	tests/unit/cases/csv/foreign_pdf.want \
	tests/unit/cases/csv/foreign_png.csv \
	tests/unit/cases/csv/foreign_png.want \
	tests/unit/cases/csv/foreign_utf16.csv \
	tests/unit/cases/csv/foreign_utf16.want \
	tests/unit/cases/csv/foreign_xlsx.csv \
	tests/unit/cases/csv/foreign_xlsx.want \
	tests/unit/cases/csv/foreign_zip.csv \
	tests/unit/cases/csv/foreign_zip.want \
	tests/unit/cases/csv/four_byte_utf8.csv \
	tests/unit/cases/csv/four_byte_utf8.want \
	tests/unit/cases/csv/header_only.csv \
	tests/unit/cases/csv/header_only.want \
	tests/unit/cases/csv/latin1.csv \
	tests/unit/cases/csv/latin1.want \
	tests/unit/cases/csv/no_final_newline.csv \
	tests/unit/cases/csv/no_final_newline.want \
	tests/unit/cases/csv/nul_after_quote.csv \
	tests/unit/cases/csv/nul_after_quote.want \
	tests/unit/cases/csv/nul_plain.csv \
	tests/unit/cases/csv/nul_plain.want \
	tests/unit/cases/csv/nul_quoted.csv \
	tests/unit/cases/csv/nul_quoted.want \
	tests/unit/cases/csv/one_column.csv \
	tests/unit/cases/csv/one_column.want \
	tests/unit/cases/csv/open_quote.csv \
	tests/unit/cases/csv/open_quote.want \
	tests/unit/cases/csv/overlong_utf8.csv \
	tests/unit/cases/csv/overlong_utf8.want \
	tests/unit/cases/csv/pipe.csv \
	tests/unit/cases/csv/pipe.want \
	tests/unit/cases/csv/plain.csv \
	tests/unit/cases/csv/plain.want \
	tests/unit/cases/csv/quote_at_the_end.csv \
	tests/unit/cases/csv/quote_at_the_end.want \
	tests/unit/cases/csv/quote_inside.csv \
	tests/unit/cases/csv/quote_inside.want \
	tests/unit/cases/csv/quotes.csv \
	tests/unit/cases/csv/quotes.want \
	tests/unit/cases/csv/semicolon.csv \
	tests/unit/cases/csv/semicolon.want \
	tests/unit/cases/csv/surrogate_utf8.csv \
	tests/unit/cases/csv/surrogate_utf8.want \
	tests/unit/cases/csv/tab.csv \
	tests/unit/cases/csv/tab.want \
	tests/unit/cases/csv/text_after_quote.csv \
	tests/unit/cases/csv/text_after_quote.want \
	tests/unit/cases/csv/too_few_fields.csv \
	tests/unit/cases/csv/too_few_fields.want \
	tests/unit/cases/csv/too_many_fields.csv \
	tests/unit/cases/csv/too_many_fields.want

# The kit for Python, beside the scripts that use it.
dist_handler_DATA += src/handlers/millrace_kit.py \
	src/handlers/target_source.py

include src/handlers/backup.mk
include src/handlers/catalog.mk
include src/handlers/data.mk
include src/handlers/documents.mk
include src/handlers/email.mk
include src/handlers/report.mk

# What a stack of the tests or of ./quickstart copies.
handlers.list: Makefile
	$(AM_V_GEN)printf '%s\n' $(handler_PROGRAMS) $(dist_handler_SCRIPTS) \
		$(dist_handler_DATA) > $@
noinst_DATA += handlers.list
CLEANFILES += handlers.list
