/* sim/thread.c: see thread.h.
 *
 * One loop (next) stands between all threads: it takes who was chosen, or has the pilot choose among the ready ones, or
 * lets time pass when none is ready. Threads come back to it when they wait, pause or end; at a point (cr_sim_point)
 * only if another one is picked, so that going on costs no switch. Stacks are kept from run to run. */
#include "sim/thread.h"

#include "base/choose.h"
#include "base/memory.h"
#include "base/time.h"
#include "sim/event.h"
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    STACK = 1 << 20,
    PAUSES = 64, /* in a row, of all that are ready, until time passes for them */
};
#define HOUR (3600 * COIR_SECOND)

/* Of the run under way. */
static struct {
    struct cr_sim_options options;
    struct cr_context loop;
    struct cr_sim_thread **ready, **all;
    uint32_t ready_count, count, room, live;
    struct cr_sim_thread *current, *chosen, *dead;
    struct cr_list waiting;
    struct cr_events events;
    coir_time now;
    uint64_t chance, order;
    uint32_t pauses;
    bool running, over;
    struct cr_sim_outcome outcome;
} world;

static struct cr_sim_thread time_itself = {.id = CR_SIM_TIME, .name = "time"};
static void *free_stacks;
static int trace = -1;

/* ---- Chance, and what is known of a run afterwards ---- */

static void
mix(uint64_t value)
{
    world.outcome.hash = (world.outcome.hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    world.outcome.hash ^= world.outcome.hash >> 29;
}

static void
note(const char *label, uint64_t about, uint64_t value)
{
    uint64_t word = 0;
    for (const char *at = label; *at; at++)
        word = word * 31 + (unsigned char)*at;
    mix(word);
    mix(about << 32 ^ value);
    mix((uint64_t)world.now ^ (world.current ? (uint64_t)world.current->id << 56 : 0));
    if (cr_unlikely(trace >= 0))
        dprintf(trace, "%12lld %2u %-16s %-20s %llu of %llu\n", (long long)(world.now - CR_CLOCK_START),
                world.current ? world.current->host : 0, world.current ? world.current->name : "-", label,
                (unsigned long long)value, (unsigned long long)about);
}

void
cr_sim_note(const char *label, uint64_t value)
{
    note(label, 0, value);
}

void
cr_sim_trace(int fd)
{
    trace = fd;
}

static uint32_t
by_seed(void *arg, uint32_t n, const char *label)
{
    (void)arg, (void)label;
    world.chance ^= world.chance >> 12;
    world.chance ^= world.chance << 25;
    world.chance ^= world.chance >> 27;
    return (uint32_t)((world.chance * UINT64_C(0x2545f4914f6cdd1d) >> 32) * n >> 32);
}

/* The first end of a run stands. */
static void
end(enum cr_sim_end how)
{
    if (!world.over)
        world.outcome.end = how;
    world.over = true;
}

static size_t
stack_size(void)
{
    static size_t size;
    if (!size)
        size = STACK - cr_world.page_size();
    return size;
}

/* Where the calling thread is to go on: in a fiber it carries, or on its own stack. (A worker's loop runs there, with a
 * task that it has just left, or is about to enter.) */
static struct cr_context *
place_of(struct cr_sim_thread *self)
{
    const char *frame = __builtin_frame_address(0), *bottom = self->stack;
    bool on_own_stack = frame >= bottom && frame < bottom + stack_size();
    return on_own_stack || !cr_here.task ? &self->context : &cr_here.task->context;
}

/* Back to the loop for good. */
static __attribute__((noreturn)) void
abandon(void)
{
    cr_context_leave(place_of(world.current), &world.loop);
    __builtin_unreachable();
}

uint32_t
cr_sim_chance(uint32_t n, const char *label)
{
    uint32_t choice;
    if (n <= 1)
        return 0;
    choice = world.options.choose(world.options.arg, n, label);
    note(label, n, choice);
    if (cr_unlikely(++world.outcome.choices > world.options.choice_limit)) {
        end(CR_SIM_ENDLESS);
        if (world.current)
            abandon();
    }
    return choice;
}

void
cr_sim_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(world.outcome.text, sizeof world.outcome.text, format, values);
    va_end(values);
    end(CR_SIM_FAILED);
    if (!world.current)
        cr_misuse("in a virtual world, outside its threads: %s", world.outcome.text);
    abandon();
}

/* ---- Stacks ---- */

static void *
stack_get(void)
{
    void *stack = free_stacks;
    if (stack) {
        memcpy(&free_stacks, stack, sizeof free_stacks);
        return stack;
    }
    stack = cr_world.map(STACK);
    cr_always(stack);
    (void)cr_world.protect(stack, cr_world.page_size());
    return (char *)stack + cr_world.page_size();
}

static void
stack_put(void *stack)
{
    memcpy(stack, &free_stacks, sizeof free_stacks);
    free_stacks = stack;
}

void
cr_sim_bounds(void **bottom, size_t *size)
{
    *bottom = world.current->stack;
    *size = stack_size();
}

/* ---- Who is ready, who goes on ---- */

static void
make_ready(struct cr_sim_thread *thread)
{
    world.ready[world.ready_count++] = thread;
}

static void
make_unready(uint32_t at)
{
    world.ready_count--;
    memmove(world.ready + at, world.ready + at + 1, (world.ready_count - at) * sizeof *world.ready);
}

static void
end_wait(struct cr_sim_thread *thread, int answer)
{
    cr_list_remove(&thread->link);
    thread->waits = false;
    thread->key = NULL;
    thread->answer = answer;
    make_ready(thread);
}

/* The waiting thread with the earliest deadline, the first of those with the same; NULL: none has one. */
static struct cr_sim_thread *
next_deadline(void)
{
    struct cr_sim_thread *first = NULL;
    for (struct cr_list *link = world.waiting.next; link != &world.waiting; link = link->next) {
        struct cr_sim_thread *thread = cr_container(link, struct cr_sim_thread, link);
        if (thread->until != COIR_NEVER && (!first || thread->until < first->until))
            first = thread;
    }
    return first;
}

static void
move_clock(coir_time to)
{
    if (to > world.now)
        world.now = to;
    if (world.now - CR_CLOCK_START > world.options.limit)
        end(CR_SIM_LATE);
}

/* The next event, or the next deadline: the earlier one; planned first, first. false: there is none. */
static bool
let_time_pass(void)
{
    struct cr_sim_thread *sleeper = next_deadline();
    const struct cr_event *event = cr_events_first(&world.events);
    world.pauses = 0;
    if (event && (!sleeper || event->when < sleeper->until ||
                  (event->when == sleeper->until && event->order < sleeper->order))) {
        struct cr_event due = cr_events_take(&world.events);
        move_clock(due.when);
        due.happen(due.arg);
        return true;
    }
    if (!sleeper)
        return false;
    move_clock(sleeper->until);
    end_wait(sleeper, -ETIMEDOUT);
    return true;
}

/* Those that pause go to the end while others are ready that do not: pick sees only these. */
static uint32_t
candidates(void)
{
    uint32_t awake = 0;
    for (uint32_t i = 0; i < world.ready_count; i++)
        if (!world.ready[i]->paused) {
            struct cr_sim_thread *thread = world.ready[i];
            memmove(world.ready + awake + 1, world.ready + awake, (i - awake) * sizeof *world.ready);
            world.ready[awake++] = thread;
        }
    return awake ? awake : world.ready_count;
}

/* Takes somebody out of the ready ones (at least one); NULL: time is to pass. running: see cr_sim_pick. */
static struct cr_sim_thread *
pick(struct cr_sim_thread *running)
{
    uint32_t count = candidates(), choice;
    struct cr_sim_thread *thread;
    bool later = next_deadline() || cr_events_first(&world.events);
    if (world.ready[0]->paused && later && ++world.pauses > PAUSES)
        return NULL;
    if (world.options.restless && later) { /* one more candidate, just behind the others */
        memmove(world.ready + count + 1, world.ready + count, (world.ready_count - count) * sizeof *world.ready);
        world.ready[count++] = &time_itself;
        world.ready_count++;
    }
    if (world.options.pick) {
        choice = count == 1 ? 0 : world.options.pick(world.options.arg, world.ready, count, running);
        if (count > 1) {
            note("thread", count, choice);
            if (++world.outcome.choices > world.options.choice_limit)
                end(CR_SIM_ENDLESS);
        }
    } else {
        struct cr_sim_thread *current = world.current;
        world.current = NULL; /* the choice is nobody's: who exceeds the limit by it is not left */
        choice = cr_sim_chance(count, "thread");
        world.current = current;
    }
    thread = world.ready[choice];
    if (world.options.restless && later) {
        make_unready(count - 1);
        if (thread == &time_itself)
            return NULL;
    }
    make_unready(choice);
    thread->paused = false;
    return thread;
}

/* Between two threads: who is next. */
static struct cr_context *
next(void *arg)
{
    struct cr_sim_thread *thread = world.chosen;
    (void)arg;
    world.chosen = world.current = NULL;
    if (world.dead) {
        cr_context_fini(&world.dead->context);
        stack_put(world.dead->stack);
        world.dead->stack = NULL;
        world.dead = NULL;
    }
    while (!world.over && !thread) {
        if (world.ready_count)
            thread = pick(NULL);
        if (!thread && !world.over && !let_time_pass())
            end(world.live ? CR_SIM_STUCK : CR_SIM_DONE);
    }
    if (world.over)
        return NULL;
    world.current = thread;
    cr_here = thread->here;
    return thread->at;
}

/* The calling thread, which is on the ready list, among the waiting, or has been picked already, goes on later. */
static void
leave(void)
{
    struct cr_sim_thread *self = world.current;
    self->here = cr_here;
    self->at = place_of(self);
    cr_context_leave(self->at, &world.loop);
}

/* ---- What threads do ---- */

bool
cr_sim_is_running(void)
{
    return world.running;
}

struct cr_sim_thread *
cr_sim_self(void)
{
    return world.current;
}

void
cr_sim_point(void)
{
    struct cr_sim_thread *self = world.current;
    if (!world.ready_count && !world.options.restless)
        return;
    make_ready(self);
    world.chosen = pick(self);
    if (world.chosen == self && !world.over)
        world.chosen = NULL;
    else
        leave();
}

void
cr_sim_pause(void)
{
    struct cr_sim_thread *self = world.current;
    self->paused = true;
    make_ready(self);
    leave();
}

int
cr_sim_wait(const void *key, coir_time until, const char *why)
{
    struct cr_sim_thread *self = world.current;
    if (until == COIR_NOW || until <= world.now)
        return -ETIMEDOUT;
    self->key = key;
    self->why = why;
    self->until = until;
    self->order = world.order++;
    self->waits = true;
    cr_list_append(&world.waiting, &self->link);
    leave();
    return self->answer;
}

void
cr_sim_wake(const void *key, uint32_t count)
{
    struct cr_list *link = world.waiting.next;
    while (count > 0 && link != &world.waiting) {
        struct cr_sim_thread *thread = cr_container(link, struct cr_sim_thread, link);
        link = link->next;
        if (thread->key != key)
            continue;
        end_wait(thread, 0);
        count--;
    }
}

coir_time
cr_sim_now(void)
{
    return world.now;
}

void
cr_sim_at(coir_time when, void (*happen)(void *arg), void *arg)
{
    cr_events_plan(&world.events, (struct cr_event){when, world.order++, happen, arg});
}

void
cr_sim_host_set(uint32_t host)
{
    world.current->host = host;
}

void
cr_sim_leaving(void (*leave_with)(void *value), void *value)
{
    world.current->leave = leave_with;
    world.current->value = value;
}

/* The first frame of every thread. */
static void
begin(void *arg)
{
    struct cr_sim_thread *self = arg;
    cr_context_arrived(&self->context);
    self->run(self->arg);
    if (self->leave)
        self->leave(self->value);
    self->ended = true;
    world.live--;
    cr_sim_wake(self, UINT32_MAX);
    world.dead = self;
    cr_context_end(&self->context, &world.loop);
}

static void
make_room(void)
{
    if (world.count < world.room)
        return;
    world.room = world.room ? 2 * world.room : 32;
    world.all = cr_realloc(world.all, world.room * sizeof *world.all);
    world.ready = cr_realloc(world.ready, (world.room + 1) * sizeof *world.ready); /* and time */
    cr_always(world.all && world.ready);
}

struct cr_sim_thread *
cr_sim_start(void (*run)(void *arg), void *arg, const char *name)
{
    struct cr_sim_thread *thread = cr_alloc_zero(sizeof *thread);
    cr_always(thread);
    make_room();
    thread->id = world.count;
    thread->host = world.current ? world.current->host : 0;
    thread->run = run;
    thread->arg = arg;
    snprintf(thread->name, sizeof thread->name, "%s", name);
    thread->stack = stack_get();
    cr_context_init(&thread->context, thread->stack, (char *)thread->stack + stack_size(), begin, thread);
    thread->at = &thread->context;
    world.all[world.count++] = thread;
    world.live++;
    make_ready(thread);
    return thread;
}

void
cr_sim_join(struct cr_sim_thread *thread)
{
    while (!thread->ended)
        (void)cr_sim_wait(thread, COIR_NEVER, "the end of a thread");
}

/* ---- A run ---- */

/* Who waits for what, behind what the text says already. */
static void
tell_who_waits(void)
{
    struct cr_sim_outcome *outcome = &world.outcome;
    size_t length = strlen(outcome->text);
    for (uint32_t i = 0; i < world.count && length + 160 < sizeof outcome->text; i++) {
        const struct cr_sim_thread *thread = world.all[i];
        if (thread->ended)
            continue;
        length += (size_t)snprintf(outcome->text + length, sizeof outcome->text - length, "%s%s on host %u %s %s",
                                   length ? "; " : "", thread->name, thread->host, thread->waits ? "waits for" : "is",
                                   thread->waits ? thread->why : "ready");
    }
}

static void
forget_threads(void)
{
    for (uint32_t i = 0; i < world.count; i++) {
        if (world.all[i]->stack) {
            cr_context_fini(&world.all[i]->context);
            stack_put(world.all[i]->stack);
        }
        cr_free(world.all[i]);
    }
    cr_free(world.all);
    cr_free(world.ready);
    cr_events_fini(&world.events);
}

struct cr_sim_outcome
cr_sim_run(const struct cr_sim_options *options, void (*first)(void *arg), void *arg)
{
    struct cr_here before = cr_here;
    static _Thread_local void *bottom; /* asked for once: libc reads /proc/self/maps for it */
    static _Thread_local size_t size;
    cr_always(!world.running);
    memset(&world, 0, sizeof world);
    world.options = *options;
    world.options.choose = options->choose ? options->choose : by_seed;
    world.options.limit = options->limit ? options->limit : HOUR;
    world.options.choice_limit = options->choice_limit ? options->choice_limit : 100000000;
    world.chance = (options->seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    world.now = CR_CLOCK_START + COIR_SECOND; /* so that there are moments before the beginning */
    cr_list_init(&world.waiting);
    if (!bottom)
        (void)cr_world.thread_bounds(&bottom, &size);
    cr_context_init_loop(&world.loop, bottom, size);
    cr_sim_world_enter();
    cr_choose_install(cr_sim_chance);
    world.running = true;
    (void)cr_sim_start(first, arg, "first");
    cr_context_loop(&world.loop, next, NULL);
    world.running = false;
    cr_choose_install(NULL);
    cr_sim_world_leave();
    if (world.outcome.end != CR_SIM_DONE)
        tell_who_waits();
    world.outcome.time = world.now - CR_CLOCK_START - COIR_SECOND;
    forget_threads();
    cr_here = before;
    return world.outcome;
}
