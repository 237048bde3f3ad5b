#include "queues.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static const struct {
    const char *text, *names, *reserves;
} cases[] = {
    {"",               NULL,                     NULL      },
    {" , ",            NULL,                     NULL      },
    {"mail",           "{\"mail\"}",             NULL      },
    {"mail, default",  "{\"mail\",\"default\"}", NULL      },
    {"mail=2,default", "{\"mail\",\"default\"}", "{2,NULL}"},
    {"default mail=2", "{\"default\",\"mail\"}", "{NULL,2}"},
    {"mail=0,default", "{\"mail\",\"default\"}", NULL      },
    {"a=2,b=2",        "{\"a\",\"b\"}",          "{2,2}"   },
    {"1.x_y-z=4",      "{\"1.x_y-z\"}",          "{4}"     },
};

static void same(const char *got, const char *want)
{
    if (want) {
        assert_non_null(got);
        assert_string_equal(got, want);
    } else {
        assert_null(got);
    }
}

static void a_list_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        void *mem = talloc_new(NULL);
        struct queues queues;
        struct error err;

        if (!queues_read(mem, cases[i].text, 4, &queues, &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        same(queues.names, cases[i].names);
        same(queues.reserves, cases[i].reserves);
        talloc_free(mem);
    }
}

static const struct {
    const char *text, *says;
} mistakes[] = {
    {"ma/il",       "\"ma/il\": the name of a queue"                 },
    {"-a",          "\"-a\""                                         },
    {"=2",          "\"=2\""                                         },
    {"mail=",       "\"mail=\": behind"                              },
    {"mail=-1",     "\"mail=-1\""                                    },
    {"mail=two",    "\"mail=two\""                                   },
    {"mail=1=1",    "\"mail=1=1\""                                   },
    {"a,b,a=1",     "\"a=1\": this queue is named twice"             },
    {"a=3,b=2",     "reserves 5 slots, but MILLRACE_SLOTS has only 4"},
    {"a=999999999", "has only 4"                                     },
};

static void a_mistake_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        void *mem = talloc_new(NULL);
        struct queues queues;
        struct error err;

        assert_false(queues_read(mem, mistakes[i].text, 4, &queues, &err));
        assert_int_equal(err.kind, ERROR_INVALID);
        if (!strstr(err.text, mistakes[i].says))
            fail_msg("%s: %s", mistakes[i].text, err.text);
        talloc_free(mem);
    }
}

static void a_reserve_is_filled_by_its_queue(void **state)
{
    void *mem = talloc_new(NULL);
    struct reserve *mail;
    struct queues queues;
    struct error err;

    (void)state;
    assert_true(queues_read(mem, "mail=2,default", 4, &queues, &err));
    assert_null(queues_reserve(&queues, "default"));
    mail = queues_reserve(&queues, "mail");
    assert_int_equal(reserve_unfilled(mail), 2);
    mail->running = 3;
    assert_int_equal(reserve_unfilled(mail), 0);
    talloc_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read),
        cmocka_unit_test(a_mistake_is_named),
        cmocka_unit_test(a_reserve_is_filled_by_its_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
