/* serve/model.c: a model is a row of a table: what its tasks run on, over which backend, how many of whom there are.
 *
 * The handler is the same under all of them, because coir's calls block the task that calls, whatever carries it. */
#include "serve/model.h"

#include "base/world.h"
#include "sched/task.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What a number behind the colon is about. */
enum number { NONE, KEEPERS, PROCESSES, WORKERS };

static const struct {
    const char *what;
    int most;
    size_t place; /* of an int in struct cr_choice */
} numbers[] = {
    [KEEPERS] = {"threads", 1024, offsetof(struct cr_choice, keepers)},
    [PROCESSES] = {"processes", 256, offsetof(struct cr_choice, processes)},
    [WORKERS] = {"workers", 64, offsetof(struct cr_choice, workers)},
};

enum { EACH_CPU = -1, MOST_NUMBERS = 2 };

static const struct row {
    struct cr_choice choice; /* without numbers */
    enum number numbers[MOST_NUMBERS];
    struct coir_model model;
} rows[] = {
    {{.name = "iterative", .carrier = COIR_ON_THREAD, .one_each = true, .keepers = 1, .workers = 1},
     {NONE},
     {"iterative", "the one thread, in the call that reads", "one thread, one connection after the other",
      "nothing; and whoever comes second waits for the first to end",
      "when every answer is short, and for showing why one is not enough"}},
    {{.name = "fork", .keepers = 1, .workers = 1, .process_each = true},
     {NONE},
     {"fork", "the process, in the call that reads", "a process for each connection",
      "a fork for each connection (some 0.3 ms) and the memory of a process",
      "when handlers must not see or crash each other, and connections are long"}},
    {{.name = "thread", .carrier = COIR_ON_THREAD, .keepers = 1, .workers = 1},
     {NONE},
     {"thread", "the thread, in the call that reads", "a thread for each connection",
      "some ten microseconds to start, a kernel stack and a switch by the kernel for each wait",
      "up to some hundred connections, and handlers that block in foreign calls"}},
    {{.name = "threads", .carrier = COIR_ON_THREAD, .one_each = true, .keepers = 8, .workers = 1},
     {KEEPERS},
     {"threads:K", "the thread, in the call that reads", "K threads, each with one connection at a time",
      "no start for each connection; with K connections open the next one waits",
      "short connections, and work that must not have more than K at once"}},
    {{.name = "processes",
      .carrier = COIR_ON_THREAD,
      .one_each = true,
      .keepers = 1,
      .workers = 1,
      .processes = EACH_CPU},
     {PROCESSES},
     {"processes:P", "the process, in the call that reads", "P processes, each with one connection at a time",
      "memory of P processes, nothing shared; with P connections open the next one waits",
      "short connections of handlers that may crash: one dies, one connection is lost"}},
    {{.name = "spin", .backend = "spin", .carrier = COIR_ON_FIBER, .keepers = 1, .workers = 1},
     {NONE},
     {"spin", "nobody: all descriptors are tried again and again", "one thread, a fiber for each connection",
      "a whole CPU, also when nothing happens", "to see what not waiting costs"}},
    {{.name = "select", .backend = "select", .carrier = COIR_ON_FIBER, .keepers = 1, .workers = 1},
     {NONE},
     {"select", "select(2) on all descriptors", "one thread, a fiber for each connection",
      "a look at every descriptor for each wait; none above number 1,023", "where nothing else is to be had"}},
    {{.name = "poll", .backend = "poll", .carrier = COIR_ON_FIBER, .keepers = 1, .workers = 1},
     {NONE},
     {"poll", "poll(2) on all descriptors", "one thread, a fiber for each connection",
      "a look at every descriptor for each wait", "some dozens of connections, all busy"}},
    {{.name = "epoll", .backend = "epoll", .carrier = COIR_ON_FIBER, .keepers = 1, .workers = 1},
     {NONE},
     {"epoll", "epoll(7), edge-triggered", "one thread, a fiber for each connection",
      "what is idle costs nothing; one CPU", "many connections on one CPU"}},
    {{.name = "sigio", .backend = "sigio", .carrier = COIR_ON_FIBER, .keepers = 1, .workers = 1},
     {NONE},
     {"sigio", "a real-time signal for each change", "one thread, a fiber for each connection",
      "a queued signal for each change; a full queue means a look at everything",
      "to see the model that nobody uses, and why"}},
    {{.name = "uring", .backend = "uring", .carrier = COIR_ON_FIBER, .keepers = 1, .workers = 1},
     {NONE},
     {"uring", "the kernel does the whole operation: io_uring", "one thread, a fiber for each connection",
      "what is idle costs nothing; one CPU; a recent kernel that allows it",
      "many connections, and files, on one CPU"}},
    {{.name = "fiber", .carrier = COIR_ON_FIBER, .keepers = 1},
     {WORKERS},
     {"fiber:W", "the best that the kernel allows, in each worker", "W threads, on them a fiber for each connection",
      "some 5 KiB for a connection; handlers must not block their thread",
      "nearly always: all CPUs, any number of connections, one memory"}},
    {{.name = "hybrid", .carrier = COIR_ON_FIBER, .keepers = 1, .workers = 2, .processes = 2},
     {PROCESSES, WORKERS},
     {"hybrid:PxW", "the best that the kernel allows, in each worker",
      "P processes, in each W threads, on them a fiber for each connection",
      "memory of P processes, nothing shared between them",
      "all CPUs, and a crash that takes only one process's connections along"}},
};

enum { ROWS = sizeof rows / sizeof rows[0], NAMES = 256 };

const struct coir_model *
coir_model_at(size_t index)
{
    return index < ROWS ? &rows[index].model : NULL;
}

static int
refuse(const char *text)
{
    char names[NAMES] = "";
    for (size_t i = 0; i < ROWS; i++) {
        strcat(names, i ? ", " : "");
        strcat(names, rows[i].model.form);
    }
    return cr_fail(-EINVAL, "there is no model '%.40s'; there are %s", text, names);
}

/* "4", and whatever ends it. */
static int
take_number(enum number number, const char **text, struct cr_choice *choice)
{
    char *end;
    long value = **text >= '0' && **text <= '9' ? strtol(*text, &end, 10) : 0;
    if (value < 1 || value > numbers[number].most)
        return cr_fail(-EINVAL, "model %s: '%.40s': the number of %s is from 1 to %d", choice->name, *text,
                       numbers[number].what, numbers[number].most);
    *(int *)((char *)choice + numbers[number].place) = (int)value;
    *text = end;
    return 0;
}

static int
take_numbers(const struct row *row, const char *text, struct cr_choice *choice)
{
    const char *rest = text;
    for (int i = 0; i < MOST_NUMBERS && row->numbers[i] != NONE; i++) {
        int error;
        if (i && *rest++ != 'x')
            return cr_fail(-EINVAL, "model %s: '%.40s': write it as %s", choice->name, text, row->model.form);
        error = take_number(row->numbers[i], &rest, choice);
        if (error)
            return error;
    }
    return *rest || rest == text
               ? cr_fail(-EINVAL, "model %s: '%.40s': write it as %s", choice->name, text, row->model.form)
               : 0;
}

int
cr_model_parse(const char *text, struct cr_choice *choice)
{
    const char *whole = text ? text : "fiber", *colon = strchr(whole, ':');
    size_t length = colon ? (size_t)(colon - whole) : strlen(whole);
    for (size_t i = 0; i < ROWS; i++) {
        if (strlen(rows[i].choice.name) != length || strncmp(whole, rows[i].choice.name, length))
            continue;
        *choice = rows[i].choice;
        if (choice->processes == EACH_CPU)
            choice->processes = cr_world.processors();
        return colon ? take_numbers(&rows[i], colon + 1, choice) : 0;
    }
    return refuse(whole);
}
