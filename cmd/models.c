/* cmd/models.c: coir models: what there is to choose from with coir serve --model, a few sentences each. */
#include <argp.h>
#include <coir/serve.h>
#include <stdio.h>
#include <string.h>

#include "cmd/verb.h"

enum { WIDTH = 80, INDENT = 10 };

static const char documentation[] = "The server models, with what waits, who runs, what it costs, and when it is right."
                                    "\v"
                                    "Example:\n"
                                    "  coir models | less\n"
                                    "  coir serve echo --model threads:2\n"
                                    "\n"
                                    "A number behind the colon may be left out.";

static error_t
take_option(int key, char *text, struct argp_state *state)
{
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    argp_error(state, "%s is one word too many", text);
    return 0;
}

/* "  label       text, broken between words so that lines end before WIDTH" */
static void
print_wrapped(const char *label, const char *text)
{
    int column = printf("  %-*s", INDENT - 2, label);
    for (const char *word = text; *word;) {
        int size = (int)strcspn(word, " ");
        if (column > INDENT && column + 1 + size > WIDTH)
            column = printf("\n%*s", INDENT, "") - 1;
        column += printf("%s%.*s", column > INDENT ? " " : "", size, word);
        word += size;
        word += *word == ' ';
    }
    putchar('\n');
}

int
cr_verb_models(int argc, char **argv)
{
    static const struct argp argp = {NULL, take_option, NULL, documentation, NULL, NULL, NULL};
    const struct coir_model *model;
    argp_err_exit_status = CR_EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    for (size_t i = 0; (model = coir_model_at(i)); i++) {
        printf("%s\n", model->form);
        print_wrapped("waits:", model->waits);
        print_wrapped("runs:", model->runs);
        print_wrapped("costs:", model->costs);
        print_wrapped("right:", model->right);
        putchar('\n');
    }
    puts("Try one:  coir serve echo --model threads:2   and elsewhere: nc 127.0.0.1 7000");
    return cr_verb_flushed();
}
