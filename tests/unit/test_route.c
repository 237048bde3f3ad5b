#include "handlers.h"
#include "route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define ID           "01890a5d-ac96-774b-bcce-b302099a8057"

static struct request *request_of(void *mem, const char *method,
                                  const char *path)
{
    struct request *req = talloc_zero(mem, struct request);

    req->method = method;
    req->path = talloc_strdup(req, path);
    return req;
}

static const struct {
    const char *method, *path;
    handler_fn *handler;
    const char *first, *second; /* params */
} found[] = {
    {"GET",    "/healthz",                          get_health,    NULL,    NULL      },
    {"POST",   "/api/jobs",                         post_job,      NULL,    NULL      },
    {"POST",   "/api/jobs/enqueue",                 post_job,      NULL,    NULL      },
    {"POST",   "/api/jobs/batch",                   post_batch,    NULL,    NULL      },
    {"GET",    "/api/jobs/" ID,                     get_job,       ID,      NULL      },
    {"GET",    "/api/jobs/other",                   get_job,       "other", NULL      },
    {"DELETE", "/api/jobs/" ID,                     cancel_job,    ID,      NULL      },
    {"GET",    "/api/jobs/notifications/stream",    get_events,    NULL,    NULL      },
    {"GET",    "/api/jobs/" ID "/artifacts",        get_artifacts, ID,      NULL      },
    {"GET",    "/api/jobs/" ID "/artifacts/a%20b",  get_artifact,  ID,      "a b"     },
    {"GET",    "/api/jobs/" ID "/artifacts/%C3%A4", get_artifact,  ID,      "\303\244"},
    {"GET",    "/api/jobs/" ID "/artifacts/a+b",    get_artifact,  ID,      "a+b"     },
};

static void routes_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(found); i++) {
        void *mem = talloc_new(NULL);
        struct request *req = request_of(mem, found[i].method, found[i].path);
        const struct route *route;
        struct error err = {0};

        assert_true(route_find(req, &route, &err));
        assert_ptr_equal(route->handler, found[i].handler);
        if (found[i].first)
            assert_string_equal(req->params[0], found[i].first);
        else
            assert_null(req->params[0]);
        if (found[i].second)
            assert_string_equal(req->params[1], found[i].second);
        talloc_free(mem);
    }
}

static const struct {
    const char *method, *path, *code;
} refused[] = {
    {"GET", "",                                    "no_such_route"     },
    {"GET", "/",                                   "no_such_route"     },
    {"GET", "api/jobs",                            "no_such_route"     },
    {"GET", "/api/jobs/",                          "no_such_route"     },
    {"GET", "//api/jobs",                          "no_such_route"     },
    {"GET", "/api//jobs",                          "no_such_route"     },
    {"GET", "/api/jobsx",                          "no_such_route"     },
    {"GET", "/api/jobs/" ID "/x",                  "no_such_route"     },
    {"GET", "/api/jobs/" ID "/artifacts/",         "no_such_route"     },
    {"GET", "/api/jobs/" ID "/artifacts/a/b",      "no_such_route"     },
    {"GET", "/api/jobs/" ID "/artifacts/a%2fb",    "invalid_path"      },
    {"GET", "/api/jobs/" ID "/artifacts/..",       "invalid_path"      },
    {"GET", "/api/jobs/" ID "/artifacts/%2e%2e",   "invalid_path"      },
    {"GET", "/api/jobs/" ID "/artifacts/.",        "invalid_path"      },
    {"GET", "/api/jobs/" ID "/artifacts/%00",      "invalid_url"       },
    {"GET", "/api/jobs/" ID "/artifacts/a%0d%0ab", "invalid_url"       },
    {"GET", "/api/jobs/" ID "/artifacts/%zz",      "invalid_url"       },
    {"GET", "/api/jobs/" ID "/artifacts/%4",       "invalid_url"       },
    {"GET", "/api/jobs/" ID "/artifacts/%ff",      "invalid_url"       },
    {"PUT", "/api/jobs",                           "method_not_allowed"},
    {"GET", "/api/jobs/batch",                     "method_not_allowed"},
    {"get", "/api/jobs",                           "method_not_allowed"},
};

static void others_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        void *mem = talloc_new(NULL);
        struct request *req =
            request_of(mem, refused[i].method, refused[i].path);
        const struct route *route = NULL;
        struct error err = {0};

        assert_false(route_find(req, &route, &err));
        assert_null(route);
        assert_string_equal(err.code, refused[i].code);
        talloc_free(mem);
    }
}

static void allow_names_the_methods_of_a_path(void **state)
{
    void *mem = talloc_new(NULL);

    (void)state;
    assert_string_equal(route_methods(request_of(mem, "PUT", "/api/jobs")),
                        "POST, GET, HEAD");
    assert_string_equal(
        route_methods(request_of(mem, "GET", "/api/jobs/batch")), "POST");
    assert_string_equal(route_methods(request_of(mem, "PUT", "/api/jobs/" ID)),
                        "GET, HEAD, PATCH, DELETE");
    assert_string_equal(
        route_methods(request_of(mem, "PUT", "/api/jobs/" ID "/events")),
        "GET");
    talloc_free(mem);
}

static const struct {
    const char *query, *code; /* NULL: it is read */
} queries[] = {
    {"",                 NULL                 },
    {"limit=5",          NULL                 },
    {"&&limit=5&",       NULL                 },
    {"limit=5&status=x", NULL                 },
    {"tag=a%26b%3d+c",   NULL                 },
    {"limit",            NULL                 },
    {"limit=5&limit=6",  "duplicate_parameter"},
    {"limits=5",         "unknown_parameter"  },
    {"limi=5",           "unknown_parameter"  },
    {"=5",               "unknown_parameter"  },
    {"status%20state=5", "unknown_parameter"  },
    {"tag=%",            "invalid_url"        },
    {"tag=%0a",          "invalid_url"        },
    {"tag=%c3",          "invalid_url"        },
};

static const struct route *list_route(void *mem, struct request **ret)
{
    const struct route *route;
    struct error err;

    *ret = request_of(mem, "GET", "/api/jobs");
    assert_true(route_find(*ret, &route, &err));
    return route;
}

static void arguments_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(queries); i++) {
        void *mem = talloc_new(NULL);
        struct request *req;
        const struct route *route = list_route(mem, &req);
        struct error err = {0};

        req->query = queries[i].query;
        assert_int_equal(route_read_args(req, route, &err), !queries[i].code);
        if (queries[i].code)
            assert_string_equal(err.code, queries[i].code);
        talloc_free(mem);
    }
}

static void arguments_are_decoded(void **state)
{
    void *mem = talloc_new(NULL);
    struct request *req;
    const struct route *route = list_route(mem, &req);
    struct error err;

    (void)state;
    req->query = "tag=a%26b%3d+c&limit=";
    assert_true(route_read_args(req, route, &err));
    assert_string_equal(http_arg(req, "tag"), "a&b= c");
    assert_string_equal(http_arg(req, "limit"), "");
    assert_null(http_arg(req, "cursor"));
    talloc_free(mem);
}

static void a_huge_query_is_refused(void **state)
{
    void *mem = talloc_new(NULL);
    struct request *req;
    const struct route *route = list_route(mem, &req);
    char *query = talloc_zero_size(mem, 9000);
    struct error err;

    (void)state;
    memset(query, 'a', 8999);
    req->query = query;
    assert_false(route_read_args(req, route, &err));
    assert_string_equal(err.code, "query_too_long");
    talloc_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_match),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(allow_names_the_methods_of_a_path),
        cmocka_unit_test(arguments_are_read_or_refused),
        cmocka_unit_test(arguments_are_decoded),
        cmocka_unit_test(a_huge_query_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
