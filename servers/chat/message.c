/* servers/chat/message.c: renders what is told, in the forms members read.
 *
 * The happy path: each form is rendered into a scratch buffer, then one block is allocated that holds them all. That
 * is one copy more than rendering in place, and no second pass to learn the size; both are noise beside one write to
 * one member. JSON is jansson's work, the frame around it protocol/websocket's, so a member's delivering task has
 * nothing to do but to hand bytes on.
 *
 * It fails only for lack of memory. The scratch buffers are bounded by what the room admits: a text of 4 KiB, or in
 * a welcome for the web the names of all members. */
#include "servers/chat/message.h"

#include <coir/buffer.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/websocket.h"

enum { RENDERED_LIMIT = 16 * 1024 * 1024 }; /* far above a welcome to a room of 65,536 */

/* A kind in words: as a line it is before, name, after, text, end; in JSON its type, and the key its text goes by. */
struct words {
    const char *type, *text_key, *before, *after, *end;
};

static const struct words all_words[CR_MESSAGE_KINDS] = {
    [CR_MESSAGE_CAME] = {"came", "text", "* ", " came in", "\n"},
    [CR_MESSAGE_LEFT] = {"left", "text", "* ", " left", "\n"},
    [CR_MESSAGE_SAID] = {"said", "text", "", ": ", "\n"},
    [CR_MESSAGE_ADMINISTRATOR] = {"administrator", "text", "* administrator: ", "", "\n"},
    [CR_MESSAGE_CLOSING] = {"closing", "text", "* ", "", "\n"},
    [CR_MESSAGE_WELCOME] = {"welcome", "text", "* welcome, ", "", "\n"},
    [CR_MESSAGE_NOTICE] = {"notice", "text", "* ", "", "\n"},
    [CR_MESSAGE_REFUSED] = {"refused", "reason", "* ", "", "\nname? "},
};

static const char *
or_nothing(const char *text)
{
    return text ? text : "";
}

/* "; 2 here: ann, bob" */
static int
render_present(const struct cr_message_facts *facts, struct coir_buffer *line)
{
    size_t listed = facts->member_count < CR_MESSAGE_NAMES_LISTED ? facts->member_count : CR_MESSAGE_NAMES_LISTED;
    int error = coir_buffer_print(line, "; %zu here: ", facts->member_count);
    for (size_t i = 0; i < listed && !error; i++)
        error = coir_buffer_print(line, "%s%s", i ? ", " : "", facts->members[i]);
    if (!error && listed < facts->member_count)
        error = coir_buffer_print(line, " and %zu more", facts->member_count - listed);
    return error;
}

static int
render_line(const struct cr_message_facts *facts, struct coir_buffer *line)
{
    const struct words *words = &all_words[facts->kind];
    int error = coir_buffer_print(line, "%s%s%s%s", words->before, or_nothing(facts->name), words->after,
                                  or_nothing(facts->text));
    if (!error && facts->kind == CR_MESSAGE_WELCOME)
        error = render_present(facts, line);
    return error ? error : coir_buffer_print(line, "%s", words->end);
}

static json_t *
json_of_names(const char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, json_string(names[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *
json_of_facts(const struct cr_message_facts *facts)
{
    const struct words *words = &all_words[facts->kind];
    json_t *members = facts->kind == CR_MESSAGE_WELCOME ? json_of_names(facts->members, facts->member_count) : NULL;
    if (facts->kind == CR_MESSAGE_WELCOME && !members)
        return NULL;
    return json_pack("{s:s, s:I, s:s*, s:s*, s:o*}", "type", words->type, "at", (json_int_t)facts->at, "name",
                     facts->name, words->text_key, facts->text, "members", members);
}

/* A frame being written; jansson goes on after a part that could not be. */
struct writing {
    struct coir_buffer *frame;
    int error; /* the first */
};

static int
append_json(const char *bytes, size_t size, void *arg)
{
    struct writing *writing = arg;
    if (!writing->error)
        writing->error = coir_buffer_append(writing->frame, bytes, size);
    return writing->error;
}

/* The frame's header tells the size of what follows, so room for the longest header is left, and the real one moved up
 * to the JSON: the form begins at *start. */
static int
render_web(const struct cr_message_facts *facts, struct coir_buffer *frame, size_t *start)
{
    uint8_t header[CR_WEBSOCKET_HEADER_SIZE] = {0};
    json_t *json = json_of_facts(facts);
    if (!json)
        return -ENOMEM;
    int error = coir_buffer_append(frame, header, sizeof header);
    struct writing writing = {frame, error};
    if (!error && json_dump_callback(json, append_json, &writing, JSON_COMPACT))
        error = -ENOMEM;
    json_decref(json);
    if (error || writing.error)
        return error ? error : writing.error;
    size_t size = cr_websocket_encode_header(header, CR_WEBSOCKET_TEXT, true, frame->size - sizeof header, NULL);
    *start = sizeof header - size;
    memcpy(frame->bytes + *start, header, size);
    return 0;
}

static struct cr_message *
assemble(enum cr_message_kind kind, const struct coir_buffer rendered[], const size_t starts[])
{
    size_t size = sizeof(struct cr_message);
    for (int form = 0; form < CR_MESSAGE_FORMS; form++)
        size += rendered[form].size - starts[form];
    struct cr_message *message = cr_alloc(size);
    if (!message)
        return NULL;
    char *place = (char *)(message + 1);
    *message = (struct cr_message){.holds = 1, .kind = kind};
    for (int form = 0; form < CR_MESSAGE_FORMS; form++) {
        if (!rendered[form].size)
            continue;
        size = rendered[form].size - starts[form];
        memcpy(place, rendered[form].bytes + starts[form], size);
        message->forms[form] = (struct cr_message_bytes){place, size};
        place += size;
    }
    return message;
}

struct cr_message *
cr_message_new(const struct cr_message_facts *facts, unsigned forms)
{
    struct coir_buffer rendered[CR_MESSAGE_FORMS] = {COIR_BUFFER_INIT(RENDERED_LIMIT),
                                                     COIR_BUFFER_INIT(RENDERED_LIMIT)};
    size_t starts[CR_MESSAGE_FORMS] = {0};
    struct cr_message *message = NULL;
    int error = 0;
    if (forms & 1u << CR_MESSAGE_LINE)
        error = render_line(facts, &rendered[CR_MESSAGE_LINE]);
    if (!error && forms & 1u << CR_MESSAGE_WEB)
        error = render_web(facts, &rendered[CR_MESSAGE_WEB], &starts[CR_MESSAGE_WEB]);
    if (!error)
        message = assemble(facts->kind, rendered, starts);
    for (int form = 0; form < CR_MESSAGE_FORMS; form++)
        coir_buffer_fini(&rendered[form]);
    return message;
}

struct cr_message *
cr_message_to_one(enum cr_message_kind kind, enum cr_message_form form, const char *text)
{
    return cr_message_new(&(struct cr_message_facts){.kind = kind, .at = cr_message_time(), .text = text}, 1u << form);
}

int64_t
cr_message_time(void)
{
    return coir_wall_time() / COIR_MS;
}

void
cr_message_hold(struct cr_message *message, size_t count)
{
    cr_add_rlx(&message->holds, count); /* the caller's own hold keeps it alive */
}

void
cr_message_drop(struct cr_message *message, size_t count)
{
    /* Pairs with itself: whoever frees has seen all that the others did with it. */
    if (count && cr_sub_ar(&message->holds, count) == count)
        cr_free(message);
}
