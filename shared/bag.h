/* shared/bag.h: a shared object as one descriptor: a bag (base/world_shared.h) with the kernel's things that it is made of, and
 * a label that says what it is. Who opens it gets descriptors of its own for the same things. */
#ifndef CR_BAG_H
#define CR_BAG_H

#include "base/world_shared.h"
#include <coir/base.h>

enum cr_bag_kind { CR_BAG_MUTEX = 1, CR_BAG_SEMAPHORE, CR_BAG_EVENT, CR_BAG_QUEUE };

enum { CR_LABEL_VERSION = 2 };
#define CR_LABEL_MAGIC UINT64_C(0x646572616873666f) /* "ofshared" */

struct cr_label {
    uint64_t magic;
    uint32_t version, kind;
    uint64_t space;  /* of process ids, where the object names processes; else 0 */
    uint64_t detail; /* the object's own */
};

struct cr_bag {
    struct cr_label label;
    int fd, things[CR_BAG_MOST];
    size_t count;
};

/* Packs things, which are the bag's then. On failure they are the caller's as before. */
int cr_bag_new(struct cr_bag *bag, enum cr_bag_kind kind, uint64_t space, uint64_t detail, const int *things,
               size_t count);
/* Opens a bag of this kind; fd is its own then. call: for the sentence. */
int cr_bag_from(struct cr_bag *bag, enum cr_bag_kind kind, int fd, const char *call);
/* What is inside does not fit the label: closes it and answers -EINVAL; fd is the caller's as before. */
int cr_bag_refuse(struct cr_bag *bag, int fd, const char *call);
/* The bag and all that was in it. */
void cr_bag_drop(struct cr_bag *bag);

/* Closes what has been made of an object that could not be made; < 0: was not. */
void cr_things_close(const int *things, size_t count);

/* Until fd can be read from, or written to: 0, -EAGAIN, -ETIMEDOUT, -ECANCELED. The caller has done cr_enter. */
int cr_await_readable(int fd, coir_time deadline);

#endif
