/* sched/debt.c: see debt.h. */
#include "sched/debt.h"

#include "sched/park.h"

enum { ROWS = 256 };

struct row {
    CR_ATOMIC(uintptr_t) guard;
    struct cr_list debts; /* under guard, as all of a debt's but owner and is_hung; zero: none yet */
};
static struct row rows[ROWS];

CR_ATOMIC(uint32_t) cr_debt_count;

static struct row *
hold(uint64_t id)
{
    struct row *row = &rows[id % ROWS];
    (void)cr_guard_take(&row->guard);
    if (!CR_SHARED_WRITE(row->debts).next)
        cr_list_init(&row->debts);
    return row;
}

static void
let(struct row *row)
{
    cr_guard_release(&row->guard, 0);
}

static void
unhang(struct cr_debt *debt)
{
    cr_list_remove(&debt->link);
    cr_store_rel(&debt->is_hung, 0); /* pairs with cr_debt_end */
    (void)cr_add_rlx(&cr_debt_count, UINT32_MAX);
}

void
cr_debt_begin(struct cr_debt *debt, struct coir_task *task)
{
    uint64_t id = cr_load_rlx(&task->id);
    char name[CR_NAME];
    struct row *row;
    cr_debt_end(debt);
    cr_task_name_get(task, name);
    cr_store_rlx(&debt->owner, id);
    (void)cr_add_rlx(&cr_debt_count, 1); /* seen by the owner's end because of what follows last */
    row = hold(id);
    cr_list_append(&row->debts, &debt->link);
    cr_store_rel(&debt->is_hung, 1); /* pairs with cr_debt_drop */
    let(row);
    if (cr_or_ar(&task->life, 0) & CR_ENDED && !CR_MUTANT(OWNER_HAD_ENDED)) /* pairs with cr_task_tell_end */
        cr_debts_tell(id, name);
}

void
cr_debt_drop(struct cr_debt *debt)
{
    while (cr_load_acq(&debt->is_hung)) { /* pairs with cr_debt_begin: the owner is that whose row it hangs in */
        uint64_t id = cr_load_rlx(&debt->owner);
        struct row *row = hold(id);
        if (cr_load_acq(&debt->is_hung) && cr_load_rlx(&debt->owner) == id) /* not another's meanwhile */
            unhang(debt);
        let(row);
    }
}

void
cr_debts_tell(uint64_t id, const char *name)
{
    struct row *row = hold(id);
    struct cr_debt *unpaid = NULL, **end = &unpaid;
    struct cr_list *next;
    for (struct cr_list *link = row->debts.next; link != &row->debts; link = next) {
        struct cr_debt *debt = cr_container(link, struct cr_debt, link);
        next = link->next;
        if (cr_load_rlx(&debt->owner) != id || !debt->kind->keep(debt))
            continue;
        unhang(debt);
        debt->next = NULL;
        *end = debt;
        end = &debt->next;
    }
    let(row);
    while (unpaid) {
        struct cr_debt *debt = unpaid;
        unpaid = debt->next;
        debt->kind->unpaid(debt, name);
    }
}
