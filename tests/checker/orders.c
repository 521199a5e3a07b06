/* orders.c: see orders.h. */
#include "orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOKS = 200 };

static const char *const folders[] = {"base", "lockfree", "sched", "sync", "queue", "carrier"};

/* Its last two parts, FOLDER/FILE; NULL: not one of ours. */
static const char *
path_of(const struct cr_site *site)
{
    const char *slash = strrchr(site->file, '/'), *start = slash;
    while (start > site->file && start[-1] != '/')
        start--;
    for (size_t i = 0; slash && i < sizeof folders / sizeof folders[0]; i++)
        if (strncmp(start, folders[i], (size_t)(slash - start)) == 0 && !folders[i][slash - start])
            return start;
    return NULL;
}

static bool
is_same(const struct cr_site *one, const struct cr_site *other)
{
    const char *path = path_of(one), *other_path = path_of(other);
    return path && other_path && one->line == other->line && strcmp(path, other_path) == 0 &&
           strcmp(one->name, other->name) == 0 && strcmp(one->place, other->place) == 0;
}

/* By path and line. */
static int
compare(const void *one, const void *other)
{
    const struct cr_site *a = *(const struct cr_site *const *)one, *b = *(const struct cr_site *const *)other;
    const char *a_path = path_of(a), *b_path = path_of(b);
    int order = !a_path || !b_path ? !a_path - !b_path : strcmp(a_path, b_path);
    order = order ? order : a->line - b->line;
    order = order ? order : strcmp(a->name, b->name);
    return order ? order : strcmp(a->place, b->place);
}

/* Of sites in order: how many before it in its function say the same. */
static int
twins_before(const struct cr_site *const *sites, size_t at)
{
    int count = 0;
    for (size_t i = at; i-- > 0 && path_of(sites[i]) && strcmp(path_of(sites[i]), path_of(sites[at])) == 0;)
        count += !is_same(sites[i], sites[at]) && (i + 1 == at || !is_same(sites[i], sites[i + 1])) &&
                 strcmp(sites[i]->function, sites[at]->function) == 0 && strcmp(sites[i]->name, sites[at]->name) == 0 &&
                 strcmp(sites[i]->place, sites[at]->place) == 0;
    return count;
}

static uint32_t
add(struct weakening *all, uint32_t count, const struct cr_site *site, int twins, const char *what, uint8_t parts)
{
    char number[16] = "";
    if (twins)
        snprintf(number, sizeof number, " #%d", twins + 1);
    cr_always(count < ORDERS_MOST);
    all[count] = (struct weakening){.site = site, .parts = parts};
    snprintf(all[count].name, sizeof all[count].name, "%s\t%s\t%s(%s)%s\t%s", path_of(site), site->function, site->name,
             site->place, number, what);
    return count + 1;
}

static uint32_t
add_site(struct weakening *all, uint32_t count, const struct cr_site *site, int twins)
{
    if (site->access == CR_FENCE)
        return add(all, count, site, twins, "all", CR_NO_FENCE);
    if (site->order == CR_SC)
        count = add(all, count, site, twins, "sc", CR_NO_SC);
    if (site->order == CR_ACQ || site->order == CR_AR)
        count = add(all, count, site, twins, "acquire", CR_NO_ACQ);
    if (site->order == CR_REL || site->order == CR_AR)
        count = add(all, count, site, twins, "release", CR_NO_REL);
    if (site->access == CR_CAS && site->failure == CR_ACQ)
        count = add(all, count, site, twins, "acquire on failure", CR_NO_FAILURE);
    return count;
}

uint32_t
orders_all(struct weakening all[ORDERS_MOST])
{
    size_t size = (size_t)(cr_sites_end - cr_sites_begin);
    const struct cr_site **sites = malloc(size * sizeof *sites);
    uint32_t count = 0;
    cr_always(sites);
    memcpy(sites, cr_sites_begin, size * sizeof *sites);
    qsort(sites, size, sizeof *sites, compare);
    for (size_t i = 0; i < size; i++)
        if (path_of(sites[i]) && (i == 0 || !is_same(sites[i - 1], sites[i])))
            count = add_site(all, count, sites[i], twins_before(sites, i));
    free(sites);
    return count;
}

void
orders_weaken(const struct weakening *weakening)
{
    for (struct cr_site *const *site = cr_sites_begin; site < cr_sites_end; site++)
        (*site)->weakened = weakening && is_same(*site, weakening->site) ? weakening->parts : 0;
}

/* ---- What a body meets ---- */

static void
look(const struct body *body)
{
    static struct cr_schedule schedule;
    struct cr_run_options options = {
        .model = CR_MODEL_C11, .restless = body->restless, .every_point = true, .unpruned = true};
    struct cr_run_outcome outcome;
    for (uint64_t seed = 1; seed <= LOOKS; seed++) {
        cr_strategy_begin(&(struct cr_strategy_options){.kind = CR_PCT, .seed = seed, .depth = 4});
        (void)cr_strategy_next();
        cr_run_once(&options, body->play, NULL, &schedule, &outcome);
    }
}

static bool
is_met(const struct weakening *weakening)
{
    for (struct cr_site *const *site = cr_sites_begin; site < cr_sites_end; site++)
        if (is_same(*site, weakening->site) && (*site)->hits)
            return true;
    return false;
}

void
orders_reached(const struct body *body, const struct weakening *all, uint32_t count, bool *reached)
{
    bool *shared = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    cr_always(shared != MAP_FAILED);
    fflush(NULL);
    child = fork();
    cr_always(child >= 0);
    if (!child) {
        look(body);
        for (uint32_t i = 0; i < count; i++)
            shared[i] = is_met(&all[i]);
        _exit(0);
    }
    cr_always(waitpid(child, NULL, 0) == child);
    memcpy(reached, shared, count);
    munmap(shared, count);
}
