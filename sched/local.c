/* sched/local.c: each task's own values: a small array of (variable, value), found by walking it; programs have few.
 *
 * A variable is known by its address: it is static. When a task ends its values are destroyed as the task itself, newest
 * first; a destroy function that sets values again is served again, up to four rounds. */
#include "base/memory.h"
#include "sched/park.h"

enum { ROUNDS = 4, FIRST_ROOM = 4 };

struct slot {
    struct coir_local *local;
    void *value;
};

struct cr_locals {
    uint32_t count, room;
    struct slot slots[];
};

static struct slot *
find(const struct coir_task *task, const struct coir_local *local)
{
    struct cr_locals *locals = task->locals;
    for (uint32_t i = 0; locals && i < locals->count; i++)
        if (locals->slots[i].local == local)
            return &locals->slots[i];
    return NULL;
}

void *
coir_local_get(struct coir_local *local)
{
    struct slot *slot = find(cr_task_self(), local);
    return slot ? slot->value : NULL;
}

static int
make_room(struct coir_task *task)
{
    struct cr_locals *locals = task->locals;
    uint32_t count = locals ? locals->count : 0, room = locals ? locals->room * 2 : FIRST_ROOM;
    if (locals && locals->count < locals->room)
        return 0;
    locals = cr_realloc(locals, sizeof *locals + room * sizeof locals->slots[0]);
    if (!locals)
        return -ENOMEM;
    locals->count = count;
    locals->room = room;
    task->locals = locals;
    return 0;
}

int
coir_local_set(struct coir_local *local, void *value)
{
    struct coir_task *self = cr_task_self();
    struct slot *slot = find(self, local);
    int error;
    if (!slot && value) {
        error = make_room(self);
        if (error)
            return error;
        slot = &self->locals->slots[self->locals->count++];
        slot->local = local;
    }
    if (slot)
        slot->value = value;
    return 0;
}

void
cr_locals_end(struct coir_task *task)
{
    for (int round = 0; round < ROUNDS && task->locals; round++) {
        struct cr_locals *locals = task->locals;
        task->locals = NULL;
        while (locals->count) {
            struct slot last = locals->slots[--locals->count];
            if (last.value && last.local->destroy)
                last.local->destroy(last.value);
        }
        cr_free(locals);
    }
    cr_free(task->locals);
    task->locals = NULL;
}
