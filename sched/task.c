/* sched/task.c: blocks for tasks, plain threads' blocks, and sentences about failures.
 *
 * A worker keeps up to 1,024 free blocks for itself; what is over goes to the depot, which knows for each slab how many
 * of its blocks it has. A slab that is wholly in the depot gives its pages back; its generations and epochs then go on
 * from the highest they had reached, so no old id and no old epoch ever comes back. */
#include "sched/task.h"
#include "backend/block.h"
#include "base/memory.h"
#include "base/world.h"
#include "sched/debt.h"
#include "sched/order.h"
#include "sched/process.h"
#include "sched/quiet.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    PER_SLAB = 1024,
    SLABS = (1 << CR_SLOT_BITS) / PER_SLAB,
    BATCH = 64,        /* blocks fetched from the depot at once */
    CACHE_MOST = 1024, /* free blocks a worker keeps */
};

#if !defined(CR_ASAN) && !defined(CR_TSAN)
_Static_assert(sizeof(struct coir_task) == 256, "task blocks are small");
#endif

struct slab {
    struct coir_task *blocks;
    struct coir_task *free; /* those in the depot, through scope */
    uint32_t free_count;
    uint32_t fresh;             /* blocks from here on have never been used since the pages are new */
    uint64_t generation, epoch; /* where fresh blocks begin */
    struct slab *next;          /* among the slabs with something to give */
    uint32_t number;            /* in slabs */
    bool listed;
};

/* All under lock; SLABS pointers are 128 KiB of zeros that are touched as slabs come. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static CR_ATOMIC(struct slab *) slabs[SLABS];
static uint32_t slab_count;
static struct slab *giving;

_Thread_local struct cr_here cr_here;

static void
depot_lock(void)
{
    cr_tell_held(&lock);
    pthread_mutex_lock(&lock);
}

static void
depot_unlock(void)
{
    pthread_mutex_unlock(&lock);
    cr_tell_let(&lock);
}

static struct coir_task *
link_of(struct coir_task *task)
{
    return task->scope;
}

static void
list_slab(struct slab *slab)
{
    if (slab->listed)
        return;
    slab->listed = true;
    slab->next = giving;
    giving = slab;
}

static bool
add_slab(void)
{
    struct slab *slab;
    if (slab_count == SLABS)
        return false;
    slab = cr_alloc_zero(sizeof *slab);
    if (!slab)
        return false;
    slab->blocks = cr_world.map(PER_SLAB * sizeof *slab->blocks);
    if (!slab->blocks) {
        cr_free(slab);
        return false;
    }
    cr_sanitizer_root(slab->blocks, PER_SLAB * sizeof *slab->blocks);
    slab->epoch = slab->generation = 1;
    slab->number = slab_count;
    cr_store_rel(&slabs[slab_count], slab); /* pairs with cr_task_each */
    slab_count++;
    list_slab(slab);
    return true;
}

static uint64_t
slot_of(const struct slab *slab, const struct coir_task *task)
{
    return (uint64_t)slab->number * PER_SLAB + (uint64_t)(task - slab->blocks);
}

/* A block fit for its first use: its id keeps slot and generation while it is free (in heap_key), since id is 0 then. */
static struct coir_task *
take_from(struct slab *slab)
{
    struct coir_task *task = slab->free;
    if (task) {
        slab->free = link_of(task);
        slab->free_count--;
        return task;
    }
    if (slab->fresh == PER_SLAB)
        return NULL;
    task = slab->blocks + slab->fresh++;
    cr_store_rlx(&task->claim, slab->epoch << CR_CLAIM_SHIFT);
    task->heap_key = (coir_time)(slab->generation << CR_SLOT_BITS | slot_of(slab, task));
    return task;
}

static void
refill(struct cr_task_cache *cache, uint32_t count)
{
    depot_lock();
    while (cache->count < count && (giving || add_slab())) {
        struct slab *slab = giving;
        struct coir_task *task;
        while (cache->count < count && (task = take_from(slab))) {
            task->scope = cache->free;
            cache->free = task;
            cache->count++;
        }
        if (!slab->free && slab->fresh == PER_SLAB) {
            giving = slab->next;
            slab->listed = false;
        }
    }
    depot_unlock();
}

/* Every block of the slab is in the depot: its pages go back. */
static void
cool(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->fresh; i++) {
        uint64_t generation = (uint64_t)slab->blocks[i].heap_key >> CR_SLOT_BITS;
        uint64_t epoch = cr_load_rlx(&slab->blocks[i].claim) >> CR_CLAIM_SHIFT;
        if (generation >= slab->generation)
            slab->generation = generation + 1;
        if (epoch >= slab->epoch)
            slab->epoch = epoch + 1;
    }
    (void)cr_world.discard(slab->blocks, PER_SLAB * sizeof *slab->blocks);
    slab->free = NULL;
    slab->free_count = slab->fresh = 0;
}

static void
give_back(struct coir_task *task)
{
    struct slab *slab = cr_load_rlx(&slabs[((uint64_t)task->heap_key & ((1 << CR_SLOT_BITS) - 1)) / PER_SLAB]);
    task->scope = slab->free;
    slab->free = task;
    list_slab(slab);
    if (++slab->free_count == slab->fresh && slab->fresh == PER_SLAB)
        cool(slab);
}

void
cr_task_cache_trim(struct cr_task_cache *cache, uint32_t keep)
{
    if (cache->count <= keep)
        return;
    depot_lock();
    while (cache->count > keep) {
        struct coir_task *task = cache->free;
        cache->free = link_of(task);
        cache->count--;
        give_back(task);
    }
    depot_unlock();
}

struct coir_task *
cr_task_new(struct cr_task_cache *cache)
{
    struct cr_task_cache own = {NULL, 0};
    struct coir_task *task;
    uint64_t id;
    if (!cache)
        cache = &own;
    if (!cache->free)
        refill(cache, cache == &own ? 1 : BATCH);
    task = cache->free;
    if (!task)
        return NULL;
    cache->free = link_of(task);
    cache->count--;
    id = (uint64_t)task->heap_key;
    task->heap_key = task->deadline = COIR_NEVER;
    cr_store_rlx(&task->worker, NULL);
    cr_store_rlx(&task->futex, CR_AWAKE);
    cr_store_rlx(&task->canceled, 0);
    cr_store_rlx(&task->shield, 0);
    CR_SHARED_WRITE(task->result) = 0;
    cr_store_rlx(&task->flags, 0);
    task->wait = NULL;
    task->on_end = NULL;
    task->stack.slab = NULL;
    task->locals = NULL;
    task->detail = NULL;
    task->copy = NULL;
    task->held = NULL;
    cr_store_rlx(&task->name_words[0], 0);
    cr_store_rel(&task->id, id);
    return task;
}

void
cr_task_name_set(struct coir_task *task, const char *name)
{
    uint64_t words[CR_NAME / sizeof(uint64_t)] = {0};
    snprintf((char *)words, sizeof words, "%s", name);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        cr_store_rlx(&task->name_words[i], words[i]);
}

void
cr_task_name_get(const struct coir_task *task, char *name)
{
    uint64_t words[CR_NAME / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        words[i] = cr_load_rlx(&task->name_words[i]);
    memcpy(name, words, CR_NAME);
    name[CR_NAME - 1] = '\0';
}

void
cr_task_free(struct cr_task_cache *cache, struct coir_task *task)
{
    uint64_t id = cr_load_rlx(&task->id);
    if (cr_unlikely(task->copy != NULL)) {
        if (cr_load_rlx(&task->flags) & CR_TASK_PARCEL)
            cr_parcel_drop(task->copy);
        cr_free(task->copy);
    }
    if (cr_unlikely(task->detail != NULL))
        cr_free(task->detail);
    cr_store_rlx(&task->id, 0);
    task->heap_key = (coir_time)((id + (UINT64_C(1) << CR_SLOT_BITS)) & ((UINT64_C(1) << CR_ID_BITS) - 1));
    if (!cache) {
        depot_lock();
        give_back(task);
        depot_unlock();
        return;
    }
    task->scope = cache->free;
    cache->free = task;
    if (++cache->count > CACHE_MOST)
        cr_task_cache_trim(cache, CACHE_MOST / 2);
}

struct coir_task *
cr_task_of_id(uint64_t id)
{
    uint64_t slot = id & ((1 << CR_SLOT_BITS) - 1);
    return cr_load_acq(&slabs[slot / PER_SLAB])->blocks + slot % PER_SLAB;
}

void
cr_task_each(void (*see)(struct coir_task *task, void *arg), void *arg)
{
    for (uint32_t i = 0; i < SLABS; i++) {
        struct slab *slab = cr_load_acq(&slabs[i]); /* pairs with add_slab */
        if (!slab)
            return;
        for (uint32_t k = 0; k < PER_SLAB; k++)
            see(slab->blocks + k, arg);
    }
}

/* ---- Plain threads ---- */

/* Runs when a thread that has a block ends. */
static void
leave(void *value)
{
    struct coir_task *task = value;
    void *bottom;
    size_t size;
    bool is_servant;
    cr_here.task = task;
    cr_locals_end(task);
    if (cr_held_any(task) && cr_world.thread_bounds(&bottom, &size) == 0)
        cr_held_check(task, bottom, (char *)bottom + size);
    cr_debts_before_end(task);
    (void)cr_or_ar(&task->life, CR_ENDED);
    cr_debts_after_end(cr_load_rlx(&task->id));
    if (task->bell >= 0)
        cr_block.bell_close(task->bell);
    cr_here.task = NULL;
    is_servant = cr_load_rlx(&task->flags) & CR_TASK_SERVANT;
    cr_task_free(NULL, task);
    if (is_servant)
        return;
    cr_quiet_out();
    cr_quiet_know(-1);
}

bool cr_task_forked;

struct coir_task *
cr_task_attach(void)
{
    struct coir_task *task;
    if (cr_task_forked)
        cr_misuse(
            "this process was forked while a runtime of coir was there, of which it has a part only: before it calls "
            "coir it must exec, or leave by _exit; tasks on processes (COIR_ON_PROCESS) are made for going on");
    task = cr_task_new(NULL);
    if (!task)
        cr_misuse("no memory for the calling thread's task");
    if (cr_here.worker || cr_here.serving) {
        cr_store_rlx(&task->flags, CR_TASK_THREAD | CR_TASK_SERVANT);
    } else {
        cr_store_rlx(&task->flags, CR_TASK_THREAD);
        cr_quiet_in(); /* awake, before it is one of those that are looked at */
        cr_quiet_know(1);
    }
    cr_store_rlx(&task->runtime, NULL);
    cr_store_rlx(&task->life, 0);
    cr_order_begin();
    task->bell = -1;
    cr_here.task = task;
    cr_world.thread_leaving(leave, task);
    return task;
}

/* ---- Failures in words ---- */

int
cr_fail(int failure, const char *format, ...)
{
    struct coir_task *self = cr_task_self();
    char text[512];
    va_list values;
    int length;
    va_start(values, format);
    length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (length < 0)
        return failure;
    cr_free(self->detail);
    self->detail = cr_alloc_text(text);
    return failure;
}

void
cr_detail_move(struct coir_task *from, struct coir_task *to)
{
    if (!from->detail)
        return;
    cr_free(to->detail);
    to->detail = from->detail;
    from->detail = NULL;
}

void
cr_detail_clear(struct coir_task *task)
{
    cr_free(task->detail);
    task->detail = NULL;
}

const char *
coir_error_detail(void)
{
    const struct coir_task *self = cr_task_self();
    return self->detail ? self->detail : "";
}

struct coir_task *
coir_self(void)
{
    return cr_task_self();
}

const char *
coir_task_name(const struct coir_task *task)
{
    return task->name;
}

uint64_t
coir_task_id(const struct coir_task *task)
{
    return cr_load_rlx(&task->id);
}

bool
coir_task_is_alive(const struct coir_task *task)
{
    return !(cr_load_acq(&task->life) & CR_ENDED);
}
