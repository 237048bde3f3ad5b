#include "multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define TYPE        "multipart/form-data; boundary=XX"
#define FIELD(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"

/* What the parser says, as text: "<name|filename|type>data;" for each part. */
static bool on_begin(void *arg, const struct multipart_part *part,
                     struct error *err)
{
    char **said = arg;

    (void)err;
    *said = talloc_asprintf_append(
        *said, "<%s|%s|%s>", part->name, part->filename ? part->filename : "-",
        part->content_type ? part->content_type : "-");
    return true;
}

static bool on_data(void *arg, const char *data, size_t len, struct error *err)
{
    char **said = arg;

    (void)err;
    *said = talloc_strndup_append(*said, data, len);
    return true;
}

static bool on_end(void *arg, struct error *err)
{
    char **said = arg;

    (void)err;
    *said = talloc_strdup_append(*said, ";");
    return true;
}

static const struct multipart_calls calls = {on_begin, on_data, on_end};

/* Parse a body that comes in pieces of one size. */
static bool parse(void *mem, const char *type, const char *body, size_t len,
                  size_t piece, char **ret, struct error *err)
{
    struct multipart *multipart;

    *ret = talloc_strdup(mem, "");
    if (!multipart_open(mem, type, &calls, ret, &multipart, err))
        return false;
    for (size_t at = 0; at < len; at += piece)
        if (!multipart_feed(multipart, body + at,
                            len - at < piece ? len - at : piece, err))
            return false;
    return multipart_end(multipart, err);
}

/* However the body is cut, the parser says the same. */
static void says(const char *type, const char *body, const char *want)
{
    size_t len = strlen(body);

    for (size_t piece = 1; piece <= len; piece++) {
        void *mem = talloc_new(NULL);
        struct error err = {0};
        char *said;

        if (!parse(mem, type, body, len, piece, &said, &err))
            fail_msg("pieces of %zu: %s\n%s", piece, err.text, body);
        assert_string_equal(said, want);
        talloc_free(mem);
    }
}

static void refuses(const char *type, const char *body, size_t len,
                    const char *why)
{
    void *mem = talloc_new(NULL);
    struct error err = {0};
    char *said;

    if (parse(mem, type, body, len, len, &said, &err))
        fail_msg("taken, though %s:\n%s", why, body);
    assert_int_equal(err.kind, ERROR_INVALID);
    assert_string_equal(err.code, "invalid_multipart");
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    talloc_free(mem);
}

static void parts_are_read(void **state)
{
    (void)state;
    says(TYPE,
         "--XX\r\n" FIELD("a") "\r\nhello\r\n"
         "--XX\r\nContent-Disposition: form-data; name=\"f\"; "
         "filename=\"x.csv\"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n3,4\r\n"
         "\r\n--XX--\r\n",
         "<a|-|->hello;<f|x.csv|text/csv>1,2\r\n3,4\r\n;");
}

static void what_stands_before_and_behind_is_passed_over(void **state)
{
    (void)state;
    says(TYPE,
         "This is a MIME message. --XX is within a line.\r\n--XY\r\n"
         "--XX \t\r\n" FIELD("a") "\r\nb\r\n--XX--  trailing\r\n--XX\r\nmore",
         "<a|-|->b;");
    says(TYPE, "--XX--", "");
}

static void content_may_look_like_a_boundary(void **state)
{
    (void)state;
    says(TYPE,
         "--XX\r\n" FIELD("a") "\r\n\r\n-\r\r\n\r\n--X\r\n--\r\n-XX--XX\r\n--XX"
         "\r\n" FIELD("b") "\r\n--XX--\r\n\r\n--XX--",
         "<a|-|->\r\n-\r\r\n\r\n--X\r\n--\r\n-XX--XX;<b|-|->;");
}

static void parts_may_be_empty(void **state)
{
    (void)state;
    says(TYPE, "--XX\r\n" FIELD("a") "\r\n\r\n--XX--", "<a|-|->;");
    says(TYPE, "--XX\r\n" FIELD("a") "\r\n--XX--", "<a|-|->;");
    says(TYPE, "--XX\r\n" FIELD("a") "\r\n\r\n\r\n--XX--", "<a|-|->\r\n;");
    says(TYPE, "--XX\r\n" FIELD("a") "\r\n--X\r\n--XX--", "<a|-|->--X;");
}

static void boundaries_may_be_quoted(void **state)
{
    (void)state;
    says("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b:c\"",
         "--a b:c\r\n" FIELD("a") "\r\nx\r\n--a b:c--", "<a|-|->x;");
    says("multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxk;",
         "------WebKitFormBoundary7MA4YWxk\r\n" FIELD("a") "\r\nx\r\n"
         "------WebKitFormBoundary7MA4YWxk--", "<a|-|->x;");
}

static const struct {
    const char *params, *want;
} names[] = {
    {"name=a",                                                     "<a|-|->"               },
    {"name=\"a\"; filename=\"\"",                                  "<a||->"                },
    {"name=\"a\" ; filename=x.csv",                                "<a|x.csv|->"           },
    {"NAME=\"a\"; FileName=\"x y.csv\"",                           "<a|x y.csv|->"         },
    {"name=\"a;b=\\\"c\\\"\"; x=y",                                "<a;b=\"c\"|-|->"       },
    {"name=\"%22a%0d%0A\"",                                        "<\"a\r\n|-|->"         },
    {"name=a; filename=\"100%25 %2.csv\"",                         "<a|100%25 %2.csv|->"   },
    {"name=a; filename=\"C:\\dir\\new.csv\"",                      "<a|C:\\dir\\new.csv|->"},
    {"name=\"\xc3\xbc\"; filename=\"\xe2\x82\xac.csv\"",
     "<\xc3\xbc|\xe2\x82\xac.csv|->"                                                       },
    {"name=a; filename=\"\xfc.csv\"",                              "<a|\xfc.csv|->"        },
    {"name=a; filename=b; filename*=UTF-8''%E2%82%AC%20rates.csv",
     "<a|\xe2\x82\xac rates.csv|->"                                                        },
    {"name=a; filename*=utf-8'de'x.csv; filename=b",               "<a|x.csv|->"           },
    {"name=a; filename*=iso-8859-1'en'%A3%20rates",                "<a|\xc2\xa3 rates|->"  },
};

static void names_are_read_as_browsers_write_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        void *mem = talloc_new(NULL);
        char *body = talloc_asprintf(
            mem, "--XX\r\ncontent-disposition:form-data; %s\r\n\r\n\r\n--XX--",
            names[i].params);

        says(TYPE, body, talloc_asprintf(mem, "%s;", names[i].want));
        talloc_free(mem);
    }
}

static void headers_may_be_continued(void **state)
{
    (void)state;
    says(TYPE,
         "--XX\r\nX-Any: thing\r\nContent-Disposition: form-data;\r\n"
         "\tname=a;\r\n  filename=b\r\nContent-Type: \t text/csv \t\r\n"
         "Content-Transfer-Encoding: Binary\r\n\r\nx\r\n--XX--",
         "<a|b|text/csv>x;");
}

static const struct {
    const char *type, *why;
} bad_types[] = {
    {"multipart/form-data",                         "names no boundary" },
    {"multipart/form-data; boundary=",              "1 to 70"           },
    {"multipart/form-data; boundary=\"\"",          "1 to 70"           },
    {"multipart/form-data; boundary=\"a \"",        "1 to 70"           },
    {"multipart/form-data; boundary=\"a\r\nb\"",    "1 to 70"           },
    {"multipart/form-data; boundary=a{}",           "1 to 70"           },
    {"multipart/form-data; boundary=1234567890123456789012345678901234567890"
     "1234567890123456789012345678901",        "1 to 70"           },
    {"multipart/form-data; boundary=a; boundary=b", "given twice"       },
    {"multipart/form-data; boundary=\"a",           "has no end"        },
    {"multipart/form-data; boundary",               "name=value"        },
    {"multipart/form-data; boundary=a b",           "\";\" was expected"},
};

static void a_content_type_without_a_boundary_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_types) / sizeof(*bad_types); i++)
        refuses(bad_types[i].type, "--a--", 5, bad_types[i].why);
}

#define HEADER(lines) "--XX\r\n" lines "\r\n\r\nx\r\n--XX--"
#define PARAMS(text)  HEADER("Content-Disposition: form-data" text)

static const struct {
    const char *body, *why;
} bad_bodies[] = {
    {"hello",                                                     "--XX is nowhere"       },
    {"--XX",                                                      "ends in part 0"        },
    {"--XX\r\n" FIELD("a"),                                       "ends in part 1"        },
    {"--XX\r\n" FIELD("a") "\r\nx\r\n--XX",                       "ends in part 1"        },
    {"--XX\r\n" FIELD("a") "\r\nx\r\n--XX-",                      "ends in part 1"        },
    {"--XX\r\n" FIELD("a") "\r\nx--XX--",                         "ends in part 1"        },
    {"--XXY\r\n",                                                 "neither"               },
    {"--XX-\r\n",                                                 "neither"               },
    {"--XX\n" FIELD("a") "\r\nx\r\n--XX--",                       "neither"               },
    {"--XX\r\r\n",                                                "neither"               },
    {"--XX\r\n\r\nx\r\n--XX--",                                   "no Content-Disposition"},
    {HEADER("Content-Type: text/csv"),                            "no Content-Disposition"},
    {HEADER("Content-Disposition"),                               "no header line"        },
    {HEADER(" folded: x"),                                        "no header line"        },
    {HEADER("Content-Disposition : form-data"),                   "no header line"        },
    {HEADER("Content-Disposition: attachment"),                   "must be form-data"     },
    {HEADER(FIELD("a") "Content-Disposition: form-data; name=b"),
     "given twice"                                                                        },
    {HEADER(FIELD("a") "Content-Transfer-Encoding: base64"),
     "base64 is not taken"                                                                },
    {HEADER(FIELD("a") "X: \x01"),                                "control character"     },
    {HEADER(FIELD("a") "X: y\rz"),                                "control character"     },
    {HEADER(FIELD("a") "X: y\nz"),                                "control character"     },
    {PARAMS(""),                                                  "no name"               },
    {PARAMS("; filename=b"),                                      "no name"               },
    {PARAMS("; name=\"a"),                                        "has no end"            },
    {PARAMS("; name=\"a\" b"),                                    "\";\" was expected"    },
    {PARAMS("; name=a; name=b"),                                  "name is given twice"   },
    {PARAMS("; =a"),                                              "name=value"            },
    {PARAMS("; name=\"\xff\""),                                   "name is not UTF-8"     },
    {PARAMS("; name=a; filename*=x.csv"),                         "must begin with"       },
    {PARAMS("; name=a; filename*=koi8-r''x"),                     "must begin with"       },
    {PARAMS("; name=a; filename*=utf-8''%4"),                     "bad character"         },
    {PARAMS("; name=a; filename*=utf-8''a%00"),                   "bad character"         },
    {PARAMS("; name=a; filename*=utf-8''%ff"),                    "not UTF-8"             },
};

static void malformed_bodies_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_bodies) / sizeof(*bad_bodies); i++)
        refuses(TYPE, bad_bodies[i].body, strlen(bad_bodies[i].body),
                bad_bodies[i].why);
    refuses(TYPE, HEADER(FIELD("a") "X: \0"),
            sizeof(HEADER(FIELD("a") "X: \0")) - 1, "control character");
}

static char *repeat(void *mem, const char *text, int count)
{
    char *ret = talloc_strdup(mem, "");

    while (count-- > 0)
        ret = talloc_strdup_append(ret, text);
    return ret;
}

static bool takes_parts(int count)
{
    void *mem = talloc_new(NULL);
    char *body = talloc_asprintf(
        mem, "%s--XX--", repeat(mem, "--XX\r\n" FIELD("a") "\r\n\r\n", count));
    struct error err;
    char *said;
    bool ok = parse(mem, TYPE, body, strlen(body), 4096, &said, &err);

    talloc_free(mem);
    return ok;
}

/* A part whose header block has so many bytes, its empty line included. */
static bool takes_head(int len)
{
    void *mem = talloc_new(NULL);
    int rest = len - (int)strlen(FIELD("a") "X:\r\n\r\n");
    char *body = talloc_asprintf(mem, "--XX\r\n%sX:%s\r\n\r\n\r\n--XX--",
                                 FIELD("a"), repeat(mem, "y", rest));
    struct error err;
    char *said;
    bool ok = parse(mem, TYPE, body, strlen(body), 4096, &said, &err);

    talloc_free(mem);
    return ok;
}

static bool takes_content(const char *params, int len)
{
    void *mem = talloc_new(NULL);
    char *body = talloc_asprintf(mem,
                                 "--XX\r\nContent-Disposition: form-data; "
                                 "name=a%s\r\n\r\n%s\r\n--XX--",
                                 params, repeat(mem, "y", len));
    struct error err;
    char *said;
    bool ok = parse(mem, TYPE, body, strlen(body), 4096, &said, &err);

    talloc_free(mem);
    return ok;
}

static void limits_hold_to_the_byte(void **state)
{
    (void)state;
    assert_true(takes_parts(MULTIPART_MOST_PARTS));
    assert_false(takes_parts(MULTIPART_MOST_PARTS + 1));
    assert_true(takes_head(MULTIPART_MOST_HEAD));
    assert_false(takes_head(MULTIPART_MOST_HEAD + 1));
    assert_true(takes_content("", MULTIPART_MOST_FIELD));
    assert_false(takes_content("", MULTIPART_MOST_FIELD + 1));
    assert_true(takes_content("; filename=b", MULTIPART_MOST_FIELD + 1));
}

static bool refuse_data(void *arg, const char *data, size_t len,
                        struct error *err)
{
    (void)arg, (void)data, (void)len;
    return error_set(err, ERROR_NO_SPACE, "disk_full", "no room");
}

static void a_callback_may_refuse(void **state)
{
    static const struct multipart_calls refusing = {on_begin, refuse_data,
                                                    on_end};
    static const char body[] = "--XX\r\n" FIELD("a") "\r\nx\r\n--XX--";
    void *mem = talloc_new(NULL);
    char *said = talloc_strdup(mem, "");
    struct multipart *multipart;
    struct error err;

    (void)state;
    assert_true(multipart_open(mem, TYPE, &refusing, &said, &multipart, &err));
    assert_false(multipart_feed(multipart, body, sizeof(body) - 1, &err));
    assert_int_equal(err.kind, ERROR_NO_SPACE);
    talloc_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_read),
        cmocka_unit_test(what_stands_before_and_behind_is_passed_over),
        cmocka_unit_test(content_may_look_like_a_boundary),
        cmocka_unit_test(parts_may_be_empty),
        cmocka_unit_test(boundaries_may_be_quoted),
        cmocka_unit_test(names_are_read_as_browsers_write_them),
        cmocka_unit_test(headers_may_be_continued),
        cmocka_unit_test(a_content_type_without_a_boundary_is_refused),
        cmocka_unit_test(malformed_bodies_are_refused),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(a_callback_may_refuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
