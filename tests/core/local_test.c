/* local_test.c: what struct coir_local promises. */
#include "core.h"

#include <string.h>

static char destroyed[32];

static void
destroy_slowly(void *value)
{
    COIR_SHIELD();
    MUST_BE(coir_sleep(coir_after(COIR_MS)), 0);
    destroyed[strlen(destroyed)] = *(const char *)value;
}

static struct coir_local first_local = COIR_LOCAL_INIT(destroy_slowly), second_local = COIR_LOCAL_INIT(destroy_slowly),
                         third_local = COIR_LOCAL_INIT(NULL), fourth_local = COIR_LOCAL_INIT(destroy_slowly);

static int
use_locals(void *arg)
{
    (void)arg;
    MUST(!coir_local_get(&first_local));
    MUST_BE(coir_local_set(&first_local, "1"), 0);
    MUST_BE(coir_local_set(&second_local, "x"), 0);
    MUST_BE(coir_local_set(&second_local, "2"), 0);
    MUST_BE(coir_local_set(&third_local, "3"), 0);
    MUST_BE(coir_local_set(&fourth_local, "4"), 0);
    MUST_BE(coir_yield(), 0);
    MUST(*(char *)coir_local_get(&second_local) == '2' && *(char *)coir_local_get(&third_local) == '3');
    MUST_BE(coir_local_set(&fourth_local, NULL), 0);
    return 0;
}

static int
locals(void *arg)
{
    struct core_actor actor;
    (void)arg;
    memset(destroyed, 0, sizeof destroyed);
    MUST_BE(coir_local_set(&first_local, NULL), 0);
    MUST_BE(coir_local_set(&third_local, "mine"), 0);
    core_start(&actor, use_locals, NULL);
    MUST_BE(core_end(&actor), 0);
    MUST(!strcmp(destroyed, "21")); /* newest first; the fourth was taken back */
    MUST(!strcmp(coir_local_get(&third_local), "mine"));
    return 0;
}

START_TEST(locals_are_destroyed_before_the_join)
{
    core_play((enum core_cast)_i, locals, NULL);
}
END_TEST

static void set_again(void *value);
static struct coir_local again_local = COIR_LOCAL_INIT(set_again);
static int agains;

static void
set_again(void *value)
{
    if (++agains < 3)
        MUST_BE(coir_local_set(&again_local, value), 0);
}

static int
use_again(void *arg)
{
    return coir_local_set(&again_local, arg);
}

START_TEST(a_destroy_function_may_set_locals)
{
    core_run(1, use_again, "again");
    ck_assert_int_eq(agains, 3);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, locals_are_destroyed_before_the_join, 0, CORE_CASTS);
    tcase_add_test(cases, a_destroy_function_may_set_locals);
}

int
main(void)
{
    return core_main("local", add);
}
