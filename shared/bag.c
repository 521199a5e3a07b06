/* shared/bag.c: see bag.h. */
#include "shared/bag.h"
#include "backend/descriptor.h"
#include "sched/operate.h"

int
cr_bag_new(struct cr_bag *bag, enum cr_bag_kind kind, uint64_t space, uint64_t detail, const int *things, size_t count)
{
    *bag = (struct cr_bag){
        .label = {CR_LABEL_MAGIC, CR_LABEL_VERSION, kind, space, detail},
        .count = count,
    };
    bag->fd = cr_bag_pack(&bag->label, sizeof bag->label, things, count);
    if (bag->fd < 0)
        return bag->fd;
    for (size_t i = 0; i < count; i++)
        bag->things[i] = things[i];
    return 0;
}

/* What the label says against it, as a failure with its sentence; 0. */
static int
judge(const struct cr_label *label, enum cr_bag_kind kind, int fd, const char *call)
{
    static const char *const names[] = {"?", "mutex", "semaphore", "event", "queue"};
    uint64_t space = label->space ? cr_life_space() : 0;
    if (label->magic != CR_LABEL_MAGIC)
        return cr_fail(-EINVAL, "%s: what came with descriptor %d was not made by coir", call, fd);
    if (label->version != CR_LABEL_VERSION)
        return cr_fail(-EINVAL, "%s: descriptor %d is of version %u, and this library knows %d only", call, fd,
                       label->version, CR_LABEL_VERSION);
    if (label->kind != kind)
        return cr_fail(-EINVAL, "%s: descriptor %d is a shared %s", call, fd,
                       names[label->kind < sizeof names / sizeof *names ? label->kind : 0]);
    if (space && label->space != space)
        return cr_fail(-EXDEV, "%s: descriptor %d is from another pid namespace", call, fd);
    return 0;
}

int
cr_bag_from(struct cr_bag *bag, enum cr_bag_kind kind, int fd, const char *call)
{
    int error;
    *bag = (struct cr_bag){.fd = fd};
    error = cr_bag_look(fd, &bag->label, sizeof bag->label, bag->things, &bag->count);
    if (error)
        return cr_fail(error, "%s: descriptor %d: %s", call, fd,
                       error == -EINVAL ? "no shared object of coir's, or of another version" : coir_error_text(error));
    error = judge(&bag->label, kind, fd, call);
    if (error)
        cr_things_close(bag->things, bag->count);
    return error;
}

int
cr_bag_refuse(struct cr_bag *bag, int fd, const char *call)
{
    cr_things_close(bag->things, bag->count);
    return cr_fail(-EINVAL, "%s: what came with descriptor %d is damaged", call, fd);
}

void
cr_things_close(const int *things, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (things[i] >= 0)
            (void)cr_descriptor_close(things[i]);
}

void
cr_bag_drop(struct cr_bag *bag)
{
    cr_things_close(bag->things, bag->count);
    (void)cr_descriptor_close(bag->fd);
}

int
cr_await_readable(int fd, coir_time deadline)
{
    struct cr_pending pending;
    int error = deadline == COIR_NOW ? -EAGAIN : cr_descriptor_check(fd);
    if (error)
        return error;
    pending.op = (struct cr_op){.kind = CR_OP_READABLE, .fd = fd};
    return cr_operate(&pending, NULL, deadline);
}
