#include "connection_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Addresses and "localhost", so that no name server is asked. */
static const struct {
    const char *allowed, *host, *code; /* NULL: it may be connected to */
} cases[] = {
    {"",                            "127.0.0.1",          NULL            },
    {"",                            "10.1.2.3",           NULL            },
    {"",                            "localhost",          NULL            },
    {"",                            "169.254.169.254",    "forbidden_host"},
    {"",                            "169.254.0.1",        "forbidden_host"},
    {"",                            "fe80::1",            "forbidden_host"},
    {"",                            "::ffff:169.254.1.1", "forbidden_host"},
    {"",                            "2852039166",         "forbidden_host"},
    {"",                            "fd00:ec2::254",      "forbidden_host"},
    {"",                            "fd00:ec2::23",       "forbidden_host"},
    {"",                            "fd20:ce::254",       "forbidden_host"},
    {"",                            "192.0.0.192",        "forbidden_host"},
    {"",                            "fd20:ce::1",         NULL            },
    {" , ",                         "169.254.169.254",    "forbidden_host"},
    {"10.0.0.0/8",                  "10.1.2.3",           NULL            },
    {"10.0.0.0/8",                  "11.1.2.3",           "forbidden_host"},
    {"10.0.0.0/8",                  "localhost",          "forbidden_host"},
    {"127.0.0.0/8, ::1",            "localhost",          NULL            },
    {"10.0.0.5,10.0.0.6",           "10.0.0.6",           NULL            },
    {"10.0.0.5,10.0.0.6",           "10.0.0.7",           "forbidden_host"},
    {"169.254.7.7",                 "169.254.7.7",        NULL            },
    {"db.example.org",              "DB.example.org",     NULL            },
    {"db.example.invalid",          "b.example.invalid",  "unknown_host"  },
    {"x.example.org,*.example.org", "a.b.example.org",    NULL            },
    {"*.example.invalid",           "example.invalid",    "unknown_host"  },
    {"*.example.invalid",           "badexample.invalid", "unknown_host"  },
    {"",                            "nowhere.invalid",    NULL            },
};

static void hosts_are_allowed_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct error err = {0};
        bool ok =
            connection_host_allowed(cases[i].allowed, cases[i].host, &err);

        if (ok != !cases[i].code ||
            (!ok && strcmp(err.code, cases[i].code) != 0))
            fail_msg("\"%s\" of \"%s\": %s", cases[i].host, cases[i].allowed,
                     ok ? "allowed" : err.code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_allowed_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
