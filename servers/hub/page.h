/* servers/hub/page.h: the files of the page, inside the program. */
#ifndef CR_SERVERS_HUB_PAGE_H
#define CR_SERVERS_HUB_PAGE_H

struct cr_page_file {
    const char *path, *type; /* where it is served, and as what */
    const char *begin, *end; /* its bytes */
};

enum { CR_PAGE_FILES = 4 };
extern const struct cr_page_file cr_page_files[CR_PAGE_FILES];

#endif
