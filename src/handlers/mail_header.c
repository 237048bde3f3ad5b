#include "mail.h"

#include <locale.h>
#include <sodium.h>
#include <string.h>
#include <talloc.h>
#include <time.h>

/* A header line is best within 76; an encoded word must be within 75. */
enum { LINE = 76, WORD_BYTES = 42 };

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* How many bytes fit into a word without cutting a character. */
static size_t word_len(const char *text, size_t len)
{
    if (len <= WORD_BYTES)
        return len;
    len = WORD_BYTES;
    while (len > 1 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return len;
}

static char *add_word(char *to, const char *text, size_t len)
{
    char code[sodium_base64_ENCODED_LEN(WORD_BYTES,
                                        sodium_base64_VARIANT_ORIGINAL)];

    sodium_bin2base64(code, sizeof(code), (const unsigned char *)text, len,
                      sodium_base64_VARIANT_ORIGINAL);
    return talloc_asprintf_append_buffer(to, "=?UTF-8?B?%s?=", code);
}

char *mail_words(void *mem, const char *text, size_t at)
{
    size_t len = strlen(text);
    char *ret;

    if (is_ascii(text) && at + len <= LINE && !strstr(text, "=?"))
        return talloc_strdup(mem, text);
    ret = talloc_strdup(mem, "");
    while (len > 0) {
        size_t part = word_len(text, len);

        ret = add_word(ret, text, part);
        text += part;
        len -= part;
        if (len > 0)
            ret = talloc_strdup_append_buffer(ret, "\r\n ");
    }
    return ret;
}

/* "Ann B." in quotes, or encoded. */
static char *phrase(void *mem, const char *name)
{
    char *ret;

    if (!is_ascii(name) || strlen(name) > LINE / 2)
        return mail_words(mem, name, LINE);
    ret = talloc_strdup(mem, "\"");
    for (; *name; name++)
        ret = talloc_asprintf_append_buffer(
            ret, strchr("\"\\", *name) ? "\\%c" : "%c", *name);
    return talloc_strdup_append_buffer(ret, "\"");
}

static struct curl_slist *add(struct curl_slist *list, char *line)
{
    struct curl_slist *more = curl_slist_append(list, line);

    talloc_free(line);
    return more ? more : list;
}

static char *add_mailbox(char *to, const struct mailbox *box)
{
    char *name;

    if (!box->name)
        return talloc_strdup_append_buffer(to, box->address);
    name = phrase(NULL, box->name);
    to = talloc_asprintf_append_buffer(to, "%s <%s>", name, box->address);
    talloc_free(name);
    return to;
}

static struct curl_slist *add_boxes(struct curl_slist *list, const char *header,
                                    const struct mailboxes *boxes)
{
    char *line;

    if (boxes->count == 0)
        return list;
    line = talloc_asprintf(NULL, "%s: ", header);
    for (int i = 0; i < boxes->count; i++) {
        if (i > 0)
            line = talloc_strdup_append_buffer(line, ",\r\n ");
        line = add_mailbox(line, &boxes->list[i]);
    }
    return add(list, line);
}

static struct curl_slist *add_text(struct curl_slist *list, const char *header,
                                   const char *text)
{
    char *words = mail_words(NULL, text, strlen(header) + 2);
    char *line = talloc_asprintf(NULL, "%s: %s", header, words);

    talloc_free(words);
    return add(list, line);
}

/* English whatever the locale, as RFC 5322 wants it. */
static char *date_line(void *mem)
{
    time_t now = time(NULL);
    char text[64];
    struct tm tm;
    locale_t plain = newlocale(LC_TIME_MASK, "C", (locale_t)0);

    gmtime_r(&now, &tm);
    strftime_l(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &tm, plain);
    freelocale(plain);
    return talloc_asprintf(mem, "Date: %s", text);
}

char *mail_id(void *mem, const struct mail *mail, const char *id)
{
    return talloc_asprintf(mem, "<%s%s>", *id ? id : "by-hand",
                           strrchr(mail->from.address, '@'));
}

struct curl_slist *mail_headers(void *mem, const struct mail *mail,
                                const char *id)
{
    struct mailboxes from = {
        .list = talloc_memdup(mem, &mail->from, sizeof(mail->from)),
        .count = 1,
    };
    struct curl_slist *list = add(NULL, date_line(mem));
    const json_t *value;
    const char *name;

    list = add_boxes(list, "From", &from);
    list = add_boxes(list, "Reply-To", &mail->reply_to);
    list = add_boxes(list, "To", &mail->to);
    list = add_boxes(list, "Cc", &mail->cc);
    if (mail->to.count + mail->cc.count == 0)
        list = add(list, talloc_strdup(mem, "To: undisclosed-recipients:;"));
    list = add_text(list, "Subject", mail->subject);
    list = add(list,
               talloc_asprintf(mem, "Message-ID: %s", mail_id(mem, mail, id)));
    json_object_foreach((json_t *)(uintptr_t)mail->headers, name, value) {
        list = add_text(list, name, json_string_value(value));
    }
    return list;
}

/* A character that RFC 2231 writes as it is. */
static bool is_plain(char c)
{
    return c && strchr(
                    "abcdefghijklmnopqrstuvwxyz"
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_",
                    c);
}

char *mail_disposition(void *mem, const char *name)
{
    char *ret = talloc_strdup(mem, "attachment; filename*=UTF-8''");

    if (is_ascii(name) && !strpbrk(name, "\"\\"))
        return talloc_asprintf(mem, "attachment; filename=\"%s\"", name);
    for (; *name; name++)
        ret = talloc_asprintf_append_buffer(
            ret, is_plain(*name) ? "%c" : "%%%02X", (unsigned char)*name);
    return ret;
}
