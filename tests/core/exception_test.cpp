/* exception_test.cpp: C++ programs. Fibers of one worker share a thread, and a C++ run time keeps what is thrown and what
 * is being handled for each thread: here each fiber has exceptions of its own in flight, and switches in between. */
#include <coir/mutex.h>
#include <coir/scope.h>
#include <csignal>
#include <exception>
#include <stdexcept>
#include <string>

#include "core.h"

/* What is thrown: says whose it is; counted, so that none is destroyed twice or never. */
static int things; /* atomic */

struct Thing {
    int owner, depth;
    std::string text; /* on the heap: a sanitizer sees a use after its end */

    Thing(int whose, int how_deep) : owner(whose), depth(how_deep), text(describe(whose, how_deep))
    {
        __atomic_add_fetch(&things, 1, __ATOMIC_SEQ_CST);
    }

    Thing(const Thing &other) : owner(other.owner), depth(other.depth), text(other.text)
    {
        __atomic_add_fetch(&things, 1, __ATOMIC_SEQ_CST);
    }

    Thing &operator=(const Thing &) = delete;

    ~Thing()
    {
        __atomic_sub_fetch(&things, 1, __ATOMIC_SEQ_CST);
    }

    static std::string describe(int whose, int how_deep)
    {
        return "thrown by " + std::to_string(whose) + " at the depth of " + std::to_string(how_deep);
    }

    bool is(int whose, int how_deep) const
    {
        return owner == whose && depth == how_deep && text == describe(whose, how_deep);
    }
};

/* The thing that is being handled; NULL: none. */
static const Thing *
handled()
{
    const Thing *found = nullptr;
    std::exception_ptr current = std::current_exception();
    if (!current)
        return nullptr;
    try {
        std::rethrow_exception(current);
    } catch (const Thing &thing) {
        found = &thing;
    }
    return found;
}

/* A lock as C++ programs hold it. */
class Lock
{
    coir_mutex *mutex;

  public:
    explicit Lock(coir_mutex *wanted) : mutex(wanted)
    {
        MUST_BE(coir_mutex_lock(mutex, COIR_NEVER), 0);
    }

    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

    ~Lock()
    {
        coir_mutex_unlock(mutex);
    }
};

/* ---- Every way to switch, between try, throw and catch ---- */

static int
throw_elsewhere(void *arg)
{
    try {
        throw Thing(*static_cast<int *>(arg), -1);
    } catch (const Thing &thing) {
        return thing.is(*static_cast<int *>(arg), -1) ? 0 : -1;
    }
}

static int
set_event(void *event)
{
    coir_event_set(static_cast<coir_event *>(event));
    return 0;
}

static void
let_others_run(int owner, unsigned way)
{
    static struct coir_mutex shared = COIR_MUTEX_INIT;
    struct coir_event event = COIR_EVENT_INIT;
    switch (way % 5) {
    case 0:
        MUST_BE(coir_yield(), 0);
        break;
    case 1:
        MUST_BE(coir_sleep(coir_after(static_cast<coir_time>(coir_random(20)) * COIR_US)), 0);
        break;
    case 2:
        MUST_BE(coir_go(set_event, &event, nullptr, nullptr), 0);
        MUST_BE(coir_event_wait(&event, core_soon()), 0);
        break;
    case 3: {
        Lock lock(&shared);
        MUST_BE(coir_yield(), 0);
        break;
    }
    default:
        MUST_BE(coir_offload(throw_elsewhere, &owner), 0);
        break;
    }
}

/* Throws and catches, each deeper one inside the handler of the one above. */
static void
dive(int owner, int depth)
{
    const Thing *outer = handled();
    auto way = static_cast<unsigned>(owner + depth);
    try {
        let_others_run(owner, way++);
        throw Thing(owner, depth);
    } catch (const Thing &thing) {
        MUST(thing.is(owner, depth));
        let_others_run(owner, way++);
        MUST(thing.is(owner, depth) && handled() == &thing);
        if (depth < 3)
            dive(owner, depth + 1);
        let_others_run(owner, way++);
        MUST(handled() == &thing);
        try {
            throw;
        } catch (const Thing &again) {
            MUST(&again == &thing);
            let_others_run(owner, way++);
            MUST(again.is(owner, depth) && handled() == &again);
        }
        MUST(handled() == &thing);
    }
    MUST(handled() == outer && std::uncaught_exceptions() == 0);
}

static int
dive_often(void *arg)
{
    for (long i = 0; i < core_rounds(40); i++)
        dive(*static_cast<int *>(arg), 0);
    return 0;
}

static int
dive_together(void *)
{
    enum { MANY = 16 };
    struct coir_task *tasks[MANY];
    int owners[MANY];
    for (int i = 0; i < MANY; i++) {
        owners[i] = i;
        MUST_BE((i % 2 ? coir_go : coir_go_spread)(dive_often, &owners[i], nullptr, &tasks[i]), 0);
    }
    for (auto *task : tasks)
        MUST_BE(coir_join(task, nullptr, coir_after(COIR_MINUTE)), 0);
    return 0;
}

START_TEST(each_fiber_has_exceptions_of_its_own)
{
    core_run(_i, dive_together, nullptr);
    ck_assert_int_eq(things, 0);
}
END_TEST

/* ---- Handlers that are left in another order than they were entered in ---- */

enum { HANDLERS = 6 };

struct Handler {
    int owner;
    struct coir_event entered, may_leave;
};

static int
handle(void *arg)
{
    auto *own = static_cast<Handler *>(arg);
    try {
        throw Thing(own->owner, 0);
    } catch (const Thing &thing) {
        coir_event_set(&own->entered);
        MUST_BE(coir_event_wait(&own->may_leave, core_soon()), 0);
        MUST(handled() == &thing && thing.is(own->owner, 0));
    }
    MUST(!std::current_exception());
    return 0;
}

static int
leave_in_order(void *arg)
{
    int step = *static_cast<int *>(arg), left = 0;
    Handler handlers[HANDLERS] = {};
    struct coir_task *tasks[HANDLERS];
    for (int i = 0; i < HANDLERS; i++) {
        handlers[i].owner = i;
        MUST_BE(coir_go(handle, &handlers[i], nullptr, &tasks[i]), 0);
        MUST_BE(coir_event_wait(&handlers[i].entered, core_soon()), 0);
        MUST(!std::current_exception()); /* theirs is not ours */
    }
    for (int i = 0; i < HANDLERS; i++) {
        int who = (i + 1) * step % (HANDLERS + 1) - 1; /* 7 is prime: every step goes round all */
        coir_event_set(&handlers[who].may_leave);
        MUST_BE(coir_join(tasks[who], nullptr, core_soon()), 0);
        MUST_BE(__atomic_load_n(&things, __ATOMIC_SEQ_CST), HANDLERS - ++left);
    }
    return 0;
}

START_TEST(handlers_are_left_in_any_order)
{
    core_run(1, leave_in_order, &_i);
}
END_TEST

/* ---- On the way from throw to catch ---- */

struct Slow {
    struct coir_event *begun, *go_on;

    ~Slow()
    {
        MUST_BE(std::uncaught_exceptions(), 1);
        coir_event_set(begun);
        MUST_BE(coir_event_wait(go_on, core_soon()), 0);
        try { /* another one, that does not leave the destructor */
            throw Thing(7, 8);
        } catch (const Thing &thing) {
            MUST_BE(std::uncaught_exceptions(), 1);
            MUST_BE(coir_yield(), 0);
            MUST(thing.is(7, 8));
        }
        MUST_BE(std::uncaught_exceptions(), 1);
    }
};

struct Unwinding {
    int owner;
    struct coir_event begun, go_on;
    struct coir_mutex mutex, held;
};

static int
unwind_slowly(void *arg)
{
    auto *own = static_cast<Unwinding *>(arg);
    try {
        Lock lock(&own->mutex);
        COIR_HOLD(&own->held);
        Slow slow = {&own->begun, &own->go_on};
        throw Thing(own->owner, 0);
    } catch (const Thing &thing) {
        MUST(thing.is(own->owner, 0));
        MUST_BE(std::uncaught_exceptions(), 0);
        return 5;
    }
}

static int
unwind_together(void *)
{
    enum { MANY = 4 };
    static Unwinding unwindings[MANY];
    struct coir_task *tasks[MANY];
    int result;
    for (int i = 0; i < MANY; i++) {
        unwindings[i] = {i, COIR_EVENT_INIT, COIR_EVENT_INIT, COIR_MUTEX_INIT, COIR_MUTEX_INIT};
        MUST_BE(coir_go(unwind_slowly, &unwindings[i], nullptr, &tasks[i]), 0);
        MUST_BE(coir_event_wait(&unwindings[i].begun, core_soon()), 0);
        MUST_BE(std::uncaught_exceptions(), 0);
        MUST_BE(coir_mutex_lock(&unwindings[i].mutex, COIR_NOW), -EAGAIN); /* the destructor of Slow comes first */
        MUST_BE(coir_mutex_lock(&unwindings[i].held, COIR_NOW), -EAGAIN);
    }
    for (int i : {2, 0, 3, 1}) {
        coir_event_set(&unwindings[i].go_on);
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, 5);
        MUST_BE(coir_mutex_lock(&unwindings[i].mutex, COIR_NOW), 0);
        MUST_BE(coir_mutex_lock(&unwindings[i].held, COIR_NOW), 0);
    }
    return 0;
}

START_TEST(unwinding_may_suspend)
{
    core_run(_i, unwind_together, nullptr);
    ck_assert_int_eq(things, 0);
}
END_TEST

static int
sleep_and_see(void *seen)
{
    int result = coir_sleep(COIR_NEVER);
    *static_cast<int *>(seen) = std::uncaught_exceptions() + (std::current_exception() ? 100 : 0);
    return result;
}

static int
throw_through_a_scope(void *)
{
    int seen[3] = {-1, -1, -1};
    try {
        COIR_SCOPE(scope);
        for (int &one : seen)
            MUST_BE(coir_scope_go(&scope, sleep_and_see, &one, nullptr), 0);
        MUST_BE(coir_yield(), 0);
        throw Thing(1, 1);
    } catch (const Thing &thing) {
        MUST(thing.is(1, 1));
        for (int one : seen)
            MUST_BE(one, 0); /* canceled and gone, and the exception was not theirs */
    }
    return 0;
}

START_TEST(an_exception_ends_a_scope)
{
    core_run(_i, throw_through_a_scope, nullptr);
}
END_TEST

/* ---- From thread to fiber, from fiber to fiber, and out ---- */

static int
see_nothing(void *)
{
    MUST(!std::current_exception());
    dive(1, 0);
    return 0;
}

START_TEST(a_run_inside_a_handler)
{
    try {
        throw Thing(3, 3);
    } catch (const Thing &thing) {
        core_run(_i, see_nothing, nullptr);
        MUST(thing.is(3, 3) && handled() == &thing);
    }
    ck_assert_int_eq(things, 0);
}
END_TEST

static int
throw_it_again(void *arg)
{
    for (int i = 0; i < 100; i++) {
        try {
            std::rethrow_exception(*static_cast<std::exception_ptr *>(arg));
        } catch (const Thing &thing) {
            MUST_BE(coir_yield(), 0);
            MUST(thing.is(4, 4) && handled() == &thing);
        }
    }
    return 0;
}

static int
pass_around(void *)
{
    enum { MANY = 8 };
    struct coir_task *tasks[MANY];
    std::exception_ptr carried;
    try {
        throw Thing(4, 4);
    } catch (...) {
        carried = std::current_exception();
    }
    for (auto &task : tasks)
        MUST_BE(coir_go_spread(throw_it_again, &carried, nullptr, &task), 0);
    for (auto *task : tasks)
        MUST_BE(coir_join(task, nullptr, core_soon()), 0);
    return 0;
}

START_TEST(an_exception_is_carried_to_other_fibers)
{
    core_run(_i, pass_around, nullptr);
    ck_assert_int_eq(things, 0);
}
END_TEST

static int
throw_out(void *)
{
    throw std::runtime_error("nobody catches this");
}

static int
run_throw_out(void *)
{
    struct coir_runtime_options options = {};
    options.workers = 1;
    try {
        return coir_run(throw_out, nullptr, &options);
    } catch (...) { /* a fiber's frames end where it began */
        return 1;
    }
}

START_TEST(an_exception_that_leaves_a_task_ends_the_process)
{
    core_must_die(run_throw_out, nullptr, SIGABRT, "terminate called after throwing an instance of");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, each_fiber_has_exceptions_of_its_own, 0, 4);
    tcase_add_loop_test(cases, handlers_are_left_in_any_order, 1, HANDLERS + 1);
    tcase_add_loop_test(cases, unwinding_may_suspend, 0, 3);
    tcase_add_loop_test(cases, an_exception_ends_a_scope, 0, 3);
    tcase_add_loop_test(cases, a_run_inside_a_handler, 0, 3);
    tcase_add_loop_test(cases, an_exception_is_carried_to_other_fibers, 0, 4);
    tcase_add_test(cases, an_exception_that_leaves_a_task_ends_the_process);
}

int
main()
{
    return core_main("exception", add);
}
