/* ping_pong.c: a ball goes between two tasks by two queues of one place each; each waits while the other has it. */
#include <coir/queue.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <stdio.h>

struct table {
    struct coir_queue *left, *right;
};

/* Gives the ball back until the table is closed. */
static int
right_player(void *arg)
{
    struct table *table = arg;
    int ball;
    while (coir_queue_get(table->right, &ball, COIR_NEVER) == 0) {
        printf("  pong %d\n", ball);
        if (coir_queue_put(table->left, &ball, COIR_NEVER))
            break;
    }
    return 0;
}

static int
play(void *arg)
{
    struct table table = {coir_queue_new(sizeof(int), 1, NULL), coir_queue_new(sizeof(int), 1, NULL)};
    int error = -1;
    (void)arg;
    if (table.left && table.right) {
        COIR_SCOPE(scope);
        error = coir_scope_go(&scope, right_player, &table, NULL);
        for (int ball = 1; !error && ball <= 3; ball++) {
            printf("ping %d\n", ball);
            error = coir_queue_put(table.right, &ball, coir_after(1 * COIR_SECOND));
            if (!error)
                error = coir_queue_get(table.left, &ball, coir_after(1 * COIR_SECOND));
        }
        coir_queue_shutdown(table.right); /* right_player gets -EPIPE and ends */
        if (!error)
            error = coir_scope_wait(&scope, coir_after(1 * COIR_SECOND));
    } /* here nobody uses the queues any more */
    coir_queue_free(table.left);
    coir_queue_free(table.right);
    return error;
}

int
main(void)
{
    return coir_run(play, NULL, NULL) != 0;
}
