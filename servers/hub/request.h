/* servers/hub/request.h: what a web member sends, understood. */
#ifndef CR_SERVERS_HUB_REQUEST_H
#define CR_SERVERS_HUB_REQUEST_H

#include <jansson.h>
#include <stddef.h>

enum cr_request_kind { CR_REQUEST_ENTER, CR_REQUEST_SAY };

struct cr_request {
    enum cr_request_kind kind;
    const char *text; /* the name, or what is to be said; valid UTF-8, a NUL follows; the json's */
    size_t size;
    json_t *json; /* private */
};

/* 0; -EINVAL: *reason says why, static, and there is nothing to fini. Does not suspend. */
int cr_request_read(const char *bytes, size_t size, struct cr_request *request, const char **reason);
void cr_request_fini(struct cr_request *request);

#endif
