#include "kit.h"
#include "mail.h"

#include <string.h>
#include <talloc.h>

struct reader {
    void *mem;
    const json_t *payload;
    struct fault *err;
};

static bool bad(struct fault *err, const char *where, const char *wanted)
{
    return fault_set(err, FAULT_USAGE, "invalid_payload",
                     "payload: \"%.60s\" must be %s", where, wanted);
}

bool mail_is_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return false;
    return true;
}

/* Enough to be sure of what goes into an SMTP command; the server knows the
 * rest. */
static bool is_address(const char *text)
{
    const char *at = strrchr(text, '@');
    size_t len = strlen(text);

    return at && at > text && at - text <= 64 && at[1] && len <= 254 &&
           mail_is_line(text) && !strpbrk(text, " <>()[],;:\\\"") &&
           !strpbrk(at + 1, "_") && at[1] != '.' && at[strlen(at) - 1] != '.' &&
           !strstr(text, "..");
}

static bool bad_address(const char *where, struct fault *err)
{
    return bad(err, where,
               "an address such as \"ann@example.org\" or "
               "\"Ann <ann@example.org>\", without control characters");
}

static char *trimmed(void *mem, const char *text, size_t len)
{
    while (len && *text == ' ')
        text++, len--;
    while (len && text[len - 1] == ' ')
        len--;
    if (len >= 2 && *text == '"' && text[len - 1] == '"')
        text++, len -= 2;
    return talloc_strndup(mem, text, len);
}

bool mailbox_read(void *mem, const char *text, const char *where,
                  struct mailbox *ret, struct fault *err)
{
    const char *open = strrchr(text, '<');
    const char *close = open ? strchr(open, '>') : NULL;

    if (!mail_is_line(text) || (open && (!close || close[1])))
        return bad_address(where, err);
    ret->name = NULL;
    ret->address = trimmed(mem, text, strlen(text));
    if (open) {
        ret->name = trimmed(mem, text, (size_t)(open - text));
        ret->address = trimmed(mem, open + 1, (size_t)(close - open - 1));
        if (!*ret->name)
            ret->name = NULL;
    }
    return is_address(ret->address) || bad_address(where, err);
}

static bool read_one(const struct reader *r, const json_t *value,
                     const char *where, struct mailbox *ret)
{
    const json_t *name = json_object_get(value, "name");
    const json_t *address = json_object_get(value, "address");

    if (json_is_string(value))
        return mailbox_read(r->mem, json_string_value(value), where, ret,
                            r->err);
    if (!json_is_string(address) || (name && !json_is_string(name)) ||
        (name && !mail_is_line(json_string_value(name))) ||
        !is_address(json_string_value(address)))
        return bad_address(where, r->err);
    *ret = (struct mailbox){
        .name = json_string_value(name),
        .address = json_string_value(address),
    };
    return true;
}

/* One, or a list of them. */
static bool read_list(const struct reader *r, const char *where,
                      struct mailboxes *ret)
{
    const json_t *value = json_object_get(r->payload, where);
    size_t count = json_is_array(value) ? json_array_size(value) : 1;

    if (!value)
        return true;
    if (count > MAIL_MAX_RECIPIENTS)
        return bad(r->err, where, "at most 1000 addresses");
    ret->list = talloc_array(r->mem, struct mailbox, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        const json_t *one =
            json_is_array(value) ? json_array_get(value, i) : value;

        if (!read_one(r, one, where, &ret->list[ret->count++]))
            return false;
    }
    return true;
}

static bool read_from(const struct reader *r, const char *otherwise,
                      struct mailbox *ret)
{
    const json_t *value = json_object_get(r->payload, "from");

    if (value)
        return read_one(r, value, "from", ret);
    if (otherwise)
        return mailbox_read(r->mem, otherwise, "SMTP_FROM", ret, r->err);
    return bad(r->err, "from", "given, as the type sets no SMTP_FROM");
}

static bool read_subject(const struct reader *r, struct mail *ret)
{
    const json_t *value = json_object_get(r->payload, "subject");

    ret->subject = value ? json_string_value(value) : "";
    return (ret->subject && mail_is_line(ret->subject)) ||
           bad(r->err, "subject", "one line of text");
}

/* Mail has CRLF, whatever the lines of the payload ended with. */
static char *with_crlf(void *mem, const char *text)
{
    char *ret = talloc_size(mem, strlen(text) * 2 + 1), *to = ret;

    for (; *text; text++) {
        if (*text == '\r' && text[1] == '\n')
            continue;
        if (*text == '\n' || *text == '\r')
            *to++ = '\r', *to++ = '\n';
        else
            *to++ = *text;
    }
    *to = 0;
    return ret;
}

static bool read_body(const struct reader *r, const char *where,
                      const char **ret)
{
    const json_t *value = json_object_get(r->payload, where);

    if (!value)
        return true;
    if (!json_is_string(value))
        return bad(r->err, where, "a text");
    *ret = with_crlf(r->mem, json_string_value(value));
    return true;
}

static bool read_attachment(const struct reader *r, const json_t *value,
                            struct attachment *ret)
{
    const char *file = json_is_string(value)
                           ? json_string_value(value)
                           : json_string_value(json_object_get(value, "file"));
    const json_t *name = json_object_get(value, "name");
    const json_t *type = json_object_get(value, "contentType");
    char path[PATH_MAX];

    if (!file || (name && !json_is_string(name)) ||
        (type && !json_is_string(type)))
        return bad(r->err, "attachments",
                   "a list of the names of input files, or of {\"file\", "
                   "\"name\", \"contentType\"}");
    if (!kit_input(file, path, r->err))
        return false;
    ret->path = talloc_strdup(r->mem, path);
    ret->name = name ? json_string_value(name) : file;
    ret->type = json_string_value(type);
    return (mail_is_line(ret->name) && (!type || mail_is_line(ret->type))) ||
           bad(r->err, "attachments", "without control characters");
}

static bool read_attachments(const struct reader *r, struct mail *ret)
{
    const json_t *list = json_object_get(r->payload, "attachments"), *value;
    size_t i;

    if (list && !json_is_array(list))
        return bad(r->err, "attachments", "a list");
    ret->attachments = talloc_array(r->mem, struct attachment,
                                    (unsigned)json_array_size(list) + 1);
    json_array_foreach(list, i, value) {
        if (!read_attachment(r, value,
                             &ret->attachments[ret->attachment_count++]))
            return false;
    }
    return true;
}

/* Those that say who sent what to whom have members of their own. */
static bool is_free_header(const char *name)
{
    static const char *const others[] = {
        "Auto-Submitted", "Importance",       "In-Reply-To",
        "List-Id",        "List-Unsubscribe", "List-Unsubscribe-Post",
        "Precedence",     "References",
    };

    if (strncasecmp(name, "X-", 2) == 0)
        return name[strspn(name,
                           "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] == 0;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strcasecmp(name, others[i]) == 0)
            return true;
    return false;
}

static bool read_headers(const struct reader *r, struct mail *ret)
{
    const json_t *headers = json_object_get(r->payload, "headers");
    const json_t *value;
    const char *name;

    if (headers && !json_is_object(headers))
        return bad(r->err, "headers", "an object of names and texts");
    ret->headers = headers;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
        if (!is_free_header(name))
            return bad(r->err, name,
                       "a header that begins with X-, or one of List-*, "
                       "References, In-Reply-To, Auto-Submitted, Precedence "
                       "and Importance");
        if (!json_is_string(value) || !mail_is_line(json_string_value(value)))
            return bad(r->err, name, "one line of text");
    }
    return true;
}

static bool check_whole(const struct reader *r, const struct mail *mail)
{
    int count = mail->to.count + mail->cc.count + mail->bcc.count;

    if (count == 0)
        return bad(r->err, "to", "given: there is no recipient");
    if (count > MAIL_MAX_RECIPIENTS)
        return bad(r->err, "to", "at most 1000 with \"cc\" and \"bcc\"");
    if (!mail->text && !mail->html)
        return bad(r->err, "text", "given, or \"html\"");
    return true;
}

bool mail_read(void *mem, const json_t *payload, const char *from,
               struct mail *ret, struct fault *err)
{
    const struct reader r = {.mem = mem, .payload = payload, .err = err};

    *ret = (struct mail){0};
    if (!json_is_object(payload))
        return fault_set(err, FAULT_USAGE, "invalid_payload",
                         "the payload must be an object");
    return read_from(&r, from, &ret->from) &&
           read_list(&r, "replyTo", &ret->reply_to) &&
           read_list(&r, "to", &ret->to) && read_list(&r, "cc", &ret->cc) &&
           read_list(&r, "bcc", &ret->bcc) && read_subject(&r, ret) &&
           read_body(&r, "text", &ret->text) &&
           read_body(&r, "html", &ret->html) && read_attachments(&r, ret) &&
           read_headers(&r, ret) && check_whole(&r, ret);
}
