/* base/list.h: a doubly linked circular list through a link inside its members. An empty list's head points to itself;
 * a link may be removed without knowing its list. */
#ifndef CR_LIST_H
#define CR_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct cr_list {
    struct cr_list *next, *prev;
};

#define cr_container(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void
cr_list_init(struct cr_list *list)
{
    list->next = list->prev = list;
}

static inline bool
cr_list_is_empty(const struct cr_list *list)
{
    return list->next == list;
}

/* Before list: at the tail, if list is a head. */
static inline void
cr_list_append(struct cr_list *list, struct cr_list *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline void
cr_list_remove(struct cr_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

#endif
