/* base/mutant.h: faults that a checker must find.
 *
 * CR_MUTANT(NAME) stands in the code where one is planted: false in a normal build, where it leaves no trace; in a
 * checked one (CR_CHECKED) true while a test has that mutant on (cr_mutant). tests/checker/mutant_test.c has each of
 * them found. */
#ifndef CR_MUTANT_H
#define CR_MUTANT_H

#include <stdbool.h>

/* The table: what is wrong then. */
#define CR_MUTANTS(MUTANT)                                                                                \
    MUTANT(NO_SPAWN_FENCE, "a spawner reads the idle bits without a fence behind its newborn")            \
    MUTANT(NO_THREAD_FENCE, "a plain thread looks whether it is canceled without a fence behind WAITING") \
    MUTANT(CLAIM_OUTSIDE_GUARD, "waits are claimed after the guard was given back")                       \
    MUTANT(WAKE_BEFORE_RELEASE, "the woken is made ready while the guard is held")                        \
    MUTANT(BARE_NUDGE, "a nudge is only a bell, not a note")                                              \
    MUTANT(EARLY_RETURN, "a thread whose claim is taken by another returns without awaiting the notice")  \
    MUTANT(NO_EPOCH, "a wait has the epoch of the one before")                                            \
    MUTANT(RINGS_NOT_READ_AGAIN, "a worker that has set its idle bit does not look into the rings again") \
    MUTANT(DRAIN_UNREVERSED, "an inbox hands its notes over newest first")                                \
    MUTANT(TIMER_NOT_REKEYED, "a timer whose deadline moved forward is dropped")                          \
    MUTANT(UNLINK_SKIPPED, "a wait that timed out stays on its list")                                     \
    MUTANT(CLAIM_BY_STORE, "a claim is a load and a store")                                               \
    MUTANT(DOZE_BY_STORE, "an owner says ASLEEP by a store")                                              \
    MUTANT(RING_TAIL_FIRST, "a ring's tail is published before its slot is filled")                       \
    MUTANT(RING_NO_LIMIT, "a full ring takes one more")                                                   \
    MUTANT(PIPE_PUT_FIRST, "a pipe's place is told before its bytes are there")                           \
    MUTANT(PIPE_DOZE_UNFENCED, "who is about to sleep at a pipe looks without a fence behind saying so")  \
    MUTANT(STEAL_BEFORE_READ, "a thief claims first and reads the slots afterwards")                      \
    MUTANT(LOSER_TAKES_ALL, "a waker that loses a claim believes to have won it")                         \
    MUTANT(CANCEL_BEFORE_FLAG, "a canceler pokes first and sets the flag afterwards")                     \
    MUTANT(JOINER_NOT_AWAITED, "a joiner that gave up does not wait for the end that looks at its wait")  \
    MUTANT(SEARCHING_KEPT, "a searcher that sleeps stays the searcher")                                   \
    MUTANT(ITEM_BEFORE_CLAIM, "a put copies its item before it has claimed the getter")                   \
    MUTANT(GIVE_BY_STORE, "a lock that nobody seems to wait for is given back by a store")                \
    MUTANT(NO_LOOK_BEFORE_SLEEP, "a fiber parks without looking whether it is canceled already")          \
    MUTANT(LOSERS_HANG, "of a wait in several places those that did not win stay on their lists")         \
    MUTANT(WON_BUT_READY, "a wait in several places overlooks that it was ended while it was hung up")    \
    MUTANT(DONE_BEFORE_VALUE, "a future is done before its value is there")                               \
    MUTANT(CANCEL_WHAT_RUNS, "a future is canceled though its job has begun")                             \
    MUTANT(CALLBACK_FORGOTTEN, "who adds a callback does not look again whether the future is done")      \
    MUTANT(FOUND_BY_STORE, "a searcher that has found something says so by a store")                      \
    MUTANT(MUTEX_BEFORE_LIST, "who waits for a condition gives the mutex up before it is on the list")    \
    MUTANT(HALF_A_ROUND, "a barrier lets others through though one has given up")                         \
    MUTANT(WRITER_LEAVES_QUIETLY, "a writer that gives up lets nobody in who waited behind it")           \
    MUTANT(DONE_BEFORE_RESULT, "once publishes that it is done before its result")                        \
    MUTANT(NO_WALK_FENCE, "who looks for a circle does so without a fence behind its own edge")           \
    MUTANT(CIRCLE_BELIEVED, "a circle is believed at first sight")                                        \
    MUTANT(OWNER_HAD_ENDED, "who makes a task the owner of a future does not look whether it has ended")  \
    MUTANT(OWNER_ENDS_BLINDLY, "a task that has published its end does not look again what it owes")      \
    MUTANT(DEAD_KEPT, "an owner's end takes a share of a future that has no holder any more")             \
    MUTANT(DONE_NOT_SEEN, "who waits for a future does not look again under its guard")                   \
    MUTANT(HUNG_ON_DONE, "one of several waits is hung on a future that is done")                         \
    MUTANT(CALLBACKS_UNSHARED, "who sets a future has no share of it while it calls back")                \
    MUTANT(PINS_OVERLOOKED, "a task leaves its wait though somebody reads that")                          \
    MUTANT(ROOM_FORGOTTEN, "a pool's worker takes a job and lets nobody in who waits for room")           \
    MUTANT(LATE_JOB_LET_IN, "a job whose submitter has given up is let in all the same")                  \
    MUTANT(REST_UNGUARDED, "a pool's worker lies down after it has given the guard back")                 \
    MUTANT(CANCELED_IS_RUN, "a pool's worker runs a job that has been canceled")                          \
    MUTANT(NEXT_NOT_CALLED, "a pool's worker that was woken wakes no other though more jobs are there")

#ifdef CR_CHECKED

#define CR_MUTANT_ENUM(name, text) CR_MUTANT_##name,
enum cr_mutant { CR_MUTANTS(CR_MUTANT_ENUM) CR_MUTANT_COUNT };

extern int cr_mutant; /* the one that is on; CR_MUTANT_COUNT: none */

#define CR_MUTANT(name) (__builtin_expect(cr_mutant == CR_MUTANT_##name, 0))

#else

#define CR_MUTANT(name) false

#endif

#endif
