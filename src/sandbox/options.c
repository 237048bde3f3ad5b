#include "options.h"

#include "sandbox.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    size_t offset;
} limit_names[] = {
    {"memory",       offsetof(struct sandbox_limits, memory)      },
    {"tmp-size",     offsetof(struct sandbox_limits, tmp_size)    },
    {"tmp-files",    offsetof(struct sandbox_limits, tmp_files)   },
    {"output-size",  offsetof(struct sandbox_limits, output_size) },
    {"output-files", offsetof(struct sandbox_limits, output_files)},
    {"written",      offsetof(struct sandbox_limits, written)     },
    {"cpu-ms",       offsetof(struct sandbox_limits, cpu_ms)      },
    {"processes",    offsetof(struct sandbox_limits, processes)   },
};

static const struct option long_options[] = {
    {"bwrap",     required_argument, NULL, 'b'},
    {"check",     no_argument,       NULL, 'c'},
    {"handlers",  required_argument, NULL, 'h'},
    {"hide",      required_argument, NULL, 'x'},
    {"input",     required_argument, NULL, 'i'},
    {"limit",     required_argument, NULL, 'l'},
    {"output",    required_argument, NULL, 'o'},
    {"read-only", required_argument, NULL, 'p'},
    {"rlimit",    required_argument, NULL, 'r'},
    {NULL,        0,                 NULL, 0  },
};

static bool add_path(struct sandbox_paths *paths, const char *path)
{
    if (paths->count == SANDBOX_MAX_PATHS)
        return false;
    paths->list[paths->count++] = path;
    return true;
}

static bool add_limit(struct sandbox_limits *limits, const char *text)
{
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < sizeof(limit_names) / sizeof(*limit_names); i++)
        if (strlen(limit_names[i].name) == len && text[len] &&
            !strncmp(limit_names[i].name, text, len))
            return guard_number(
                text + len + 1,
                (uint64_t *)(void *)((char *)limits + limit_names[i].offset));
    return false;
}

static bool set_path(const char **ret)
{
    *ret = optarg;
    return *optarg == '/';
}

static bool set_option(struct sandbox_options *options, int option)
{
    switch (option) {
    case 'b':
        return set_path(&options->bwrap);
    case 'c':
        return options->check = true;
    case 'h':
        return set_path(&options->handlers);
    case 'i':
        return set_path(&options->input);
    case 'o':
        return set_path(&options->output);
    case 'l':
        return add_limit(&options->limits, optarg);
    case 'p':
        return *optarg == '/' && add_path(&options->read_only, optarg);
    case 'x':
        return *optarg == '/' && add_path(&options->hidden, optarg);
    case 'r':
        return add_path(&options->rlimits, optarg);
    default:
        return false;
    }
}

static bool usage(const char *problem)
{
    dprintf(STDERR_FILENO,
            "millrace-sandbox: %s\n"
            "usage: millrace-sandbox [--bwrap PATH] [--handlers DIR] "
            "[--input DIR] [--output DIR] [--read-only PATH]... "
            "[--hide PATH]... [--limit NAME=N]... "
            "[--rlimit NAME=SOFT[:HARD]]... -- PROGRAM [ARG...]\n"
            "       millrace-sandbox --check [--bwrap PATH]\n",
            problem);
    return false;
}

bool sandbox_options_read(struct sandbox_options *ret, int argc, char *argv[])
{
    int option;

    *ret = (struct sandbox_options){.bwrap = SANDBOX_BWRAP};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
        if (!set_option(ret, option))
            return usage("bad option");
    if (optind >= argc && !ret->check)
        return usage("no program");
    ret->command = argv + optind;
    return true;
}
