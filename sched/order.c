/* sched/order.c: see order.h. A list of edges under one lock: this is for tests, where programs have tens of locks. */
#include "sched/order.h"

#include "base/memory.h"
#include "base/world.h"
#include <coir/log.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    EDGES = 4096, /* more are not noted */
    GATES = 8,    /* of an edge */
    DEPTH = 8,    /* of a circle */
    STEPS = 20000 /* of a search for one */
};

/* Somebody held from when he took to. */
struct edge {
    struct edge *next;
    const struct cr_held *from, *to;
    uint64_t task; /* who; 0: several */
    uint32_t gate_count;
    const struct cr_held *gates[GATES]; /* what was held each time besides the two */
    bool is_told;
    char text[]; /* "task 5 'a' held the mutex ..., and took the mutex ..." */
};

CR_ATOMIC(uint32_t) cr_order_is_on;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct edge *edges; /* under lock, and all below */
static uint32_t count;

/* A way through edges, from the new one on. */
struct search {
    struct edge *path[DEPTH];
    uint32_t length, steps;
};

void
cr_order_begin(void)
{
    const char *text = cr_world.environment("COIR_LOCKDEP");
    if (text && *text && strcmp(text, "0") != 0)
        cr_store_rlx(&cr_order_is_on, 1);
}

/* ---- Which circles count ---- */

static bool
has_gate(const struct edge *edge, const struct cr_held *gate)
{
    for (uint32_t i = 0; i < edge->gate_count; i++)
        if (edge->gates[i] == gate)
            return true;
    return false;
}

static bool
has_common_gate(const struct search *search)
{
    const struct edge *first = search->path[0];
    for (uint32_t g = 0; g < first->gate_count; g++) {
        uint32_t i = 1;
        while (i < search->length && has_gate(search->path[i], first->gates[g]))
            i++;
        if (i == search->length)
            return true;
    }
    return false;
}

static bool
is_one_tasks(const struct search *search)
{
    for (uint32_t i = 0; i < search->length; i++)
        if (!search->path[i]->task || search->path[i]->task != search->path[0]->task)
            return false;
    return true;
}

static bool
is_all_told(const struct search *search)
{
    for (uint32_t i = 0; i < search->length; i++)
        if (!search->path[i]->is_told)
            return false;
    return true;
}

/* Completes the path to a circle that counts, if there is one. */
static bool
find_circle(struct search *search)
{
    const struct edge *last = search->path[search->length - 1];
    if (last->to == search->path[0]->from)
        return !is_one_tasks(search) && !has_common_gate(search) && !is_all_told(search);
    if (search->length == DEPTH)
        return false;
    for (struct edge *edge = edges; edge; edge = edge->next) {
        if (edge->from != last->to || ++search->steps > STEPS)
            continue;
        search->path[search->length++] = edge;
        if (find_circle(search))
            return true;
        search->length--;
    }
    return false;
}

static void
look_for_circle(struct edge *edge)
{
    struct search search = {.path = {edge}, .length = 1};
    if (!find_circle(&search))
        return;
    coir_log(COIR_LOG_WARN, "lock order: %u locks are taken in orders that can meet in a deadlock", search.length);
    for (uint32_t i = 0; i < search.length; i++) {
        search.path[i]->is_told = true;
        coir_log(COIR_LOG_WARN, "  %s", search.path[i]->text);
    }
}

/* ---- Noting ---- */

static const void *
object_of(const struct cr_held *held)
{
    return (const char *)held - held->kind->held_at;
}

/* What is held besides from and to. */
static uint32_t
gates_now(const struct cr_held *from, const struct cr_held *to, const struct cr_held *gates[GATES])
{
    uint32_t number = 0;
    for (const struct cr_held *held = to->next; held && number < GATES; held = held->next)
        if (held != from)
            gates[number++] = held;
    return number;
}

static void
add(const struct coir_task *self, const struct cr_held *from, const struct cr_held *to)
{
    char text[1024], held[256], taken[256];
    struct edge *edge;
    size_t size;
    if (count == EDGES)
        return;
    snprintf(text, sizeof text, "task %llu '%s' held %s, and took %s", (unsigned long long)cr_load_rlx(&self->id),
             self->name, cr_edge_text(from->kind, object_of(from), held, sizeof held),
             cr_edge_text(to->kind, object_of(to), taken, sizeof taken));
    size = strlen(text) + 1;
    edge = cr_alloc(sizeof *edge + size);
    if (!edge)
        return;
    *edge = (struct edge){.next = edges, .from = from, .to = to, .task = cr_load_rlx(&self->id)};
    edge->gate_count = gates_now(from, to, edge->gates);
    memcpy(edge->text, text, size);
    edges = edge;
    count++;
    look_for_circle(edge);
}

/* Seen again: by somebody else, or without one of its gates, it may be worse than it was. */
static void
see_again(struct edge *edge, const struct coir_task *self)
{
    const struct cr_held *gates[GATES];
    uint32_t number = gates_now(edge->from, edge->to, gates), kept = 0;
    bool is_worse = edge->task && edge->task != cr_load_rlx(&self->id);
    for (uint32_t i = 0; i < edge->gate_count; i++)
        for (uint32_t k = 0; k < number; k++)
            if (gates[k] == edge->gates[i]) {
                edge->gates[kept++] = edge->gates[i];
                break;
            }
    is_worse |= kept < edge->gate_count;
    edge->gate_count = kept;
    if (edge->task != cr_load_rlx(&self->id))
        edge->task = 0;
    if (is_worse)
        look_for_circle(edge);
}

void
cr_order_note(const struct coir_task *self, const struct cr_held *taken)
{
    pthread_mutex_lock(&lock);
    for (const struct cr_held *held = taken->next; held; held = held->next) {
        struct edge *edge = edges;
        while (edge && (edge->from != held || edge->to != taken))
            edge = edge->next;
        if (edge)
            see_again(edge, self);
        else
            add(self, held, taken);
    }
    pthread_mutex_unlock(&lock);
}

void
cr_order_forget_it(const struct cr_held *held)
{
    pthread_mutex_lock(&lock);
    for (struct edge **link = &edges; *link;) {
        struct edge *edge = *link;
        if (edge->from != held && edge->to != held) {
            link = &edge->next;
            continue;
        }
        *link = edge->next;
        cr_free(edge);
        count--;
    }
    pthread_mutex_unlock(&lock);
}
