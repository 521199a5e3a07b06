/* models_test.c: conversations with one handler, the same under every model. Where models differ the difference is a column of
 * house_models, and docs/models.md gives its reason. */
#include "house.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct house house;

static const struct house_model *
model_of(int number)
{
    return &house_models[number % house_model_count];
}

START_TEST(what_comes_goes_back)
{
    enum { SIZE = 100 * 1024 };
    char *sent, *heard;
    int fd;
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){0}))
        return;
    sent = malloc(SIZE);
    heard = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        sent[i] = (char)('a' + i * 7 % 26);
    fd = house_dial(&house);
    for (int at = 0; at < SIZE; at += 10 * 1024) {
        MUST_BE(send(fd, sent + at, 10 * 1024, MSG_NOSIGNAL), 10 * 1024);
        MUST_BE(recv(fd, heard + at, 10 * 1024, MSG_WAITALL), 10 * 1024);
    }
    MUST(!memcmp(sent, heard, SIZE));
    house_say(fd, "the rest");
    MUST_BE(shutdown(fd, SHUT_WR), 0);
    house_must_hear(fd, "the rest");
    house_must_end(fd);
    close(fd);
    free(sent);
    free(heard);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(one_after_the_other)
{
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){0}))
        return;
    for (int i = 0; i < 20; i++) {
        int fd = house_dial(&house);
        house_say(fd, "hello");
        house_must_hear(fd, "hello");
        close(fd);
    }
    MUST_BE(house_end(&house, SIGINT), 0);
}
END_TEST

/* The second, who has said "two", is served only when the first has gone. */
static void
must_wait(int first, int second)
{
    char byte;
    for (int i = 0; i < 20; i++) {
        house_say(first, "still here");
        house_must_hear(first, "still here");
        MUST(recv(second, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    }
    close(first);
    house_must_hear(second, "two");
}

START_TEST(two_at_once)
{
    int first, second;
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){0}))
        return;
    first = house_dial(&house);
    house_say(first, "one");
    house_must_hear(first, "one");
    second = house_dial(&house); /* in the backlog at least */
    house_say(second, "two");
    if (model_of(_i)->one_at_a_time) {
        must_wait(first, second);
    } else {
        house_must_hear(second, "two");
        house_say(first, "still here");
        house_must_hear(first, "still here");
        close(first);
    }
    close(second);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(whoever_is_in_the_middle_gets_his_answer)
{
    int fd;
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){0}))
        return;
    fd = house_dial(&house);
    house_say(fd, "hello");
    house_must_hear(fd, "hello");
    MUST_BE(kill(house.pid, SIGTERM), 0);
    house_await(&house, "told to end");
    house_say(fd, "last");
    house_must_hear(fd, "last");
    house_must_end(fd);
    MUST_BE(house_end(&house, 0), 0);
    close(fd);
}
END_TEST

START_TEST(who_does_not_end_is_canceled)
{
    int fd;
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){.grace = 50 * COIR_MS}))
        return;
    fd = house_dial(&house);
    house_say(fd, "hello");
    house_must_hear(fd, "hello");
    house_say(fd, "sleep");
    MUST_BE(house_end(&house, SIGTERM), -ETIMEDOUT);
    house_must_end(fd);
    close(fd);
}
END_TEST

START_TEST(the_silent_are_left)
{
    int fd;
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){.idle = 50 * COIR_MS}))
        return;
    fd = house_dial(&house);
    house_say(fd, "hello");
    house_must_hear(fd, "hello");
    house_must_end(fd);
    close(fd);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(handlers_have_their_time)
{
    int fd;
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){.whole = 50 * COIR_MS}))
        return;
    fd = house_dial(&house);
    house_say(fd, "sleep");
    house_must_end(fd);
    close(fd);
    fd = house_dial(&house); /* the next one is served */
    house_say(fd, "last");
    house_must_hear(fd, "last");
    close(fd);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(beyond_the_limit_they_wait)
{
    int first, second;
    if (!strncmp(model_of(_i)->name, "processes:4", 11) || !strncmp(model_of(_i)->name, "hybrid", 6))
        return; /* the limit is of each process */
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){.connections = 1}))
        return;
    first = house_dial(&house);
    house_say(first, "one");
    house_must_hear(first, "one");
    second = house_dial(&house);
    house_say(second, "two");
    must_wait(first, second);
    close(second);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(so_many_from_one_host)
{
    int kept[2], fd;
    const struct house_model *model = model_of(_i);
    if (model->one_at_a_time || (model->has_processes && strcmp(model->name, "fork") != 0))
        return; /* there are never two; each process counts for itself */
    if (!house_open(&house, model->name, house_echo, (struct coir_serve_options){.connections_per_address = 2}))
        return;
    for (int i = 0; i < 2; i++) {
        kept[i] = house_dial(&house);
        house_say(kept[i], "hello");
        house_must_hear(kept[i], "hello");
    }
    fd = house_dial(&house);
    house_must_end(fd);
    close(fd);
    close(kept[0]);
    for (bool served = false; !served;) { /* once the end of the first is known */
        char byte;
        fd = house_dial(&house);
        served = send(fd, "x", 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
        close(fd);
    }
    close(kept[1]);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(many_come_and_go)
{
    enum { MANY = 40 };
    int fds[MANY];
    if (!house_open(&house, model_of(_i)->name, house_echo, (struct coir_serve_options){0}))
        return;
    for (int i = 0; i < MANY; i++) {
        fds[i] = house_dial(&house);
        house_say(fds[i], "last");
    }
    for (int i = 0; i < MANY; i++) {
        house_must_hear(fds[i], "last");
        house_must_end(fds[i]);
        close(fds[i]);
    }
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

/* How far a crash reaches. */
START_TEST(a_crash)
{
    const struct house_model *model = model_of(_i);
    int other = -1, fd, end;
    if (!house_open(&house, model->name, house_echo, (struct coir_serve_options){0}))
        return;
    if (!strcmp(model->name, "fork")) {
        other = house_dial(&house);
        house_say(other, "one");
        house_must_hear(other, "one");
    }
    fd = house_dial(&house);
    house_say(fd, "crash");
    house_must_end(fd);
    close(fd);
    if (!model->has_processes) {
        end = house_end(&house, 0);
        MUST(end == -(COIR_KILLED + SIGSEGV) || CORE_ASAN || CORE_TSAN); /* their reports end in their own way */
        return;
    }
    if (other >= 0) {
        house_say(other, "not lost");
        house_must_hear(other, "not lost");
        close(other);
    }
    if (!CORE_ASAN && !CORE_TSAN)
        house_await(&house, "was ended by signal 11");
    fd = house_dial(&house);
    house_say(fd, "last");
    house_must_hear(fd, "last");
    close(fd);
    end = house_end(&house, SIGTERM);
    if (end && !CORE_ASAN && !CORE_TSAN) /* it may be at its report still */
        ck_abort_msg("%d; it said: %s", end, house.said);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, what_comes_goes_back, 0, house_model_count);
    tcase_add_loop_test(cases, one_after_the_other, 0, house_model_count);
    tcase_add_loop_test(cases, two_at_once, 0, house_model_count);
    tcase_add_loop_test(cases, whoever_is_in_the_middle_gets_his_answer, 0, house_model_count);
    tcase_add_loop_test(cases, who_does_not_end_is_canceled, 0, house_model_count);
    tcase_add_loop_test(cases, the_silent_are_left, 0, house_model_count);
    tcase_add_loop_test(cases, handlers_have_their_time, 0, house_model_count);
    tcase_add_loop_test(cases, beyond_the_limit_they_wait, 0, house_model_count);
    tcase_add_loop_test(cases, so_many_from_one_host, 0, house_model_count);
    tcase_add_loop_test(cases, many_come_and_go, 0, house_model_count);
    tcase_add_loop_test(cases, a_crash, 0, house_model_count);
}

int
main(void)
{
    return core_main("models", add);
}
