/* sim/strategy.c: see strategy.h. */
#include "sim/strategy.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_CHANCE = 8, CHANGES = 8 };

/* A decision on the way that exhaustive search has gone. */
struct node {
    uint64_t left; /* bits: options not yet tried */
    uint32_t step, option;
};

static struct cr_strategy_options options;
static uint64_t chance;

/* pct */
static uint32_t priorities[CR_AGENTS]; /* the higher runs */
static uint32_t changes[CHANGES], change_count;
static uint32_t decisions, longest; /* of threads, in this schedule; in the longest so far */
static uint32_t overlooking;        /* of 16 */

/* exhaustive */
static struct node *way;
static uint32_t way_length, way_room, at;
static uint32_t spent[CR_DECISIONS];
static bool begun, confused;

/* replay */
static uint32_t next_deviation;

static uint32_t
below(uint32_t n)
{
    chance ^= chance >> 12;
    chance ^= chance << 25;
    chance ^= chance >> 27;
    return (uint32_t)((chance * UINT64_C(0x2545f4914f6cdd1d) >> 32) * n >> 32);
}

static uint32_t
nth_bit(uint64_t bits, uint32_t n)
{
    while (n--)
        bits &= bits - 1;
    return (uint32_t)__builtin_ctzll(bits);
}

void
cr_strategy_begin(const struct cr_strategy_options *new_options)
{
    options = *new_options;
    chance = (options.seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    longest = 0;
    cr_strategy_restart();
}

void
cr_strategy_restart(void)
{
    way_length = at = 0;
    begun = confused = false;
}

/* ---- pct ---- */

static void
shuffle_priorities(void)
{
    for (uint32_t i = 0; i < CR_AGENTS; i++) {
        uint32_t other = below(i + 1);
        priorities[i] = priorities[other];
        priorities[other] = CHANGES + i;
    }
    change_count = options.depth - 1 < CHANGES ? options.depth - 1 : CHANGES;
    longest = decisions > longest ? decisions : longest;
    for (uint32_t i = 0; i < change_count; i++)
        changes[i] = 1 + below(longest ? longest : 64);
    overlooking = (uint32_t[]){0, 1, 4, 8}[below(4)];
}

void
cr_strategy_deepen(uint32_t depth)
{
    options.depth = depth;
}

static uint32_t
by_priority(const struct cr_decision *decision)
{
    uint32_t best = CR_OPTIONS;
    decisions++;
    for (uint32_t i = 0; i < change_count; i++)
        if (changes[i] == decisions)
            priorities[decision->agents[0]] = i;
    for (uint32_t i = 0; i < decision->count; i++)
        if (decision->allowed >> i & 1 &&
            (best == CR_OPTIONS || priorities[decision->agents[i]] > priorities[decision->agents[best]]))
            best = i;
    return best;
}

static uint32_t
decide_pct(const struct cr_decision *decision)
{
    if (decision->kind == CR_DECIDE_THREAD)
        return by_priority(decision);
    if (decision->kind == CR_DECIDE_CHANCE)
        return below(decision->count);
    return below(16) < overlooking ? 1 + below(decision->count - 1) : 0;
}

/* ---- exhaustive ---- */

static uint64_t
affordable(const struct cr_decision *decision)
{
    if (decision->kind == CR_DECIDE_CHANCE)
        return decision->count > LONGEST_CHANCE ? 1 : (UINT64_C(1) << decision->count) - 1;
    if (spent[decision->kind] < options.bounds[decision->kind])
        return decision->allowed;
    return decision->allowed & ~decision->dear ? decision->allowed & ~decision->dear : decision->allowed;
}

static void
extend(const struct cr_decision *decision, uint64_t ways)
{
    if (way_length == way_room) {
        way_room = way_room ? 2 * way_room : 1024;
        way = cr_realloc(way, way_room * sizeof *way);
        cr_always(way);
    }
    way[way_length++] = (struct node){ways & (ways - 1), decision->step, nth_bit(ways, 0)};
}

static uint32_t
decide_exhaustively(const struct cr_decision *decision)
{
    uint64_t ways = affordable(decision);
    uint32_t option;
    if (!(ways & (ways - 1))) {
        option = nth_bit(ways, 0);
    } else {
        if (at == way_length)
            extend(decision, ways);
        confused |= way[at].step != decision->step || !(ways >> way[at].option & 1);
        option = confused ? nth_bit(ways, 0) : way[at].option;
        at++;
    }
    if (decision->kind != CR_DECIDE_CHANCE)
        spent[decision->kind] += decision->dear >> option & 1;
    return option;
}

static bool
next_way(void)
{
    if (begun) {
        while (way_length && !way[way_length - 1].left)
            way_length--;
        if (!way_length)
            return false;
        way[way_length - 1].option = nth_bit(way[way_length - 1].left, 0);
        way[way_length - 1].left &= way[way_length - 1].left - 1;
    }
    begun = true;
    at = 0;
    memset(spent, 0, sizeof spent);
    return true;
}

bool
cr_strategy_is_confused(void)
{
    return confused;
}

/* ---- replay ---- */

bool
cr_strategy_wants(uint32_t step)
{
    const struct cr_schedule *replay = options.replay;
    if (options.kind != CR_REPLAY)
        return true;
    while (next_deviation < replay->count && replay->deviations[next_deviation].step < step)
        next_deviation++;
    return next_deviation < replay->count && replay->deviations[next_deviation].step == step;
}

static uint32_t
decide_as_written(const struct cr_decision *decision)
{
    uint32_t option = cr_strategy_wants(decision->step) ? options.replay->deviations[next_deviation].option : 0;
    return option < decision->count ? option : 0;
}

/* ---- All ---- */

bool
cr_strategy_next(void)
{
    next_deviation = 0;
    if (options.kind == CR_PCT)
        shuffle_priorities();
    decisions = 0;
    return options.kind != CR_EXHAUSTIVE || next_way();
}

uint32_t
cr_strategy_decide(const struct cr_decision *decision)
{
    switch (options.kind) {
    case CR_PCT:
        return decide_pct(decision);
    case CR_EXHAUSTIVE:
        return decide_exhaustively(decision);
    case CR_REPLAY:
        return decide_as_written(decision);
    default:
        return decision->kind == CR_DECIDE_CHANCE
                   ? below(decision->count)
                   : nth_bit(decision->allowed, below((uint32_t)__builtin_popcountll(decision->allowed)));
    }
}

/* ---- Schedules as text ---- */

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static size_t
write_number(char *text, uint32_t number)
{
    char reversed[8];
    size_t count = 0, length = 0;
    do
        reversed[count++] = digits[number % 36];
    while (number /= 36);
    while (count)
        text[length++] = reversed[--count];
    text[length] = '\0';
    return length;
}

void
cr_schedule_write(const struct cr_schedule *schedule, char *text, size_t size)
{
    uint32_t step = 0;
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < schedule->count && length + 24 < size; i++) {
        const struct cr_deviation *deviation = &schedule->deviations[i];
        length += write_number(text + length, deviation->step - step);
        step = deviation->step;
        if (deviation->option <= 26) {
            text[length++] = (char)('A' + deviation->option - 1);
        } else {
            text[length++] = '(';
            length += write_number(text + length, deviation->option);
            text[length++] = ')';
        }
        text[length] = '\0';
    }
}

static uint32_t
read_number(const char **text)
{
    uint32_t number = 0;
    for (const char *digit; **text && (digit = strchr(digits, **text)); ++*text)
        number = number * 36 + (uint32_t)(digit - digits);
    return number;
}

bool
cr_schedule_read(struct cr_schedule *schedule, const char *text)
{
    uint32_t step = 0;
    schedule->count = 0;
    while (*text) {
        uint32_t option;
        step += read_number(&text);
        if (*text >= 'A' && *text <= 'Z') {
            option = (uint32_t)(*text++ - 'A' + 1);
        } else if (*text == '(') {
            text++;
            option = read_number(&text);
            if (*text++ != ')')
                return false;
        } else {
            return false;
        }
        if (schedule->count == CR_DEVIATIONS)
            return false;
        schedule->deviations[schedule->count++] = (struct cr_deviation){step, option};
    }
    return true;
}
