#include "csv.h"
#include "csv_guess.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

/* Text that is handed out in pieces of a given size. */
struct source {
    const char *text;
    size_t len, piece;
};

static ssize_t read_piece(void *arg, char *buf, size_t size)
{
    struct source *source = arg;
    size_t n = source->piece < size ? source->piece : size;

    if (n > source->len)
        n = source->len;
    memcpy(buf, source->text, n);
    source->text += n;
    source->len -= n;
    return (ssize_t)n;
}

static void show_record(FILE *out, const struct csv_record *record)
{
    fprintf(out, "%llu@%llu ", (unsigned long long)record->row,
            (unsigned long long)record->line);
    for (size_t i = 0; i < record->count; i++) {
        const struct csv_field *f = &record->fields[i];

        putc('[', out);
        for (size_t k = 0; k < f->len; k++)
            if (f->text[k] == '\n')
                fputs("\\n", out);
            else if (f->text[k] == '\r')
                fputs("\\r", out);
            else
                putc(f->text[k], out);
        putc(']', out);
    }
    putc('\n', out);
}

static int free_text(char **text)
{
    free(*text);
    return 0;
}

/* What the reader makes of a text: a line a record, and how it ended. */
static const char *read_all(void *mem, struct source source)
{
    char **shown = talloc_zero(mem, char *);
    size_t len;
    FILE *out = open_memstream(shown, &len);
    struct fault err = {0};
    struct csv *csv = csv_open(shown, read_piece, &source, 0, &err);
    struct csv_record record;
    enum csv_step step = CSV_FAILED;

    talloc_set_destructor(shown, free_text);
    while (csv && (step = csv_next(csv, &record, &err)) == CSV_ROW)
        show_record(out, &record);
    if (step != CSV_END)
        assert_int_equal(err.status, FAULT_DATA);
    if (step == CSV_END)
        fputs("end\n", out);
    else
        fprintf(out, "%s: %s\n", err.code, err.text);
    fclose(out);
    talloc_free(csv);
    return *shown;
}

static char *read_file(void *mem, const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    char *text = talloc_zero_size(mem, 65536);

    assert_non_null(file);
    *ret_len = fread(text, 1, 65535, file);
    fclose(file);
    return text;
}

static const char *case_folder(void)
{
    const char *top = getenv("top_srcdir");
    static char path[4096];

    snprintf(path, sizeof(path), "%s/tests/unit/cases/csv", top ? top : ".");
    return path;
}

/* The same answer, however the bytes come in. */
static void check_case(const char *name)
{
    static const size_t pieces[] = {1, 2, 3, 7, 65536};
    void *mem = talloc_new(NULL);
    size_t len, want_len;
    char *path = talloc_asprintf(mem, "%s/%s", case_folder(), name);
    char *text = read_file(mem, path, &len), *want;

    memcpy(strrchr(path, '.'), ".wan", 4);
    want = read_file(mem, talloc_strdup_append(path, "t"), &want_len);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
        assert_string_equal(
            read_all(mem, (struct source){text, len, pieces[i]}), want);
    talloc_free(mem);
}

static void the_case_files_are_read_as_wanted(void **state)
{
    DIR *folder = opendir(case_folder());
    struct dirent *entry;
    int count = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (!dot || strcmp(dot, ".csv") != 0)
            continue;
        check_case(entry->d_name);
        count++;
    }
    closedir(folder);
    assert_true(count > 20);
}

/* "a,b\n1," and then a value of len bytes. */
static char *with_value(void *mem, size_t len, bool quoted)
{
    char *value = talloc_size(mem, len + 1);

    memset(value, 'x', len);
    value[len] = 0;
    return talloc_asprintf(mem, quoted ? "a,b\n1,\"%s\"\n" : "a,b\n1,%s\n",
                           value);
}

static void a_field_may_have_one_mebibyte(void **state)
{
    static const struct {
        size_t len;
        bool quoted, fits;
    } cases[] = {
        {CSV_MAX_FIELD,     false, true },
        {CSV_MAX_FIELD + 1, false, false},
        {CSV_MAX_FIELD - 1, true,  true },
        {CSV_MAX_FIELD + 9, true,  false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        void *mem = talloc_new(NULL);
        char *text = with_value(mem, cases[i].len, cases[i].quoted);
        const char *shown =
            read_all(mem, (struct source){text, strlen(text), 100000});

        assert_int_equal(!strstr(shown, "field_too_large"), cases[i].fits);
        assert_int_equal(strstr(shown, "\nend\n") != NULL, cases[i].fits);
        talloc_free(mem);
    }
}

static void a_record_may_have_eight_mebibytes(void **state)
{
    void *mem = talloc_new(NULL);
    char *value = talloc_zero_size(mem, 1000001);
    char *text = talloc_strdup(mem, "a");

    (void)state;
    memset(value, 'x', 1000000);
    for (int i = 1; i < 10; i++)
        text = talloc_asprintf_append(text, ",b%d", i);
    text = talloc_asprintf_append(text, "\n%s", value);
    for (int i = 1; i < 10; i++)
        text = talloc_asprintf_append(text, ",%s", value);
    assert_non_null(
        strstr(read_all(mem, (struct source){text, strlen(text), 1000000}),
               "record_too_large: row 1 (line 2), column 9"));
    talloc_free(mem);
}

/* The eighth field is too large as well, but the record is sooner. */
static void of_two_limits_the_first_in_the_file_is_named(void **state)
{
    static const size_t pieces[] = {1000, 200000, 1000000};
    void *mem = talloc_new(NULL);
    char *text = talloc_strdup(mem, "a,b,c,d,e,f,g,h\n");
    char *value = talloc_zero_size(mem, CSV_MAX_FIELD + 1);

    (void)state;
    memset(value, 'x', CSV_MAX_FIELD);
    for (int i = 0; i < 7; i++)
        text = talloc_asprintf_append(text, "%s,", value);
    text = talloc_asprintf_append(text, "%s%s", value, value);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
        assert_non_null(strstr(
            read_all(mem, (struct source){text, strlen(text), pieces[i]}),
            "record_too_large: row 1 (line 2), column 8"));
    talloc_free(mem);
}

static void there_may_be_4096_columns(void **state)
{
    void *mem = talloc_new(NULL);
    char *commas = talloc_zero_size(mem, CSV_MAX_COLUMNS + 1);
    size_t most = CSV_MAX_COLUMNS - 1;

    (void)state;
    memset(commas, ',', CSV_MAX_COLUMNS);
    assert_non_null(
        strstr(read_all(mem, (struct source){commas, most, 999}), "end"));
    assert_non_null(
        strstr(read_all(mem, (struct source){commas, most + 1, 999}),
               "too_many_columns: header (line 1), column 4097"));
    talloc_free(mem);
}

static void the_delimiter_is_guessed(void **state)
{
    static const struct {
        const char *text;
        char want;
    } cases[] = {
        {"a,b\n1,2\n",               ',' },
        {"a;b\n1,5;2,5\n",           ';' },
        {"a\tb,c\n1\t2,3\n4\t5\n",   '\t'},
        {"a|b|c\n1|2|3\n",           '|' },
        {"\"a,b\";c\n\"d,e,f\";g\n", ';' },
        {"name\nx\n",                ',' },
        {"a;b;c",                    ';' },
        {"",                         ',' },
        {"t\n\"1;2\n3;4\"\n",        ',' },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(
            csv_guess_delimiter(cases[i].text, strlen(cases[i].text)),
            cases[i].want);
}

static ssize_t read_nothing(void *arg, char *buf, size_t size)
{
    (void)arg, (void)buf, (void)size;
    errno = EIO;
    return -1;
}

static void a_failing_disk_is_worth_another_attempt(void **state)
{
    struct fault err = {0};

    (void)state;
    assert_null(csv_open(NULL, read_nothing, NULL, 0, &err));
    assert_int_equal(err.status, FAULT_RETRY);
    assert_string_equal(err.code, "input_failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_case_files_are_read_as_wanted),
        cmocka_unit_test(a_field_may_have_one_mebibyte),
        cmocka_unit_test(a_record_may_have_eight_mebibytes),
        cmocka_unit_test(of_two_limits_the_first_in_the_file_is_named),
        cmocka_unit_test(there_may_be_4096_columns),
        cmocka_unit_test(the_delimiter_is_guessed),
        cmocka_unit_test(a_failing_disk_is_worth_another_attempt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
