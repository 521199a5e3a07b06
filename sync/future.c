/* sync/future.c: a result that is set once, under a guard bit, and read without it from then on.
 *
 * The word says DONE only by the store that gives the guard back, which is also the setter's last touch: whoever has seen
 * DONE, woken or not, may free the future at once. A setter that has callbacks to run is a holder meanwhile.
 *
 * One with an owner is his debt (sched/debt.h) until somebody is about to make it done: whoever sets or cancels it takes it
 * out of the books first, so what is found there at the owner's end was set by nobody. It is kept then by a share of its
 * own, unless its last holder is just freeing it. */
#include "sync/future.h"
#include "base/memory.h"
#include "base/place.h"
#include "sched/graph.h"
#include "sync/branch.h"
#include <coir/log.h>

#include <stdio.h>
#include <string.h>

struct cr_callback {
    struct cr_callback *next;
    coir_future_callback *function;
    void *arg;
};

static const struct cr_debt_kind debt_kind;

void
cr_future_init(struct coir_future *future, size_t size)
{
    *future = (struct coir_future){.holders = 1, .size = size};
    future->callbacks_end = &future->callbacks;
    future->debt.kind = &debt_kind;
}

struct coir_future *
coir_future_new(size_t size)
{
    struct coir_future *future = size > SIZE_MAX / 2 - sizeof *future ? NULL : cr_alloc_zero(sizeof *future + size);
    if (!future)
        return NULL;
    cr_future_init(future, size);
    future->made = __builtin_return_address(0);
    return future;
}

struct coir_future *
coir_future_share(struct coir_future *future)
{
    (void)cr_add_ar(&future->holders, 1);
    return future;
}

/* Nobody has it any more. */
static void
end_of(struct coir_future *future)
{
    uintptr_t state;
    cr_debt_end(&future->debt);
    state = cr_guard_take(&future->word); /* whoever made it done may still be giving it back */
    if (CR_SHARED_READ(future->waiters))
        cr_misuse("coir_future_free: the future is waited for");
    if ((state & (CR_FUTURE_DONE | CR_FUTURE_CANCELED)) == CR_FUTURE_DONE && future->result < 0 &&
        !cr_load_rlx(&future->looked))
        coir_log(COIR_LOG_WARN, "a future has failed, and nobody got its result: %s%s%s",
                 coir_error_text(future->result), future->detail ? ": " : "", future->detail ? future->detail : "");
    while (future->callbacks) {
        struct cr_callback *callback = future->callbacks;
        future->callbacks = callback->next;
        cr_free(callback);
    }
    cr_free(future->detail);
}

bool
cr_future_let_go(struct coir_future *future)
{
    bool last = cr_sub_ar(&future->holders, 1) == 1;
    if (last)
        end_of(future);
    return last;
}

void
coir_future_free(struct coir_future *future)
{
    if (future && cr_future_let_go(future))
        cr_free(future);
}

void
coir_future_set_owner(struct coir_future *future, struct coir_task *task)
{
    if (future->function)
        return; /* a job: its worker's */
    if (task && !coir_future_is_done(future)) {
        cr_debt_begin(&future->debt, task);
        return;
    }
    cr_debt_end(&future->debt);
    cr_store_rel(&future->debt.owner, 0);
}

/* ---- Done ---- */

static void
call_back(struct coir_future *future, struct cr_callback *callback)
{
    while (callback) {
        struct cr_callback *next = callback->next;
        callback->function(future, callback->arg);
        cr_free(callback);
        callback = next;
    }
}

/* Under the guard, which it gives back with the flags: all that is to be seen is written. */
static void
publish(struct coir_future *future, uintptr_t flags)
{
    struct cr_callback *callbacks = future->callbacks;
    struct cr_note *waiters;
    future->callbacks = NULL;
    if (callbacks && !CR_MUTANT(CALLBACKS_UNSHARED))
        (void)coir_future_share(future);
    waiters = cr_waiters_claim_all(&future->waiters, 0);
    cr_guard_release(&future->word, flags | CR_FUTURE_DONE); /* pairs with is_done */
    cr_unpark_all(waiters);
    if (callbacks) {
        call_back(future, callbacks);
        if (!CR_MUTANT(CALLBACKS_UNSHARED))
            coir_future_free(future);
    }
}

static uintptr_t
hold(struct coir_future *future)
{
    uintptr_t state = cr_guard_take(&future->word);
    (void)CR_SHARED_WRITE(future->waiters); /* and all else under the guard */
    return state;
}

int
coir_future_set(struct coir_future *future, int result, const void *value)
{
    uintptr_t state;
    cr_debt_end(&future->debt);
    state = hold(future);
    if (state) {
        cr_guard_release(&future->word, state);
        return state & CR_FUTURE_CANCELED ? -ECANCELED : state & CR_FUTURE_DONE ? -EALREADY : -EBUSY;
    }
    CR_SHARED_WRITE(future->result) = result;
    if (value) {
        CR_SHARED_WRITE_BYTES(future->value, future->size);
        memcpy(future->value, value, future->size);
    }
    publish(future, 0);
    return 0;
}

int
coir_future_cancel(struct coir_future *future)
{
    uintptr_t state;
    cr_debt_end(&future->debt);
    state = hold(future);
    if (CR_MUTANT(CANCEL_WHAT_RUNS))
        state &= ~(uintptr_t)CR_FUTURE_RUNS;
    if (state) {
        cr_guard_release(&future->word, state);
        return state & CR_FUTURE_CANCELED ? 0 : state & CR_FUTURE_DONE ? -EALREADY : -EBUSY;
    }
    CR_SHARED_WRITE(future->result) = -ECANCELED;
    publish(future, CR_FUTURE_CANCELED);
    return 0;
}

bool
cr_future_begin(struct coir_future *future, uint64_t owner)
{
    uintptr_t state = hold(future);
    if (!state)
        cr_store_rel(&future->debt.owner, owner);
    cr_guard_release(&future->word, state ? state : CR_FUTURE_RUNS);
    return !state;
}

void
cr_future_put_back(struct coir_future *future)
{
    (void)hold(future);
    cr_store_rel(&future->debt.owner, 0);
    cr_guard_release(&future->word, 0);
}

void
cr_future_end(struct coir_future *future, int result, char *detail)
{
    if (CR_MUTANT(DONE_BEFORE_VALUE))
        cr_guard_release(&future->word, hold(future) | CR_FUTURE_DONE);
    (void)hold(future);
    CR_SHARED_WRITE(future->result) = result;
    future->detail = detail;
    publish(future, 0);
}

/* Its owner has ended (sched/debt.h). */

static bool
keep(struct cr_debt *debt)
{
    struct coir_future *future = cr_container(debt, struct coir_future, debt);
    uint32_t holders = cr_load_rlx(&future->holders);
    while (holders || CR_MUTANT(DEAD_KEPT))
        if (cr_cas_ar(&future->holders, &holders, holders + 1))
            return true;
    return false;
}

static char *
reproach(const struct coir_future *future, const char *name)
{
    static const char format[] = "task %llu '%s' has ended and has not set the future made at %s, as it was to";
    char place[128], *text = cr_alloc(sizeof format + sizeof place + CR_NAME + 20);
    if (text)
        sprintf(text, format, (unsigned long long)cr_load_rlx(&future->debt.owner), name,
                cr_place_text(future->made, place, sizeof place));
    return text;
}

static void
unpaid(struct cr_debt *debt, const char *name)
{
    struct coir_future *future = cr_container(debt, struct coir_future, debt);
    if (cr_future_begin(future, cr_load_rlx(&debt->owner))) {
        char *detail = reproach(future, name); /* NULL: no memory for it */
        coir_log(COIR_LOG_ERROR, "%s", detail ? detail : "the owner of a future has ended and has not set it");
        cr_store_rlx(&future->looked, 1); /* it has been told */
        cr_future_end(future, -EOWNERDEAD, detail);
    }
    coir_future_free(future);
}

static const struct cr_debt_kind debt_kind = {keep, unpaid};

int
coir_future_on_done(struct coir_future *future, coir_future_callback *function, void *arg)
{
    struct cr_callback *callback;
    uintptr_t state;
    if (coir_future_is_done(future)) {
        function(future, arg);
        return 0;
    }
    callback = cr_alloc(sizeof *callback);
    if (!callback)
        return -ENOMEM;
    *callback = (struct cr_callback){NULL, function, arg};
    state = hold(future);
    if (!(state & CR_FUTURE_DONE) || CR_MUTANT(CALLBACK_FORGOTTEN)) {
        *future->callbacks_end = callback;
        future->callbacks_end = &callback->next;
        callback = NULL;
    }
    cr_guard_release(&future->word, state);
    call_back(future, callback);
    return 0;
}

/* ---- Waiting ---- */

static uintptr_t
done(const struct coir_future *future)
{
    return cr_load_acq(&future->word) & CR_FUTURE_DONE; /* pairs with publish */
}

bool
coir_future_is_done(const struct coir_future *future)
{
    return done(future);
}

static uint32_t
owed_by(const void *object, uint64_t *ids, uint32_t most)
{
    const struct coir_future *future = object;
    (void)most;
    ids[0] = done(future) ? 0 : cr_load_acq(&future->debt.owner);
    return ids[0] != 0;
}

static void
describe(const void *object, char *text, size_t size)
{
    const struct coir_future *future = object;
    char place[128];
    if (future->made)
        snprintf(text, size, "the future made at %s, which another task is to set",
                 cr_place_text(future->made, place, sizeof place));
    else
        snprintf(text, size, "the future of a job that runs");
}

static const struct cr_edge_kind kind_future = {.owners = owed_by, .describe = describe};
static const struct cr_edge_kind anybodys_kind = {.text = "a future"};
static const struct cr_edge anybodys = {.kind = &anybodys_kind};

/* Under the guard, which it gives back. */
static int
wait_here(struct coir_future *future, struct coir_task *self, uintptr_t state, coir_time deadline, const void *where)
{
    struct cr_edge edge = {
        .kind = &kind_future, .object = future, .where = where, .timed = deadline != COIR_NEVER, .cancelable = true};
    struct cr_wait wait;
    int result;
    if (!cr_load_acq(&future->debt.owner))
        return cr_wait_in(&wait, self, &anybodys, &future->word, state, &future->waiters, 0, deadline);
    result = cr_wait_in_circle(&wait, self, &edge, &future->word, state, &future->waiters, 0, deadline);
    if (result == -EDEADLK)
        return cr_fail(result,
                       "coir_future_wait: task '%s' would wait for itself: a circle of waiting tasks leads back to it; "
                       "the log names them",
                       self->name);
    return result;
}

static int
await(struct coir_future *future, coir_time deadline, const void *where)
{
    struct coir_task *self = cr_task_self();
    uintptr_t state;
    int result = cr_enter(self, deadline);
    if (result || done(future))
        return result;
    state = hold(future);
    if (state & CR_FUTURE_DONE && !CR_MUTANT(DONE_NOT_SEEN)) {
        cr_guard_release(&future->word, state);
        return 0;
    }
    if (deadline != COIR_NOW && cr_load_acq(&future->debt.owner) == cr_load_rlx(&self->id)) {
        cr_guard_release(&future->word, state);
        return cr_fail(-EDEADLK, "coir_future_wait: task '%s' is to set the future it waits for", self->name);
    }
    return wait_here(future, self, state, deadline, where);
}

int
coir_future_wait(struct coir_future *future, coir_time deadline)
{
    return await(future, deadline, __builtin_return_address(0));
}

int
coir_future_get(struct coir_future *future, void *value, size_t size, coir_time deadline)
{
    int result;
    if (size > future->size)
        cr_misuse("coir_future_get: %zu bytes of a value of %zu", size, future->size);
    result = await(future, deadline, __builtin_return_address(0));
    if (result)
        return result;
    cr_store_rlx(&future->looked, 1);
    result = CR_SHARED_READ(future->result);
    if (result >= 0 && size) {
        CR_SHARED_READ_BYTES(future->value, size);
        CR_SHARED_WRITE_BYTES(value, size);
        memcpy(value, future->value, size);
    }
    return result < 0 && future->detail ? cr_fail(result, "%s", future->detail) : result;
}

int
coir_future_wait_all(struct coir_future *const *futures, size_t count, coir_time deadline)
{
    int result = cr_enter(cr_task_self(), deadline);
    for (size_t i = 0; !result && i < count; i++)
        if (futures[i])
            result = await(futures[i], deadline, __builtin_return_address(0));
    return result;
}

/* ---- As one of several places to wait in ---- */

static bool
hang(struct cr_branch *branch)
{
    struct coir_future *future = branch->object;
    uintptr_t state = hold(future);
    bool hangs = !(state & CR_FUTURE_DONE) || CR_MUTANT(HUNG_ON_DONE);
    if (hangs)
        cr_waiters_append(&future->waiters, &branch->hook.wait);
    cr_guard_release(&future->word, state);
    return hangs;
}

static void
unhang(struct cr_branch *branch)
{
    struct coir_future *future = branch->object;
    if (cr_wait_is_linked(&branch->hook.wait))
        cr_wait_withdraw(&branch->hook.wait, &future->word, &future->waiters, 0);
}

const struct cr_branch_kind cr_branch_future = {hang, unhang};

enum { NOT_YET = -EAGAIN };

/* The first that is done; NOT_YET; -EPIPE: there is none at all. */
static int
first_done(struct coir_future *const *futures, size_t count)
{
    int answer = -EPIPE;
    for (size_t i = 0; i < count; i++)
        if (futures[i]) {
            if (done(futures[i]))
                return (int)i;
            answer = NOT_YET;
        }
    return answer;
}

int
coir_future_wait_any(struct coir_future *const *futures, size_t count, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_branch few[CR_BRANCHES_FEW], *branches;
    int result = cr_enter(self, deadline), ignored;
    if (!result)
        result = first_done(futures, count);
    if (result != NOT_YET || deadline == COIR_NOW)
        return result;
    branches = cr_branches_new(few, count);
    if (!branches)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        branches[i].object = futures[i];
        branches[i].kind = futures[i] ? &cr_branch_future : NULL;
    }
    result = cr_await_first(self, branches, count, deadline, &ignored);
    cr_branches_free(few, branches);
    return result == CR_BRANCH_READY ? first_done(futures, count) : result;
}
