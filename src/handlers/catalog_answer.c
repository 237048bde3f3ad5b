#include "catalog_answer.h"
#include "kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool write_file(const struct kit_output *out, const struct text *text,
                       struct fault *err)
{
    FILE *file = fopen(out->temp, "we");
    bool ok = file && fwrite(text->data, 1, text->len, file) == text->len;

    if (file && fclose(file) != 0)
        ok = false;
    if (ok)
        return true;
    fault_set(err, FAULT_RETRY, "output_failed", "cannot write %s: %s",
              out->path, strerror(errno));
    kit_output_drop(out);
    return false;
}

static bool keep_file(const struct text *text, struct fault *err)
{
    struct kit_output out;

    return kit_output_begin(ANSWER_FILE, &out, err) &&
           write_file(&out, text, err) && kit_output_keep(&out, err);
}

static int print(const struct text *text)
{
    if (fwrite(text->data, 1, text->len, stdout) == text->len &&
        fflush(stdout) == 0)
        return EXIT_SUCCESS;
    return kit_fail(FAULT_RETRY, "output_failed", NULL,
                    "cannot write the result: %s", strerror(errno));
}

int catalog_answer(void *mem, const struct text *head, const struct text *body)
{
    struct text whole;
    struct fault err;

    text_init(&whole, mem);
    text_open(&whole, NULL, '{');
    text_raw(&whole, NULL, head);
    text_raw(&whole, NULL, body);
    text_close(&whole, '}');
    if (whole.len <= ANSWER_MAX)
        return print(&whole);
    if (!keep_file(&whole, &err))
        return kit_fail_with(&err);
    whole.len = 0;
    text_open(&whole, NULL, '{');
    text_raw(&whole, NULL, head);
    text_string(&whole, "file", ANSWER_FILE);
    text_close(&whole, '}');
    return print(&whole);
}
