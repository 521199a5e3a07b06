/* base/atomic.c: what base/atomic.h needs besides macros: the word that stands for a fence under ThreadSanitizer, and
 * the plain carrying out of checked accesses. */
#include "base/atomic.h"
#include "base/mutant.h"

#include <string.h>

uint32_t cr_fence_word;

#ifdef CR_CHECKED

int cr_mutant = CR_MUTANT_COUNT;
static cr_checker *installed;

void
cr_checker_install(cr_checker *checker)
{
    installed = checker;
}

/* Each row of the width table: the same access on 8, 32 and 64 bits. The strongest order is used: a checker weakens. */
#define CARRY_OUT(type)                                                                                      \
    static uint64_t carry_out_##type(const struct cr_access_record *r)                                       \
    {                                                                                                        \
        type *place = r->place, value = (type)r->value, expected = (type)r->expected;                        \
        switch (r->access) {                                                                                 \
        case CR_LOAD:                                                                                        \
            return __atomic_load_n(place, __ATOMIC_SEQ_CST);                                                 \
        case CR_STORE:                                                                                       \
        case CR_SWAP:                                                                                        \
            return __atomic_exchange_n(place, value, __ATOMIC_SEQ_CST);                                      \
        case CR_CAS:                                                                                         \
            __atomic_compare_exchange_n(place, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
            return expected;                                                                                 \
        case CR_ADD:                                                                                         \
            return __atomic_fetch_add(place, value, __ATOMIC_SEQ_CST);                                       \
        case CR_OR:                                                                                          \
            return __atomic_fetch_or(place, value, __ATOMIC_SEQ_CST);                                        \
        case CR_AND:                                                                                         \
            return __atomic_fetch_and(place, value, __ATOMIC_SEQ_CST);                                       \
        default:                                                                                             \
            return 0;                                                                                        \
        }                                                                                                    \
    }

CARRY_OUT(uint8_t)
CARRY_OUT(uint32_t)
CARRY_OUT(uint64_t)

uint64_t
cr_access_carry_out(const struct cr_access_record *record)
{
    if (record->access == CR_FENCE)
        (void)__atomic_exchange_n(&cr_fence_word, 1, __ATOMIC_SEQ_CST);
    if (record->access >= CR_FENCE)
        return 0;
    return record->size == 1   ? carry_out_uint8_t(record)
           : record->size == 4 ? carry_out_uint32_t(record)
                               : carry_out_uint64_t(record);
}

static uint64_t
pass(const struct cr_access_record *record)
{
    return installed ? installed(record) : cr_access_carry_out(record);
}

uint64_t
cr_checked(struct cr_site *site, void *place, size_t size, uint64_t value)
{
    return pass(&(struct cr_access_record){site, site->access, place, size, value, 0});
}

bool
cr_checked_cas(struct cr_site *site, void *place, void *expected, size_t size, uint64_t value)
{
    uint64_t wanted = 0, found;
    memcpy(&wanted, expected, size); /* little-endian: both architectures are */
    found = pass(&(struct cr_access_record){site, CR_CAS, place, size, value, wanted});
    if (found == wanted)
        return true;
    memcpy(expected, &found, size);
    return false;
}

#endif
