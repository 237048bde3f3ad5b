#include "markup.h"

#include <expat.h>
#include <string.h>
#include <talloc.h>

struct markup {
    XML_Parser parser;
    struct part *part;
    const struct markup_handler *handler;
    void *arg;
    bool paused, ended;
    struct fault fault;   /* what a handler has found */
    struct fault dropped; /* those after the first */
};

static const char *without_prefix(const char *name)
{
    const char *colon = strchr(name, ':');

    return colon ? colon + 1 : name;
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct markup *markup = arg;

    if (!markup->fault.status)
        markup->handler->start(markup->arg, without_prefix(name), attributes);
}

static void on_end(void *arg, const char *name)
{
    struct markup *markup = arg;

    if (!markup->fault.status)
        markup->handler->end(markup->arg, without_prefix(name));
}

static void on_text(void *arg, const char *text, int len)
{
    struct markup *markup = arg;

    if (!markup->fault.status)
        markup->handler->text(markup->arg, text, (size_t)len);
}

static void on_doctype(void *arg, const char *name, const char *system,
                       const char *public, int subset)
{
    (void)name, (void)system, (void)public, (void)subset;
    fault_set(markup_fail(arg), FAULT_DATA, "broken_workbook",
              "the workbook's XML has a document type, which none has");
}

static int markup_free(struct markup *markup)
{
    XML_ParserFree(markup->parser);
    return 0;
}

struct markup *markup_new(void *mem, struct part *part,
                          const struct markup_handler *handler, void *arg)
{
    struct markup *markup = talloc_zero(mem, struct markup);

    markup->part = talloc_steal(markup, part);
    markup->handler = handler;
    markup->arg = arg;
    markup->parser = XML_ParserCreate(NULL);
    talloc_set_destructor(markup, markup_free);
    XML_SetUserData(markup->parser, markup);
    XML_SetElementHandler(markup->parser, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(markup->parser, on_doctype);
    if (handler->text)
        XML_SetCharacterDataHandler(markup->parser, on_text);
    return markup;
}

void markup_pause(struct markup *markup)
{
    markup->paused = true;
    XML_StopParser(markup->parser, XML_TRUE);
}

struct fault *markup_fail(struct markup *markup)
{
    if (markup->fault.status)
        return &markup->dropped;
    XML_StopParser(markup->parser, XML_FALSE);
    return &markup->fault;
}

bool markup_failed(const struct markup *markup)
{
    return markup->fault.status != FAULT_NONE;
}

/* Expat keeps what it has not understood yet: a tag without an end would be
 * kept whole. */
static bool check_tag(struct markup *markup, struct fault *err)
{
    XML_Index done = XML_GetCurrentByteIndex(markup->parser);

    if (done < 0 || part_bytes(markup->part) <= (uint64_t)done + MARKUP_TAG)
        return true;
    return fault_set(err, FAULT_DATA, "broken_workbook",
                     "the workbook's XML has a tag of more than 1 MiB");
}

static bool feed(struct markup *markup, enum XML_Status *ret, struct fault *err)
{
    char *piece = XML_GetBuffer(markup->parser, MARKUP_PIECE);
    ssize_t got;

    if (!piece)
        return fault_set(err, FAULT_RETRY, "no_memory", "there is no memory");
    got = part_read(markup->part, piece, MARKUP_PIECE, err);
    if (got < 0)
        return false;
    markup->ended = got == 0;
    *ret = XML_ParseBuffer(markup->parser, (int)got, got == 0);
    return *ret != XML_STATUS_OK || markup->ended || check_tag(markup, err);
}

static enum markup_step fail(struct markup *markup, struct fault *err)
{
    if (markup->fault.status)
        *err = markup->fault;
    else
        fault_set(err, FAULT_DATA, "broken_workbook",
                  "the workbook's XML is wrong: %s (line %lu)",
                  XML_ErrorString(XML_GetErrorCode(markup->parser)),
                  (unsigned long)XML_GetCurrentLineNumber(markup->parser));
    return MARKUP_FAILED;
}

enum markup_step markup_run(struct markup *markup, struct fault *err)
{
    enum XML_Status status = XML_STATUS_OK;

    if (markup->paused) {
        markup->paused = false;
        status = XML_ResumeParser(markup->parser);
    }
    while (status == XML_STATUS_OK && !markup->ended)
        if (!feed(markup, &status, err))
            return MARKUP_FAILED;
    if (status == XML_STATUS_ERROR)
        return fail(markup, err);
    return status == XML_STATUS_SUSPENDED ? MARKUP_PAUSED : MARKUP_END;
}

bool markup_read(void *mem, struct package *package, const char *name,
                 const struct markup_handler *handler, void *arg,
                 struct fault *err)
{
    struct part *part = part_open(mem, package, name, err);
    struct markup *markup;
    bool ok;

    if (!part)
        return false;
    markup = markup_new(mem, part, handler, arg);
    ok = markup_run(markup, err) == MARKUP_END;
    talloc_free(markup);
    return ok;
}

const char *markup_attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (!strcmp(without_prefix(*attributes), name))
            return attributes[1];
    return NULL;
}
