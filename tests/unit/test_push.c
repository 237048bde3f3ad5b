/*
 * The kind http without a server: addresses, breakers, Retry-After, signatures.
 */
#include "breaker.h"
#include "network.h"
#include "push_request.h"
#include "web_answer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static int make_context(void **state)
{
    *state = talloc_new(NULL);
    return 0;
}

static int free_context(void **state)
{
    talloc_free(*state);
    return 0;
}

/* ------------------------------------------------------------ addresses */

static void set_address(const char *text, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (void *)ret;
    struct sockaddr_in6 *v6 = (void *)ret;

    memset(ret, 0, sizeof(*ret));
    ret->ss_family = AF_INET;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        return;
    ret->ss_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
}

static bool is_public(const char *text)
{
    struct sockaddr_storage address;

    set_address(text, &address);
    return network_is_public((const void *)&address);
}

static const char *const public_ones[] = {
    "1.1.1.1",         "9.255.255.255",   "11.0.0.0",       "100.63.255.255",
    "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "169.253.255.255",
    "169.255.0.0",     "172.15.255.255",  "172.32.0.0",     "192.167.255.255",
    "192.169.0.0",     "198.17.255.255",  "198.20.0.0",     "223.255.255.255",
    "2606:4700::1111", "2a00:1450::1",    "::ffff:1.1.1.1", "64:ff9b::8.8.8.8",
    "2001:4860::8888",
};

static const char *const others[] = {
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
};

static void what_is_not_of_the_open_internet_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(public_ones) / sizeof(*public_ones); i++)
        if (!is_public(public_ones[i]))
            fail_msg("%s is public", public_ones[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (is_public(others[i]))
            fail_msg("%s is not public", others[i]);
    assert_false(network_is_public(&(struct sockaddr){.sa_family = AF_UNIX}));
}

static const struct {
    const char *network, *in, *out;
} networks[] = {
    {"10.0.0.0/8",          "10.255.0.1",      "11.0.0.1"       },
    {"10.0.0.0/8",          "::ffff:10.1.2.3", "::ffff:11.1.2.3"},
    {"127.0.0.1",           "127.0.0.1",       "127.0.0.2"      },
    {"192.168.7.0/25",      "192.168.7.127",   "192.168.7.128"  },
    {"fd00::/8",            "fdff::1",         "fc00::1"        },
    {"::1",                 "::1",             "::2"            },
    {"::ffff:10.0.0.0/104", "10.9.9.9",        "12.0.0.1"       },
    {"0.0.0.0/0",           "8.8.8.8",         "2606:4700::1"   },
    {"::/0",                "fe80::1",         NULL             },
};

static const char *const no_networks[] = {
    "",       "10.0.0.0/33", "10.0.0.0/",   "10.0.0/8",  "localhost",
    "::/129", "10.0.0.0/8x", "10.0.0.0/-1", "fe80::1%1", "[::1]",
};

static bool has(const char *network, const char *address)
{
    struct sockaddr_storage place;
    struct network net;

    assert_true(network_read(network, &net));
    set_address(address, &place);
    return network_has(&net, (const void *)&place);
}

static void networks_are_read(void **state)
{
    struct network net;

    (void)state;
    for (size_t i = 0; i < sizeof(networks) / sizeof(*networks); i++) {
        assert_true(has(networks[i].network, networks[i].in));
        if (networks[i].out)
            assert_false(has(networks[i].network, networks[i].out));
    }
    for (size_t i = 0; i < sizeof(no_networks) / sizeof(*no_networks); i++)
        if (network_read(no_networks[i], &net))
            fail_msg("\"%s\" is no network", no_networks[i]);
}

/* ------------------------------------------------------------ breakers */

static void a_breaker_opens_after_failures_in_a_row(void **state)
{
    struct breakers *breakers = breakers_new(*state, 3, 1000);

    assert_false(breaker_bad(breakers, "a", false, 0));
    assert_false(breaker_bad(breakers, "a", false, 0));
    assert_false(breaker_good(breakers, "a"));
    assert_false(breaker_bad(breakers, "a", false, 0));
    assert_false(breaker_bad(breakers, "a", false, 0));
    assert_int_equal(breaker_room(breakers, "a", 0), -1);
    assert_true(breaker_bad(breakers, "a", false, 0));
    assert_int_equal(breaker_room(breakers, "a", 999), 0);
    assert_int_equal(breakers_next_ms(breakers, 0), 1000);
    assert_int_equal(breaker_room(breakers, "b", 0), -1);
}

static void one_probe_decides(void **state)
{
    struct breakers *breakers = breakers_new(*state, 1, 1000);

    assert_false(breaker_begin(breakers, "a", 0));
    assert_true(breaker_bad(breakers, "a", false, 0));
    assert_int_equal(breaker_room(breakers, "a", 1000), 1);
    assert_true(breaker_begin(breakers, "a", 1000));
    assert_int_equal(breaker_room(breakers, "a", 1001), 0);
    /* A late failure of a request from before says nothing. */
    assert_false(breaker_bad(breakers, "a", false, 1001));
    assert_int_equal(breaker_room(breakers, "a", 1002), 0);
    assert_true(breaker_bad(breakers, "a", true, 1100));
    assert_int_equal(breaker_room(breakers, "a", 2099), 0);
    assert_true(breaker_begin(breakers, "a", 2100));
    assert_true(breaker_good(breakers, "a"));
    assert_int_equal(breaker_room(breakers, "a", 2100), -1);
    assert_int_equal(breakers_next_ms(breakers, 0), -1);
}

static void a_dropped_probe_lets_another_through(void **state)
{
    struct breakers *breakers = breakers_new(*state, 1, 1000);

    assert_true(breaker_bad(breakers, "a", false, 0));
    assert_true(breaker_begin(breakers, "a", 1000));
    breaker_dropped(breakers, "a", false);
    assert_int_equal(breaker_room(breakers, "a", 1000), 0);
    breaker_dropped(breakers, "a", true);
    assert_int_equal(breaker_room(breakers, "a", 1000), 1);
}

/* ------------------------------------------------------------ the rest */

#define NOW 1700000000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

static const struct {
    const char *text;
    int64_t ms;
} waits[] = {
    {"120",                             120000  },
    {"0",                               1       },
    {"86401",                           86400000},
    {"99999999999999999999999",         86400000},
    {"Tue, 14 Nov 2023 22:14:20 GMT",   60000   },
    {"Tuesday, 14-Nov-23 22:14:20 GMT", 60000   },
    {"Tue Nov 14 22:14:20 2023",        60000   },
    {"Tue, 14 Nov 2023 22:13:19 GMT",   1       },
    {"Thu, 14 Nov 2123 22:13:19 GMT",   86400000},
    {"",                                0       },
    {"-5",                              0       },
    {"5 s",                             0       },
    {"soon",                            0       },
    {"Tue, 14 Nov 2023 22:14:20 CET",   0       },
};

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
        if (web_retry_after_ms(waits[i].text, NOW) != waits[i].ms)
            fail_msg("\"%s\" is %lld", waits[i].text,
                     (long long)web_retry_after_ms(waits[i].text, NOW));
}

/* RFC 4231, test case 2; and in two parts. */
static void a_signature_is_hmac_sha256(void **state)
{
    static const char want[] =
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    assert_string_equal(
        push_sign(*state, "Jefe", 4, "what do ya want for nothing?", NULL),
        want);
    assert_string_equal(push_sign(*state, "Jefe", 4, "what do ya", " ",
                                  "want for nothing?", NULL),
                        want);
}

static void a_host_is_scheme_name_and_port(void **state)
{
    assert_string_equal(push_host(*state, "HTTPS://A.example:8443/x?y"),
                        "https://a.example:8443");
    assert_string_equal(push_host(*state, "http://[::1]?x"), "http://[::1]");
}

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, make_context, free_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_of_the_open_internet_is_told),
        TEST(networks_are_read),
        TEST(a_breaker_opens_after_failures_in_a_row),
        TEST(one_probe_decides),
        TEST(a_dropped_probe_lets_another_through),
        TEST(retry_after_is_seconds_or_a_date),
        TEST(a_signature_is_hmac_sha256),
        TEST(a_host_is_scheme_name_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
