/* servers/hub/page.c: takes the files of servers/hub/page/ into the program as they are.
 *
 * The assembler reads them (.incbin) and finds them as the compiler finds our headers, from the root of the sources. So
 * there is nothing to generate and nothing to unpack; but the build must be told that this file depends on them. */
#include "servers/hub/page.h"

/* clang-format off */
#define EMBED(symbol, file)                                                                                          \
    extern const char cr_page_##symbol[] __attribute__((visibility("hidden")));                                      \
    extern const char cr_page_##symbol##_end[] __attribute__((visibility("hidden")));                                \
    __asm__(".pushsection .rodata.cr_page, \"a\"\n"                                                                  \
            ".global cr_page_" #symbol "\n.hidden cr_page_" #symbol "\n"                                             \
            "cr_page_" #symbol ":\n.incbin \"servers/hub/page/" file "\"\n"                                          \
            ".global cr_page_" #symbol "_end\n.hidden cr_page_" #symbol "_end\n"                                     \
            "cr_page_" #symbol "_end:\n.byte 0\n"                                                                    \
            ".popsection\n")
/* clang-format on */

EMBED(index, "index.html");
EMBED(style, "style.css");
EMBED(chat, "chat.js");
EMBED(icon, "icon.svg");

const struct cr_page_file cr_page_files[CR_PAGE_FILES] = {
    {"/", "text/html; charset=utf-8", cr_page_index, cr_page_index_end},
    {"/style.css", "text/css; charset=utf-8", cr_page_style, cr_page_style_end},
    {"/chat.js", "text/javascript; charset=utf-8", cr_page_chat, cr_page_chat_end},
    {"/icon.svg", "image/svg+xml", cr_page_icon, cr_page_icon_end},
};
