#include "conf_hide.h"
#include "conf_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
    enum conf_type type;
    const char *text;
    int64_t want; /* -1: refused */
    const char *back;
} values[] = {
    {CONF_COUNT,    "0",                   0,                   "0"                  },
    {CONF_COUNT,    "9223372036854775807", INT64_MAX,           "9223372036854775807"},
    {CONF_COUNT,    "9223372036854775808", -1,                  NULL                 },
    {CONF_COUNT,    "",                    -1,                  NULL                 },
    {CONF_COUNT,    "+1",                  -1,                  NULL                 },
    {CONF_COUNT,    " 1",                  -1,                  NULL                 },
    {CONF_COUNT,    "1 ",                  -1,                  NULL                 },
    {CONF_COUNT,    "0x10",                -1,                  NULL                 },
    {CONF_COUNT,    "1.5",                 -1,                  NULL                 },
    {CONF_BYTES,    "64MB",                67108864,            "64MB"               },
    {CONF_BYTES,    "64mb",                67108864,            "64MB"               },
    {CONF_BYTES,    "1024",                1024,                "1KB"                },
    {CONF_BYTES,    "1536B",               1536,                "1536B"              },
    {CONF_BYTES,    "1536KB",              1572864,             "1536KB"             },
    {CONF_BYTES,    "0",                   0,                   "0B"                 },
    {CONF_BYTES,    "8388607TB",           9223370937343148032, "8388607TB"          },
    {CONF_BYTES,    "8388608TB",           -1,                  NULL                 },
    {CONF_BYTES,    "1 MB",                -1,                  NULL                 },
    {CONF_BYTES,    "MB",                  -1,                  NULL                 },
    {CONF_BYTES,    "1PB",                 -1,                  NULL                 },
    {CONF_BYTES,    "-1MB",                -1,                  NULL                 },
    {CONF_DURATION, "90s",                 90000,               "90s"                },
    {CONF_DURATION, "60s",                 60000,               "1m"                 },
    {CONF_DURATION, "60",                  -1,                  NULL                 },
};

static void values_are_read_and_written(void **state)
{
    void *mem = talloc_new(NULL);

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        int64_t value = -1;
        bool good = conf_value_read(values[i].type, values[i].text, &value);

        if (good != (values[i].want >= 0) || (good && value != values[i].want))
            fail_msg("\"%s\" is %lld", values[i].text, (long long)value);
        if (good)
            assert_string_equal(conf_value_text(mem, values[i].type, value),
                                values[i].back);
    }
    talloc_free(mem);
}

static const struct {
    const char *url, *want;
} urls[] = {
    {"postgresql:///millrace",                           "postgresql:///millrace"         },
    {"postgresql://joe@db/x",                            "postgresql://joe@db/x"          },
    {"postgresql://joe:pw@db:5432/x",                    "postgresql://joe:***@db:5432/x" },
    {"postgres://joe:pw@db/x",                           "postgres://joe:***@db/x"        },
    {"postgresql://joe@db:5432/x",                       "postgresql://joe@db:5432/x"     },
    {"postgresql://joe:p@w@db/x",                        "postgresql://joe:***@db/x"      },
    {"postgresql://joe:p/w?x@db/x",                      "postgresql://joe:***@db/x"      },
    {"postgresql://joe:@db/x",                           "postgresql://joe:***@db/x"      },
    {"postgresql://db/x?password=pw",                    "postgresql://db/x?password=***" },
    {"postgresql://db/x?password=p w&a=b&sslpassword=q",
     "postgresql://db/x?password=***&a=b&sslpassword=***"                                 },
    {"host=db password=pw user=joe",                     "host=db password=*** user=joe"  },
    {"host=db password = pw user=joe",                   "host=db password = *** user=joe"},
    {"password='p w' user=joe",                          "password=*** user=joe"          },
    {"password='p\\' w' user=joe",                       "password=*** user=joe"          },
    {"password=p\\ w&x user=joe",                        "password=*** user=joe"          },
    {"password='open",                                   "password=***"                   },
    {"password=a sslpassword=b",                         "password=*** sslpassword=***"   },
    {"user=joe password=",                               "user=joe password=***"          },
    {"dbname=password user=joe",                         "dbname=password user=joe"       },
    {"host=db",                                          "host=db"                        },
    {"",                                                 ""                               },
};

static void passwords_are_hidden(void **state)
{
    void *mem = talloc_new(NULL);

    (void)state;
    for (size_t i = 0; i < COUNT(urls); i++)
        assert_string_equal(conf_hide_password(mem, urls[i].url), urls[i].want);
    talloc_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_and_written),
        cmocka_unit_test(passwords_are_hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
