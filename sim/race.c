/* sim/race.c: see race.h. */
#include "sim/race.h"

#include "base/check.h"
#include "sim/memory_model.h"
#include "sim/thread.h"

#include <string.h>

enum { FIELDS = 2048, GRAVES = 16 };

struct field {
    const char *address;
    uint64_t run;
    size_t size;
    uint32_t writer;
    struct cr_place_use write, reads[CR_CHECK_THREADS];
};

/* Memory that was freed. */
struct grave {
    const char *start, *end;
    uint32_t thread;
    const struct cr_site *site;
};

static struct field fields[FIELDS];
static uint32_t used[FIELDS], used_count;
static struct grave graves[GRAVES];
static uint32_t grave_count;
static uint64_t run;

void
cr_race_begin(void)
{
    run++;
    used_count = grave_count = 0;
}

static bool
is_before(uint32_t thread, uint32_t other, const struct cr_place_use *use)
{
    return use->clock <= cr_memory_stamp(thread)->before[other];
}

static __attribute__((noreturn)) void
tell_race(const struct cr_access_record *record, const char *doing, uint32_t other, const struct cr_site *before,
          const char *did)
{
    cr_sim_fail("race: this thread %s %s (%s, %s:%d), thread %u %s %s (%s, %s:%d), and nothing orders the two", doing,
                record->site->place, record->site->function, record->site->file, record->site->line, other, did,
                before->place, before->function, before->file, before->line);
}

static struct field *
field_of(const struct cr_access_record *record)
{
    uint64_t at = (uint64_t)(uintptr_t)record->place * UINT64_C(0x9e3779b97f4a7c15) >> 53;
    while (fields[at].run == run && fields[at].address != record->place)
        at = (at + 1) % FIELDS;
    if (fields[at].run != run) {
        cr_always(used_count < FIELDS * 3 / 4);
        used[used_count++] = (uint32_t)at;
        fields[at] = (struct field){.address = record->place, .run = run, .size = record->size};
    }
    return &fields[at];
}

static void
check_reads(uint32_t thread, const struct field *field, const struct cr_access_record *record, const char *doing)
{
    for (uint32_t t = 0; t < CR_CHECK_THREADS; t++)
        if (t != thread && !is_before(thread, t, &field->reads[t]))
            tell_race(record, doing, t, field->reads[t].site, "read");
}

static void
check_write(uint32_t thread, const struct field *field, const struct cr_access_record *record, const char *doing)
{
    if (field->writer != thread && !is_before(thread, field->writer, &field->write))
        tell_race(record, doing, field->writer, field->write.site, "wrote");
}

static void
touch(uint32_t thread, const struct cr_access_record *record)
{
    struct field *field = field_of(record);
    struct cr_stamp *stamp = cr_memory_stamp(thread);
    bool is_write = record->access == CR_WRITE;
    struct cr_place_use use = {++stamp->before[thread], record->site};
    stamp->seen[thread] = use.clock;
    check_write(thread, field, record, is_write ? "writes" : "reads");
    if (!is_write) {
        field->reads[thread] = use;
        return;
    }
    check_reads(thread, field, record, "writes");
    field->write = use;
    field->writer = thread;
}

/* ---- Memory that goes ---- */

struct burial {
    const struct cr_access_record *record;
    uint32_t thread;
};

static void
check_place(const void *place, const struct cr_place_use uses[CR_CHECK_THREADS], void *arg)
{
    const struct burial *burial = arg;
    (void)place;
    for (uint32_t t = 0; t < CR_CHECK_THREADS; t++)
        if (t != burial->thread && !is_before(burial->thread, t, &uses[t]))
            tell_race(burial->record, "frees", t, uses[t].site, "touched");
}

static void
ignore_place(const void *place, const struct cr_place_use uses[CR_CHECK_THREADS], void *arg)
{
    (void)place, (void)uses, (void)arg;
}

static bool
lies_in(const char *address, const struct cr_access_record *record)
{
    return address >= (char *)record->place && address < (char *)record->place + record->size;
}

static void
bury(uint32_t thread, const struct cr_access_record *record)
{
    struct burial burial = {record, thread};
    cr_race_alive(thread, record);
    cr_memory_forget(record->place, record->size, check_place, &burial);
    for (uint32_t i = 0; i < used_count; i++) {
        struct field *field = &fields[used[i]];
        if (!lies_in(field->address, record))
            continue;
        check_write(thread, field, record, "frees");
        check_reads(thread, field, record, "frees");
        *field = (struct field){.address = field->address, .run = run};
    }
    graves[grave_count++ % GRAVES] =
        (struct grave){record->place, (char *)record->place + record->size, thread, record->site};
}

static void
give_birth(const struct cr_access_record *record)
{
    for (uint32_t i = 0; i < GRAVES && i < grave_count; i++)
        if (graves[i].start < (char *)record->place + record->size && (char *)record->place < graves[i].end)
            graves[i].end = graves[i].start;
    cr_memory_forget(record->place, record->size, ignore_place, NULL);
    for (uint32_t i = 0; i < used_count; i++)
        if (lies_in(fields[used[i]].address, record))
            fields[used[i]] = (struct field){.address = fields[used[i]].address, .run = run};
}

void
cr_race_alive(uint32_t thread, const struct cr_access_record *record)
{
    (void)thread;
    for (uint32_t i = 0; i < GRAVES && i < grave_count; i++)
        if (cr_unlikely((char *)record->place >= graves[i].start && (char *)record->place < graves[i].end))
            cr_sim_fail("%s:%d (%s) touches memory that thread %u freed at %s:%d (%s)", record->site->file,
                        record->site->line, record->site->place, graves[i].thread, graves[i].site->file,
                        graves[i].site->line, graves[i].site->function);
}

void
cr_race_access(uint32_t thread, const struct cr_access_record *record)
{
    if (record->access == CR_BORN) {
        give_birth(record);
    } else if (record->access == CR_FREED) {
        bury(thread, record);
    } else {
        cr_race_alive(thread, record);
        touch(thread, record);
    }
}
