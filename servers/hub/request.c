/* servers/hub/request.c: JSON texts from the web, read with jansson.
 *
 * Everything asked for is a flat object, so depth is bounded before the text is parsed: jansson's parser calls
 * itself for each bracket, up to 2,048 times, and a fiber's stack is smaller than what that takes. Members that are
 * not known are ignored, so that pages may be newer than hubs. */
#include "servers/hub/request.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { DEPTH_LIMIT = 8 };

static const struct {
    const char *type, *key;
    enum cr_request_kind kind;
} requests[] = {
    {"enter", "name", CR_REQUEST_ENTER},
    {"say", "text", CR_REQUEST_SAY},
};

/* An upper bound, right for whatever comes before the first mistake: that is as far as the parser gets. */
static bool
is_flat(const char *bytes, size_t size)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size && depth <= DEPTH_LIMIT; i++) {
        if (in_string && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_string = !in_string;
        else if (!in_string)
            depth += (bytes[i] == '[' || bytes[i] == '{') - (bytes[i] == ']' || bytes[i] == '}');
    }
    return depth <= DEPTH_LIMIT;
}

static int
refuse(struct cr_request *request, const char **reason, const char *why)
{
    cr_request_fini(request);
    *reason = why;
    return -EINVAL;
}

static int
take_value(struct cr_request *request, const char *key, enum cr_request_kind kind)
{
    json_t *value = json_object_get(request->json, key);
    if (!json_is_string(value))
        return -EINVAL;
    request->kind = kind;
    request->text = json_string_value(value);
    request->size = json_string_length(value);
    return 0;
}

int
cr_request_read(const char *bytes, size_t size, struct cr_request *request, const char **reason)
{
    *request = (struct cr_request){.json = NULL};
    if (!is_flat(bytes, size))
        return refuse(request, reason, "that was nested too deeply to be a request");
    request->json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(request->json))
        return refuse(request, reason, "that was not a JSON object");
    const char *type = json_string_value(json_object_get(request->json, "type"));
    for (size_t i = 0; type && i < sizeof requests / sizeof requests[0]; i++) {
        if (strcmp(type, requests[i].type) != 0)
            continue;
        return take_value(request, requests[i].key, requests[i].kind) == 0
                   ? 0
                   : refuse(request, reason, "enter needs a name, say needs a text");
    }
    return refuse(request, reason, "its type was neither enter nor say");
}

void
cr_request_fini(struct cr_request *request)
{
    json_decref(request->json);
    request->json = NULL;
}
