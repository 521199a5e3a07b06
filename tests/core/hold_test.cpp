/* hold_test.cpp: COIR_HOLD in C++ unlocks on every way out of its block, exceptions among them; for fibers of one worker, of
 * four, for threads, and mixed. */
#include <cerrno>
#include <coir/mutex.h>
#include <stdexcept>

#include "core.h"

namespace
{

enum Way { END, RETURN, BREAK, CONTINUE, THROW, THROW_DEEPER, WAYS };

int
throw_it(coir_mutex *mutex)
{
    COIR_HOLD(mutex); /* recursive: a second time */
    MUST_BE(coir_yield(), 0);
    throw std::runtime_error("deeper");
}

int
leave_by(Way way, coir_mutex *mutex)
{
    for (int i = 0; i < 2; i++) {
        COIR_HOLD(mutex);
        MUST_BE(coir_yield(), 0);
        switch (way) {
        case RETURN:
            return 0;
        case THROW:
            throw std::runtime_error("thrown");
        case THROW_DEEPER:
            return throw_it(mutex);
        case CONTINUE:
            continue;
        default:
            break;
        }
        if (way == BREAK)
            break;
    }
    return 0;
}

struct Counted {
    coir_mutex mutex;
    long rounds, value; /* under the mutex */
};

int
count(void *arg)
{
    auto *counted = static_cast<Counted *>(arg);
    int caught = 0;
    for (long i = 0; i < counted->rounds; i++) {
        try {
            COIR_HOLD(&counted->mutex);
            long before = counted->value++;
            leave_by(static_cast<Way>(i % WAYS), &counted->mutex);
            MUST_BE(counted->value, before + 1); /* still ours: it was held twice */
        } catch (const std::runtime_error &) {
            caught++;
        }
    }
    return caught;
}

int
count_together(void *)
{
    enum { ACTORS = 4 };
    Counted counted = {COIR_MUTEX_INIT_RECURSIVE, core_rounds(600) / WAYS * WAYS, 0};
    core_actor actors[ACTORS];
    core_start_all(actors, ACTORS, count, &counted);
    for (auto &actor : actors)
        MUST_BE(core_end(&actor), counted.rounds / WAYS * 2);
    MUST_BE(counted.value, ACTORS * counted.rounds);
    coir_mutex_fini(&counted.mutex); /* not held any more */
    return 0;
}

int
leave_each_way(void *)
{
    for (int way = END; way < WAYS; way++) {
        coir_mutex mutex = COIR_MUTEX_INIT_RECURSIVE;
        bool caught = false;
        try {
            MUST_BE(leave_by(static_cast<Way>(way), &mutex), 0);
        } catch (const std::runtime_error &) {
            caught = true;
        }
        MUST(caught == (way == THROW || way == THROW_DEEPER));
        coir_mutex_fini(&mutex); /* held: stops the process */
    }
    return 0;
}

} // namespace

START_TEST(hold_unlocks_on_every_way_out)
{
    core_play(static_cast<enum core_cast>(_i), leave_each_way, nullptr);
}
END_TEST

START_TEST(held_by_one_at_a_time_whatever_is_thrown)
{
    core_play(static_cast<enum core_cast>(_i), count_together, nullptr);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, hold_unlocks_on_every_way_out, 0, CORE_CASTS);
    tcase_add_loop_test(cases, held_by_one_at_a_time_whatever_is_thrown, 0, CORE_CASTS);
}

int
main()
{
    return core_main("hold", add);
}
