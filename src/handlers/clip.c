#include "clip.h"
#include "utf8.h"

#include <string.h>

void clip_set(struct clip *clip, const char *text, size_t len)
{
    size_t shown = utf8_cut(text, len, CLIP_MAX);

    clip->len = (uint8_t)shown;
    clip->cut = shown < len;
    memcpy(clip->text, text, shown);
}

int clip_compare(const struct clip *clip, const char *text, size_t len)
{
    size_t common = len < clip->len ? len : clip->len;
    int order = memcmp(text, clip->text, common);

    if (order != 0)
        return order;
    if (len < clip->len)
        return -1;
    return len > clip->len && !clip->cut;
}

const char *clip_show(const struct clip *clip, char *ret)
{
    static const char ellipsis[] = "\xE2\x80\xA6";

    memcpy(ret, clip->text, clip->len);
    memcpy(ret + clip->len, clip->cut ? ellipsis : "",
           clip->cut ? sizeof(ellipsis) : 1);
    return ret;
}
