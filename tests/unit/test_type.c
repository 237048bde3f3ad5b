#include "type.h"
#include "type_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define LEAST                                                                  \
    "{\"type\": \"t\", \"run\": {\"kind\": \"program\", \"command\": [\"x\"]}"

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

static bool read_text(void *mem, const char *text, struct job_type *ret,
                      struct error *err)
{
    return type_read(mem, text, strlen(text), ret, err);
}

static void a_silent_file_takes_the_defaults(void **state)
{
    struct job_type type;
    struct error err;

    assert_true(read_text(*state, LEAST "}", &type, &err));
    assert_string_equal(type.type, "t");
    assert_string_equal(type.description, "");
    assert_string_equal(type.queue, "default");
    assert_int_equal(type.priority, 0);
    assert_int_equal(type.timeout_ms, 600000);
    assert_int_equal(type.max_attempts, 3);
    assert_null(type.retry);
    assert_int_equal(type.kind, TYPE_PROGRAM);
    assert_string_equal(type.command[0], "x");
    assert_null(type.command[1]);
    assert_int_equal(type.concurrency, 0);
    assert_int_equal(type.per_worker, 0);
    assert_null(type.options);
    assert_null(type.retention);
    assert_int_equal(type.limits.memory, 0);
}

static void every_member_is_read(void **state)
{
    static const char text[] =
        "{\"type\": \"Thumb.nail_1-x\", \"description\": \"d\", \"run\": "
        "{\"kind\": \"process\", \"command\": [\"/bin/x\", \"-a\", \"\"], "
        "\"env\": {\"A\": \"1\", \"B\": \"\"}, \"cwd\": \"/srv\", "
        "\"processes\": 4, \"pipeline\": 8, \"maxJobs\": 100, \"maxAge\": "
        "\"1h\", \"files\": true}, \"queue\": \"q\", \"priority\": -100, "
        "\"timeout\": \"90s\", \"maxAttempts\": 7, \"retry\": {\"backoff\": "
        "\"linear\"}, \"concurrency\": 5, \"perWorker\": 3, \"limits\": "
        "{\"memory\": \"512MB\", "
        "\"cpu\": \"60s\", \"files\": 64, \"fileSize\": \"2GB\", "
        "\"processes\": 9}, \"sandbox\": false}";
    struct job_type type;
    struct error err;

    assert_true(read_text(*state, text, &type, &err));
    assert_int_equal(type.kind, TYPE_PROCESS);
    assert_string_equal(type.command[1], "-a");
    assert_string_equal(type.command[2], "");
    assert_null(type.command[3]);
    assert_string_equal(type.env[0], "A");
    assert_string_equal(type.env[3], "");
    assert_null(type.env[4]);
    assert_string_equal(type.cwd, "/srv");
    assert_int_equal(type.processes, 4);
    assert_int_equal(type.pipeline, 8);
    assert_int_equal(type.max_jobs, 100);
    assert_int_equal(type.max_age_ms, 3600000);
    assert_true(type.files);
    assert_int_equal(type.priority, -100);
    assert_int_equal(type.timeout_ms, 90000);
    assert_int_equal(type.max_attempts, 7);
    assert_string_equal(type.retry, "{\"backoff\":\"linear\"}");
    assert_int_equal(type.concurrency, 5);
    assert_int_equal(type.per_worker, 3);
    assert_int_equal(type.limits.memory, INT64_C(512) << 20);
    assert_int_equal(type.limits.cpu_ms, 60000);
    assert_int_equal(type.limits.files, 64);
    assert_int_equal(type.limits.file_size, INT64_C(2) << 30);
    assert_int_equal(type.limits.processes, 9);
}

static void connections_are_read(void **state)
{
    struct job_type type;
    struct error err;

    assert_true(read_text(*state, LEAST "}", &type, &err));
    assert_false(type_takes_connection(&type, "mysql"));
    assert_true(
        read_text(*state, LEAST ", \"connection\": [\"mysql\"]}", &type, &err));
    assert_true(type_takes_connection(&type, "mysql"));
    assert_false(type_takes_connection(&type, "postgresql"));
    assert_string_equal(type.options, "{\"connection\":[\"mysql\"]}");
}

static void a_sandbox_is_read(void **state)
{
    struct job_type type;
    struct error err;

    assert_true(read_text(*state, LEAST ", \"sandbox\": false}", &type, &err));
    assert_false(type.sandbox.on);
    assert_true(read_text(*state, LEAST ", \"sandbox\": true}", &type, &err));
    assert_true(type.sandbox.on);
    assert_int_equal(type.sandbox.memory, 512 << 20);
    assert_int_equal(type.sandbox.output_files, 1000);
    assert_null(type.sandbox.read_only);
    assert_true(read_text(*state,
                          LEAST ", \"sandbox\": {\"memory\": \"1GB\", "
                                "\"cpu\": \"2s\", \"outputFiles\": 9, "
                                "\"readOnly\": [\"/srv/models\"]}}",
                          &type, &err));
    assert_int_equal(type.sandbox.memory, 1 << 30);
    assert_int_equal(type.sandbox.tmp_size, 128 << 20);
    assert_int_equal(type.sandbox.cpu_ms, 2000);
    assert_string_equal(type.sandbox.read_only[0], "/srv/models");
    assert_null(type.sandbox.read_only[1]);
}

#define RUN(members)  "{\"type\": \"t\", \"run\": {" members "}}"
#define HTTP(more)                                                             \
    RUN("\"kind\": \"http\", \"url\": \"https://example.com/jobs\", "           \
        "\"secret\": \"0123456789abcdef\", " more)
#define HTTP_AT(url)                                                           \
    RUN("\"kind\": \"http\", \"secret\": \"0123456789abcdef\", \"url\": \"" url  \
        "\"")
#define PROGRAM(more) RUN("\"kind\": \"program\", \"command\": [\"x\"]" more)

static void http_is_read(void **state)
{
    static const char text[] =
        "{\"type\": \"t\", \"run\": {\"kind\": \"http\", \"url\": "
        "\"https://example.com/jobs?a=b\", \"secretFile\": \"/etc/secret\", "
        "\"headers\": {\"Authorization\": \"Bearer x\"}, \"body\": \"job\", "
        "\"allow\": [\"127.0.0.0/8\"], \"maxInFlight\": 7, "
        "\"connectTimeout\": \"2s\", \"maxResponse\": \"2kB\", "
        "\"caFile\": \"/etc/ca.pem\", "
        "\"breaker\": {\"failures\": 3, \"pause\": \"5s\"}}}";
    struct job_type type;
    struct error err;

    assert_true(read_text(*state, text, &type, &err));
    assert_int_equal(type.kind, TYPE_HTTP);
    assert_string_equal(type.http.url, "https://example.com/jobs?a=b");
    assert_string_equal(type.http.secret_file, "/etc/secret");
    assert_string_equal(type.http.headers[0], "Authorization: Bearer x");
    assert_null(type.http.headers[1]);
    assert_int_equal(type.http.body, BODY_JOB);
    assert_string_equal(type.http.allow[0], "127.0.0.0/8");
    assert_int_equal(type.max_in_flight, 7);
    assert_int_equal(type.connect_timeout_ms, 2000);
    assert_int_equal(type.max_response, 2048);
    assert_string_equal(type.http.ca_file, "/etc/ca.pem");
    assert_int_equal(type.http.breaker_failures, 3);
    assert_int_equal(type.http.breaker_pause_ms, 5000);

    assert_true(read_text(*state, HTTP_AT("/callback/url"), &type, &err));
    assert_int_equal(type.max_in_flight, 200);
    assert_int_equal(type.max_response, 1 << 20);
    assert_int_equal(type.http.body, BODY_PAYLOAD);
}

static void options_are_kept_as_they_are_written(void **state)
{
    static const char text[] = LEAST
        ", \"unique\": {\"by\": [\"type\", \"payload\", \"/a~1b/~0\"], "
        "\"states\": [\"available\", \"active\"], \"within\": \"10m\", "
        "\"onConflict\": \"replace\"}, \"rateLimit\": {\"limit\": 10, "
        "\"per\": \"1m\", \"burst\": 3, \"key\": \"/customer\"}, "
        "\"concurrencyKey\": \"owner\", \"concurrencyLimit\": 2, "
        "\"serialKey\": \"/\", \"fairKey\": \"/x/0\", \"expiresIn\": "
        "\"1h\", \"heartbeatTimeout\": \"30s\", \"retention\": "
        "{\"completed\": \"7d\", \"failed\": null, \"cancelled\": \"1h\"}}";
    struct job_type type;
    struct error err;

    assert_true(read_text(*state, text, &type, &err));
    assert_string_equal(
        type.options,
        "{\"rateLimit\":{\"limit\":10,\"per\":\"1m\",\"burst\":3,\"key\":"
        "\"/customer\"},\"concurrencyKey\":\"owner\",\"concurrencyLimit\":2,"
        "\"serialKey\":\"/\",\"fairKey\":\"/x/0\",\"unique\":{\"by\":["
        "\"type\",\"payload\",\"/a~1b/~0\"],\"states\":[\"available\","
        "\"active\"],\"within\":\"10m\",\"onConflict\":\"replace\"},"
        "\"expiresIn\":\"1h\",\"heartbeatTimeout\":\"30s\"}");
    assert_string_equal(
        type.retention,
        "{\"completed\":\"7d\",\"failed\":null,\"cancelled\":\"1h\"}");
}

#define SERVER        "\"kind\": \"fastcgi\", \"socket\": \"/s\", \"script\": \"/x\""
#define FASTCGI(more) RUN(SERVER more)
#define BOXED(members) "{\"type\": \"t\", \"sandbox\": true, \"run\": {" members "}}"

static void a_server_is_read_with_its_defaults(void **state)
{
    struct job_type type;
    struct error err;

    assert_true(read_text(
        *state,
        "{\"type\": \"t\", \"run\": {\"kind\": \"fastcgi\", \"socket\": "
        "\"[::1]:9000\", \"script\": \"/srv/x.php\", \"params\": {\"A\": "
        "\"b\"}}}",
        &type, &err));
    assert_int_equal(type.kind, TYPE_FASTCGI);
    assert_string_equal(type.socket, "[::1]:9000");
    assert_string_equal(type.script, "/srv/x.php");
    assert_string_equal(type.params[1], "b");
    assert_null(type.params[2]);
    assert_int_equal(type.max_in_flight, 8);
    assert_int_equal(type.connect_timeout_ms, 5000);
    assert_int_equal(type.max_response, 1048576);
}

/* What is wrong, and the member that the error must name. */
static const struct mistake {
    const char *text, *names;
} mistakes[] = {
    {"[1]",                                                                   "object"                  },
    {"{\"type\": \"t\",}",                                                    "line 1"                  },
    {"{}",                                                                    "type is missing"         },
    {"{\"type\": \"t\"}",                                                     "run is missing"          },
    {RUN("\"command\": [\"x\"]"),                                             "run.kind is missing"     },
    {RUN("\"kind\": \"program\""),                                            "run.command is missing"  },
    {LEAST ", \"tiemout\": \"1s\"}",                                          "\"tiemout\""             },
    {LEAST ", \"type\": \"u\"}",                                              "type"                    },
    {PROGRAM(", \"enviroment\": {}"),                                         "\"run.enviroment\""      },
    {PROGRAM(", \"processes\": 2"),                                           "run.processes"           },
    {PROGRAM(", \"env\": {\"A\": 1}"),                                        "run.env"                 },
    {PROGRAM(", \"env\": {\"A=B\": \"1\"}"),                                  "run.env"                 },
    {PROGRAM(", \"env\": {\"MILLRACE_TYPE\": \"1\"}"),                        "run.env"                 },
    {PROGRAM(", \"cwd\": \"here\""),                                          "run.cwd"                 },
    {PROGRAM(", \"files\": 1"),                                               "run.files"               },
    {RUN("\"kind\": \"fastcgi\", \"script\": \"/x\""),                        "run.socket is missing"   },
    {RUN("\"kind\": \"fastcgi\", \"socket\": \"/s\""),                        "run.script is missing"   },
    {FASTCGI(", \"command\": [\"x\"]"),                                       "run.command"             },
    {FASTCGI(", \"pipeline\": 2"),                                            "run.pipeline"            },
    {FASTCGI(", \"maxInFlight\": 0"),                                         "run.maxInFlight"         },
    {FASTCGI(", \"maxResponse\": \"x\""),                                         "run.maxResponse"         },
    {FASTCGI(", \"connectTimeout\": 5"),                                      "run.connectTimeout"      },
    {FASTCGI(", \"params\": {\"MILLRACE_TYPE\": \"1\"}"),                     "run.params"              },
    {FASTCGI(", \"params\": {\"A\": 1}"),                                     "run.params"              },
    {RUN("\"kind\": \"fastcgi\", \"socket\": \"/s\", \"script\": \"x.php\""),                                        "run.script"              },
    {RUN("\"kind\": \"fastcgi\", \"script\": \"/x\", \"socket\": \"localhost:9000\""),                             "run.socket"              },
    {RUN("\"kind\": \"fastcgi\", \"script\": \"/x\", \"socket\": \"127.0.0.1:0\""),                                "run.socket"              },
    {RUN("\"kind\": \"fastcgi\", \"script\": \"/x\", \"socket\": \"127.0.0.1\""),                                  "run.socket"              },
    {RUN("\"kind\": \"fastcgi\", \"script\": \"/x\", \"socket\": \"::1:9000\""),                                   "run.socket"              },
    {FASTCGI("}, \"limits\": {\"files\": 9"),                                 "limits"                  },
    {FASTCGI("}, \"sandbox\": {\"processes\": 9"),                            "sandbox"                 },
    {PROGRAM(", \"socket\": \"/s\""),                                         "run.socket"              },
    {RUN("\"kind\": \"http\", \"command\": [\"x\"]"),                         "\"run.command\""         },
    {RUN("\"kind\": \"http\""),                                               "run.url is missing"      },
    {RUN("\"kind\": \"http\", \"url\": \"http://x\""),                        "run.secret or"           },
    {HTTP_AT("ftp://x"),                                            "run.url"                 },
    {HTTP_AT("http://"),                                            "run.url"                 },
    {HTTP_AT("http://u:p@x/"),                                      "run.url"                 },
    {HTTP_AT("http://x/a b"),                                       "run.url"                 },
    {HTTP("\"secretFile\": \"/x\""),                                          "not both"                },
    {RUN("\"kind\": \"http\", \"secret\": \"short\""),                                           "run.secret"              },
    {HTTP("\"headers\": {\"Millrace-Job-Id\": \"x\"}"),                       "run.headers"             },
    {HTTP("\"headers\": {\"X\": \"a\\nB: c\"}"),                              "run.headers"             },
    {HTTP("\"headers\": {\"X y\": \"a\"}"),                                   "run.headers"             },
    {HTTP("\"allow\": [\"localhost\"]"),                                      "run.allow"               },
    {HTTP("\"allow\": \"10.0.0.0/8\""),                                       "run.allow"               },
    {HTTP("\"body\": \"all\""),                                               "run.body"                },
    {HTTP("\"maxInFlight\": 0"),                                              "run.maxInFlight"         },
    {HTTP("\"breaker\": {\"failures\": 0}"),                                  "run.breaker.failures"    },
    {HTTP("\"breaker\": {\"wait\": \"1s\"}"),                                 "\"run.breaker.wait\""    },
    {HTTP("\"caFile\": \"ca.pem\""),                                          "run.caFile"              },
    {RUN("\"kind\": \"thread\", \"command\": [\"x\"]"),                       "run.kind"                },
    {RUN("\"kind\": \"program\", \"command\": []"),                           "run.command"             },
    {RUN("\"kind\": \"program\", \"command\": \"x\""),                        "run.command"             },
    {RUN("\"kind\": \"program\", \"command\": [1]"),                          "run.command"             },
    {RUN("\"kind\": \"program\", \"command\": [\"\"]"),                       "run.command"             },
    {RUN("\"kind\": \"program\", \"command\": [\"a/b\"]"),                    "run.command"             },
    {"{\"type\": \"a b\"}",                                                   "type"                    },
    {"{\"type\": \"-a\"}",                                                    "type"                    },
    {"{\"type\": \"\"}",                                                      "type"                    },
    {"{\"type\": 7}",                                                         "type"                    },
    {LEAST ", \"description\": null}",                                        "description"             },
    {LEAST ", \"queue\": \"a,b\"}",                                           "queue"                   },
    {LEAST ", \"priority\": 101}",                                            "priority"                },
    {LEAST ", \"priority\": 1.5}",                                            "priority"                },
    {LEAST ", \"timeout\": 60}",                                              "timeout"                 },
    {LEAST ", \"timeout\": \"1 minute\"}",                                    "timeout"                 },
    {LEAST ", \"timeout\": \"0s\"}",                                          "timeout"                 },
    {LEAST ", \"maxAttempts\": 0}",                                           "maxAttempts"             },
    {LEAST ", \"retry\": {\"first\": \"1s\"}}",                               "retry"                   },
    {LEAST ", \"concurrency\": 0}",                                           "concurrency"             },
    {LEAST ", \"limits\": {\"ram\": \"1GB\"}}",                               "\"limits.ram\""          },
    {LEAST ", \"limits\": {\"memory\": 512}}",                                "limits.memory"           },
    {LEAST ", \"limits\": {\"cpu\": \"much\"}}",                              "limits.cpu"              },
    {LEAST ", \"limits\": []}",                                               "limits"                  },
    {LEAST ", \"sandbox\": \"no\"}",                                          "sandbox"                 },
    {BOXED(SERVER),                                                           "sandbox are for programs"},
    {BOXED("\"kind\": \"program\", \"command\": [\"x\"], \"cwd\": \"/\""),    "run.cwd"                 },
    {BOXED("\"kind\": \"process\", \"command\": [\"x\"], \"files\": true"),     "run.files"               },
    {LEAST ", \"sandbox\": {\"memory\": 5}}",                               "sandbox.memory"          },
    {LEAST ", \"sandbox\": {\"network\": true}}",                           "sandbox.network"         },
    {LEAST ", \"sandbox\": {\"readOnly\": \"/srv\"}}",                      "sandbox.readOnly"        },
    {LEAST ", \"sandbox\": {\"readOnly\": [\"/\"]}}",                       "sandbox.readOnly"        },
    {LEAST ", \"sandbox\": {\"readOnly\": [\"srv\"]}}",                     "sandbox.readOnly"        },
    {LEAST ", \"sandbox\": {\"readOnly\": [\"/a/../b\"]}}",                 "sandbox.readOnly"        },
    {LEAST ", \"sandbox\": {\"readOnly\": [\"/proc\"]}}",                   "sandbox.readOnly"        },
    {LEAST ", \"forgetSecrets\": 1}",                                         "forgetSecrets"           },
    {LEAST ", \"connection\": \"postgresql\"}",                               "connection must be"      },
    {LEAST ", \"connection\": []}",                                           "connection must be"      },
    {LEAST ", \"connection\": [\"mariadb\"]}",                                "connection must be"      },
    {LEAST ", \"connection\": [\"mysql\", \"mysql\"]}",                       "connection must be"      },
    {LEAST ", \"sandbox\": true, \"connection\": [\"mysql\"]}",               "without a sandbox"       },
    {FASTCGI("}, \"connection\": [\"mysql\"], \"retry\": {\"backoff\": \"linear\""), "only for programs" },
    {LEAST ", \"payloadSchema\": []}",                                        "payloadSchema"           },
    {LEAST ", \"payloadSchema\": {\"typ\": 1}}",                              "payloadSchema.typ"       },
    {LEAST ", \"payloadSchema\": {\"type\": \"text\"}}",                      "payloadSchema.type"      },
    {LEAST ", \"payloadSchema\": {\"properties\": {\"a\": {\"items\": 1}}}}",
     "payloadSchema.properties.a.items must be an object"                                               },
    {LEAST ", \"payloadSchema\": {\"anyOf\": [{\"minimum\": \"1\"}]}}",
     "payloadSchema.anyOf.0.minimum"                                                                    },
    {LEAST ", \"payloadSchema\": {\"format\": \"phone\"}}",
     "payloadSchema.format"                                                                             },
    {LEAST ", \"payloadSchema\": {\"multipleOf\": 0}}",
     "payloadSchema.multipleOf"                                                                         },
    {LEAST ", \"payloadSchema\": {\"maxLength\": 1.5}}",
     "payloadSchema.maxLength"                                                                          },
    {LEAST ", \"payloadSchema\": {\"required\": [1]}}",
     "payloadSchema.required"                                                                           },
    {LEAST ", \"payloadSchema\": {\"items\": {\"pattern\": \"^(a\"}}}",
     "payloadSchema.items.pattern must be a regular expression: a ( has no )"                           },
};

static const struct mistake option_mistakes[] = {
    {LEAST ", \"perWorker\": 0}",                                               "perWorker"                       },
    {LEAST ", \"perWorker\": \"2\"}",                                           "perWorker must be a whole number"},
    {LEAST ", \"rateLimit\": {\"limit\": 1}}",
     "rateLimit must be an object with limit and per"                                                             },
    {LEAST ", \"rateLimit\": 5}",                                               "rateLimit must be an object"     },
    {LEAST ", \"rateLimit\": {\"limit\": 0, \"per\": \"1s\"}}",
     "rateLimit.limit"                                                                                            },
    {LEAST ", \"rateLimit\": {\"limit\": 1, \"per\": 1}}",                      "rateLimit.per"                   },
    {LEAST ", \"rateLimit\": {\"limit\": 1, \"per\": \"1s\", \"brust\": 1}}",
     "\"rateLimit.brust\""                                                                                        },
    {LEAST ", \"rateLimit\": {\"limit\": 1, \"per\": \"1s\", \"burst\": 0}}",
     "rateLimit.burst"                                                                                            },
    {LEAST ", \"rateLimit\": {\"limit\": 1, \"per\": \"1s\", \"key\": \"x\"}}",
     "rateLimit.key"                                                                                              },
    {LEAST ", \"concurrencyKey\": \"tenant\"}",
     "concurrencyKey must be \"owner\" or a pointer"                                                              },
    {LEAST ", \"concurrencyKey\": \"/a~2\"}",                                   "concurrencyKey"                  },
    {LEAST ", \"concurrencyLimit\": 2}",
     "concurrencyLimit is only for use with"                                                                      },
    {LEAST ", \"concurrencyKey\": \"/a\", \"concurrencyLimit\": 0}",
     "concurrencyLimit must"                                                                                      },
    {LEAST ", \"serialKey\": \"\"}",                                            "serialKey"                       },
    {LEAST ", \"fairKey\": 1}",                                                 "fairKey"                         },
    {LEAST ", \"unique\": {}}",                                                 "unique must be an object with by"},
    {LEAST ", \"unique\": {\"by\": []}}",                                       "unique.by"                       },
    {LEAST ", \"unique\": {\"by\": [\"tenant\"]}}",                             "unique.by"                       },
    {LEAST ", \"unique\": {\"by\": [1]}}",                                      "unique.by"                       },
    {LEAST ", \"unique\": {\"by\": [\"type\"], \"states\": [\"waiting\"]}}",
     "unique.states"                                                                                              },
    {LEAST ", \"unique\": {\"by\": [\"type\"], \"within\": \"0s\"}}",
     "unique.within"                                                                                              },
    {LEAST ", \"unique\": {\"by\": [\"type\"], \"onConflict\": \"drop\"}}",
     "unique.onConflict"                                                                                          },
    {LEAST ", \"unique\": {\"by\": [\"type\"], \"key\": \"x\"}}",
     "\"unique.key\""                                                                                             },
    {LEAST ", \"expiresIn\": 60}",                                              "expiresIn"                       },
    {LEAST ", \"heartbeatTimeout\": \"0s\"}",                                   "heartbeatTimeout"                },
    {LEAST ", \"retention\": \"7d\"}",                                          "retention must be an object"     },
    {LEAST ", \"retention\": {\"discarded\": \"7d\"}}",
     "\"retention.discarded\""                                                                                    },
    {LEAST ", \"retention\": {\"failed\": 7}}",
     "retention.failed must be a duration such as"                                                                },
};

static void each_is_named(void *mem, const struct mistake *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct job_type type;
        struct error err;

        assert_false(read_text(mem, list[i].text, &type, &err));
        assert_int_equal(err.kind, ERROR_INVALID);
        if (!strstr(err.text, list[i].names))
            fail_msg("%s: %s", list[i].text, err.text);
    }
}

static void a_mistake_is_named(void **state)
{
    each_is_named(*state, mistakes, sizeof(mistakes) / sizeof(*mistakes));
    each_is_named(*state, option_mistakes,
                  sizeof(option_mistakes) / sizeof(*option_mistakes));
}

static void the_form_of_a_pattern_is_looked_at(void **state)
{
    static const char *const good[] = {
        "",     "^[a-z]+$", "(a|(?:b))",   "a\\(b",    "[)(]",   "[]a]b",
        "[^]]", "[\\]]",    "[[:alpha:]]", "[a[.].]b]", "***=(a", "a]",
    };
    static const char *const bad[] = {
        "(", "a)", ")(", "[a", "[]", "[\\]", "a\\", "[[:alpha", "((a)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_null(type_pattern_fault(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_non_null(type_pattern_fault(bad[i]));
}

#define WITH_CONTEXT(test)                                                     \
    cmocka_unit_test_setup_teardown(test, make_context, free_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONTEXT(a_silent_file_takes_the_defaults),
        WITH_CONTEXT(every_member_is_read),
        WITH_CONTEXT(a_sandbox_is_read),
        WITH_CONTEXT(connections_are_read),
        WITH_CONTEXT(http_is_read),
        WITH_CONTEXT(options_are_kept_as_they_are_written),
        WITH_CONTEXT(a_server_is_read_with_its_defaults),
        WITH_CONTEXT(a_mistake_is_named),
        cmocka_unit_test(the_form_of_a_pattern_is_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
