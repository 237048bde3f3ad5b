#include "media_type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define OFFICE "application/vnd.openxmlformats-officedocument."

static const struct {
    const char *suffix, *type;
} types[] = {
    {"avif", "image/avif"                                    },
    {"bz2",  "application/x-bzip2"                           },
    {"css",  "text/css; charset=utf-8"                       },
    {"csv",  "text/csv; charset=utf-8"                       },
    {"docx", OFFICE "wordprocessingml.document"              },
    {"gif",  "image/gif"                                     },
    {"gz",   "application/gzip"                              },
    {"html", "text/html; charset=utf-8"                      },
    {"jpeg", "image/jpeg"                                    },
    {"jpg",  "image/jpeg"                                    },
    {"js",   "text/javascript; charset=utf-8"                },
    {"json", "application/json"                              },
    {"log",  "text/plain; charset=utf-8"                     },
    {"md",   "text/markdown; charset=utf-8"                  },
    {"mp3",  "audio/mpeg"                                    },
    {"mp4",  "video/mp4"                                     },
    {"ods",  "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt",  "application/vnd.oasis.opendocument.text"       },
    {"pdf",  "application/pdf"                               },
    {"png",  "image/png"                                     },
    {"pptx", OFFICE "presentationml.presentation"            },
    {"sql",  "application/sql"                               },
    {"svg",  "image/svg+xml"                                 },
    {"tar",  "application/x-tar"                             },
    {"tsv",  "text/tab-separated-values; charset=utf-8"      },
    {"txt",  "text/plain; charset=utf-8"                     },
    {"webp", "image/webp"                                    },
    {"xlsx", OFFICE "spreadsheetml.sheet"                    },
    {"xml",  "application/xml"                               },
    {"xz",   "application/x-xz"                              },
    {"zip",  "application/zip"                               },
    {"zst",  "application/zstd"                              },
};

const char *media_type(const char *name)
{
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(*types); i++)
        if (!strcasecmp(dot + 1, types[i].suffix))
            return types[i].type;
    return "application/octet-stream";
}
