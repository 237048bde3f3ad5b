#include "tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static void add(struct tail *tail, const char *line)
{
    tail_add(tail, line, strlen(line));
}

/* The lines as JSON, on the tail. */
static const char *lines_of(struct tail *tail)
{
    struct json_out *out = json_out_new(tail);

    json_begin_object(out, NULL);
    tail_write(tail, out, "lines");
    json_end(out);
    return json_out_text(out, NULL);
}

static void nothing_is_left_out(void **state)
{
    struct tail *tail = tail_new(NULL);

    (void)state;
    add(tail, "");
    add(tail, " \t\r");
    assert_null(tail_last(tail));
    assert_string_equal(lines_of(tail), "{}");
    talloc_free(tail);
}

static void lines_are_clean_and_in_order(void **state)
{
    struct tail *tail = tail_new(NULL);

    (void)state;
    add(tail, "one");
    tail_add(tail, "a\0b\xff", 4);
    add(tail, "  ");
    assert_string_equal(tail_last(tail),
                        "a\xef\xbf\xbd"
                        "b\xef\xbf\xbd");
    assert_string_equal(lines_of(tail),
                        "{\"lines\":[\"one\",\"a\xef\xbf\xbd"
                        "b\xef\xbf\xbd\"]}");
    talloc_free(tail);
}

static void the_last_lines_stay(void **state)
{
    struct tail *tail = tail_new(NULL);
    json_t *root, *lines;
    char text[16];
    struct error err;

    (void)state;
    for (int i = 0; i < 3 * TAIL_LINES + 5; i++) {
        snprintf(text, sizeof(text), "%d", i);
        add(tail, text);
    }
    assert_string_equal(tail_last(tail), text);
    assert_true(
        json_parse(tail, lines_of(tail), strlen(lines_of(tail)), &root, &err));
    lines = json_object_get(root, "lines");
    assert_int_equal(json_array_size(lines), TAIL_LINES);
    assert_string_equal(json_string_value(json_array_get(lines, 0)), "45");
    talloc_free(tail);
}

static void all_of_them_have_a_limit(void **state)
{
    struct tail *tail = tail_new(NULL);
    char line[3000];

    (void)state;
    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 5; i++)
        tail_add(tail, line, sizeof(line));
    assert_in_range(strlen(lines_of(tail)), 4000, TAIL_BYTES);
    add(tail, "end");
    assert_string_equal(tail_last(tail), "end");
    talloc_free(tail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_out),
        cmocka_unit_test(lines_are_clean_and_in_order),
        cmocka_unit_test(the_last_lines_stay),
        cmocka_unit_test(all_of_them_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
