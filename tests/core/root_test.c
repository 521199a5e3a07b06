/* root_test.c: names: what stands in directories, and roots that no path leaves, whatever ".." and links say; by the kernel's
 * own fence, and on a kernel that has none. */
#include "core.h"

#include <coir/file.h>
#include <coir/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/file_call.h"

static char folder[64];

static char *
below(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void
make_file(const char *name, const char *text)
{
    int fd = open(below(name), O_WRONLY | O_CREAT | O_EXCL, 0644);
    MUST(fd >= 0);
    MUST_BE(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* root/a/file, root/dir, secret beside root, and links. */
static void
set_up(void)
{
    static const char *const links[][2] = {
        {"root/good", "a/file"},       {"root/a/up", "../top"}, {"root/out", "../secret"}, {"root/abs", "/etc/passwd"},
        {"root/outdir", ".."},         {"root/absdir", "/etc"}, {"root/loop", "loop"},     {"root/nowhere", "missing"},
        {"root/deep", "a/../../root"}, {"root/dirlink", "a"}};
    strcpy(folder, "/tmp/coir-root-XXXXXX");
    MUST(mkdtemp(folder));
    MUST_BE(mkdir(below("root"), 0755), 0);
    MUST_BE(mkdir(below("root/a"), 0755), 0);
    MUST_BE(mkdir(below("root/dir"), 0755), 0);
    make_file("root/a/file", "inside");
    make_file("root/top", "top");
    make_file("secret", "secret");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        MUST_BE(symlink(links[i][1], below(links[i][0])), 0);
}

static void
tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    MUST_BE(system(command), 0);
}

static bool
has_openat2(void)
{
    struct open_how how = {.flags = O_PATH};
    long fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
    if (fd >= 0)
        close((int)fd);
    else
        printf("SKIP: openat2 is not to be had here\n");
    return fd >= 0;
}

static struct coir_root *
open_root(void)
{
    struct coir_root *root;
    MUST_BE(coir_root_open(below("root"), &root, core_soon()), 0);
    return root;
}

/* What a look says: the size, or a failure. */
static int
look(struct coir_root *root, const char *path)
{
    struct coir_entry entry;
    int error = coir_file_look(root, path, &entry, core_soon());
    return error ? error : (int)entry.size;
}

/* What an open of it says, by what is in it. */
static int
read_all(struct coir_root *root, const char *path)
{
    struct coir_stream *stream;
    char bytes[64];
    int result = coir_file_open(root, path, "r", &stream, core_soon());
    MUST(result == 0 || !stream);
    if (result)
        return result;
    result = (int)coir_stream_read(stream, bytes, sizeof bytes, core_soon());
    MUST_BE(coir_stream_close(stream), 0);
    return result;
}

/* ---- The fence ---- */

/* result: of the kernel's fence, walked: of a kernel without. */
static const struct {
    const char *path;
    int result, walked;
} rows[] = {
    {"top", 3, 3},
    {"a/file", 6, 6},
    {"./a/./file", 6, 6},
    {"a//file", 6, 6},
    {"a/../top", 3, -EXDEV},
    {"good", 6, -ELOOP},
    {"a/up", 3, -ELOOP},
    {"dirlink/file", 6, -ENOTDIR},
    {"deep/top", -EXDEV, -ENOTDIR}, /* it leads out and in again */
    {"../secret", -EXDEV, -EXDEV},
    {"a/../../secret", -EXDEV, -EXDEV},
    {"..", -EXDEV, -EXDEV},
    {"/etc/passwd", -EXDEV, -EXDEV},
    {"/", -EXDEV, -EXDEV},
    {"out", -EXDEV, -ELOOP},
    {"abs", -EXDEV, -ELOOP},
    {"outdir/secret", -EXDEV, -ENOTDIR},
    {"absdir/passwd", -EXDEV, -ENOTDIR},
    {"a/file/../../../secret", -ENOTDIR, -ENOTDIR},
    {"loop", -ELOOP, -ELOOP},
    {"nowhere", -ENOENT, -ELOOP},
    {"missing", -ENOENT, -ENOENT},
    {"missing/x", -ENOENT, -ENOENT},
    {"top/x", -ENOTDIR, -ENOTDIR},
    {"", -ENOENT, -ENOENT},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static int
stay_inside(void *arg)
{
    bool is_old = *(const bool *)arg;
    struct coir_stream *stream;
    struct coir_root *root;
    set_up();
    cr_store_rlx(&cr_file_call_is_old, is_old);
    root = open_root();
    for (int i = 0; i < ROWS; i++) {
        int wanted = is_old ? rows[i].walked : rows[i].result, got = read_all(root, rows[i].path);
        if (got != wanted)
            ck_abort_msg("read '%s': %d, not %d", rows[i].path, got, wanted);
        got = look(root, rows[i].path);
        if (got != wanted)
            ck_abort_msg("look '%s': %d, not %d", rows[i].path, got, wanted);
    }
    MUST_BE(coir_file_open(root, "../new", "w", &stream, core_soon()), -EXDEV);
    MUST(strstr(coir_error_detail(), "'../new' leads out of its root"));
    MUST_BE(coir_file_open(root, "out", "w", &stream, core_soon()), is_old ? -ELOOP : -EXDEV);
    MUST_BE(coir_file_open(root, "outdir/new", "x", &stream, core_soon()), is_old ? -ENOTDIR : -EXDEV);
    MUST(access(below("new"), F_OK) != 0);
    MUST_BE(look(NULL, below("secret")), 6);
    coir_root_close(root);
    cr_store_rlx(&cr_file_call_is_old, false);
    tear_down();
    return 0;
}

static const enum core_cast casts[] = {CORE_ONE, CORE_FOUR, CORE_THREADS};
enum { CASTS = sizeof casts / sizeof casts[0] };

START_TEST(no_path_leaves_its_root)
{
    bool is_old = _i % 2;
    if (is_old || has_openat2())
        core_play(casts[_i / 2], stay_inside, &is_old);
}
END_TEST

/* Names are changed inside only; a link is never followed to its end. */
static int
change_inside(void *arg)
{
    bool is_old = *(const bool *)arg;
    int out = is_old ? -ENOTDIR : -EXDEV;
    struct coir_stream *stream;
    struct coir_root *root;
    set_up();
    cr_store_rlx(&cr_file_call_is_old, is_old);
    root = open_root();
    MUST_BE(coir_file_remove(root, "../secret", core_soon()), -EXDEV);
    MUST_BE(coir_file_remove(root, "outdir/secret", core_soon()), out);
    MUST_BE(coir_file_remove(root, "absdir/passwd", core_soon()), out);
    MUST_BE(coir_file_remove(root, "/etc/passwd", core_soon()), -EXDEV);
    MUST_BE(coir_file_remove(root, "..", core_soon()), -EINVAL);
    MUST_BE(coir_file_remove(root, ".", core_soon()), -EINVAL);
    MUST_BE(coir_file_remove(root, "", core_soon()), -ENOENT);
    MUST_BE(coir_file_rename(root, "top", "../top", core_soon()), -EXDEV);
    MUST_BE(coir_file_rename(root, "top", "outdir/top", core_soon()), out);
    MUST_BE(coir_file_rename(root, "outdir/secret", "mine", core_soon()), out);
    MUST_BE(coir_directory_make(root, "../made", core_soon()), -EXDEV);
    MUST_BE(coir_directory_make(root, "outdir/made", core_soon()), out);
    MUST_BE(coir_file_replace(root, "outdir/secret", &stream, core_soon()), out);
    MUST_BE(coir_file_replace(root, "../secret", &stream, core_soon()), -EXDEV);
    MUST_BE(look(NULL, below("secret")), 6);
    MUST_BE(coir_file_remove(root, "out", core_soon()), 0); /* the link, not what it names */
    MUST_BE(look(NULL, below("secret")), 6);
    MUST_BE(coir_file_rename(root, "abs", "a/abs", core_soon()), 0);
    MUST_BE(coir_file_remove(root, "a/abs", core_soon()), 0);
    MUST_BE(coir_file_replace(root, "good", &stream, core_soon()), 0);
    MUST_BE(coir_stream_write(stream, "mine", 4, core_soon()), 0);
    MUST_BE(coir_file_commit(stream, core_soon()), 0);
    MUST_BE(coir_stream_close(stream), 0);
    MUST_BE(look(root, "good"), 4);
    MUST_BE(look(root, "a/file"), 6);
    coir_root_close(root);
    cr_store_rlx(&cr_file_call_is_old, false);
    tear_down();
    return 0;
}

START_TEST(nothing_outside_is_changed)
{
    bool is_old = _i % 2;
    if (is_old || has_openat2())
        core_play(casts[_i / 2], change_inside, &is_old);
}
END_TEST

/* Somebody exchanges a directory for a link that leads out, again and again: at no instant is the secret read, nor is a name
 * made beside it. */
enum { ROUNDS = 300 };

static int
exchange(void *arg)
{
    char real[256], aside[256], link[256];
    (void)arg;
    strcpy(real, below("root/dir"));
    strcpy(aside, below("root/aside"));
    strcpy(link, below("root/outdir"));
    for (int i = 0; i < ROUNDS; i++) {
        MUST_BE(rename(real, aside), 0);
        MUST_BE(rename(link, real), 0);
        if (i % 8 == 0)
            (void)coir_yield();
        MUST_BE(rename(real, link), 0);
        MUST_BE(rename(aside, real), 0);
    }
    return 0;
}

static int
race(void *arg)
{
    struct core_actor actor;
    struct coir_root *root;
    (void)arg;
    set_up();
    root = open_root();
    core_start(&actor, exchange, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        int got = read_all(root, "dir/secret"), made = coir_directory_make(root, "dir/made", core_soon());
        MUST(got == -ENOENT || got == -EXDEV || got == -EBUSY);
        MUST(made == 0 || made == -EEXIST || made == -ENOENT || made == -EXDEV || made == -EBUSY);
    }
    MUST_BE(core_end(&actor), 0);
    MUST(access(below("made"), F_OK) != 0);
    coir_root_close(root);
    tear_down();
    return 0;
}

START_TEST(a_link_that_comes_meanwhile_leads_nowhere)
{
    if (has_openat2())
        core_play((enum core_cast)_i, race, NULL);
}
END_TEST

/* It is the directory, not its name. */
static int
move_the_root(void *arg)
{
    struct coir_root *root, *none;
    (void)arg;
    set_up();
    root = open_root();
    MUST_BE(rename(below("root"), below("moved")), 0);
    MUST_BE(mkdir(below("root"), 0755), 0);
    MUST_BE(look(root, "top"), 3);
    MUST_BE(coir_root_open(below("secret"), &none, core_soon()), -ENOTDIR);
    MUST(!none);
    MUST_BE(coir_root_open(below("missing"), &none, core_soon()), -ENOENT);
    MUST_BE(coir_root_open(below("root"), &none, COIR_NOW), -EAGAIN);
    MUST_BE(coir_root_open(below("root"), &none, core_past()), -ETIMEDOUT);
    MUST(!none);
    coir_root_close(root);
    coir_root_close(NULL);
    tear_down();
    return 0;
}

START_TEST(a_root_is_a_directory_not_a_name)
{
    core_play(casts[_i], move_the_root, NULL);
}
END_TEST

/* ---- Names ---- */

static const char *const names[] = {"übermut", "文件.txt", "with space", "tab\there", "\xff\xfe not UTF-8", "-rf", "~"};
enum { NAMES = sizeof names / sizeof names[0] };

static void
make(struct coir_root *root, const char *name)
{
    struct coir_stream *stream;
    MUST_BE(coir_file_open(root, name, "x", &stream, core_soon()), 0);
    MUST_BE(coir_stream_print(stream, core_soon(), "%s", name), 0);
    MUST_BE(coir_stream_close(stream), 0);
}

static int
change(void *arg)
{
    char longest[257], path[300];
    struct coir_entry entry;
    struct coir_root *root;
    (void)arg;
    set_up();
    root = open_root();
    MUST_BE(coir_directory_make(root, "d", core_soon()), 0);
    MUST_BE(coir_directory_make(root, "d", core_soon()), -EEXIST);
    MUST_BE(coir_directory_make(root, "d/e/", core_soon()), 0);
    MUST_BE(coir_directory_make(root, "x/y", core_soon()), -ENOENT);
    MUST_BE(coir_file_look(root, "d/e/", &entry, core_soon()), 0);
    MUST(entry.kind == COIR_DIRECTORY && !strcmp(entry.name, "e"));
    MUST_BE(coir_file_remove(root, "d", core_soon()), -ENOTEMPTY);
    MUST_BE(coir_file_remove(root, "d/e", core_soon()), 0);
    MUST_BE(coir_file_remove(root, "d", core_soon()), 0);
    MUST_BE(coir_file_remove(root, "d", core_soon()), -ENOENT);
    for (int i = 0; i < NAMES; i++) {
        make(root, names[i]);
        MUST_BE(coir_file_look(root, names[i], &entry, core_soon()), 0);
        MUST(entry.kind == COIR_FILE && !strcmp(entry.name, names[i]));
        MUST_BE(entry.size, strlen(names[i]));
        snprintf(path, sizeof path, "dir/%s", names[i]);
        MUST_BE(coir_file_rename(root, names[i], path, core_soon()), 0);
        MUST_BE(look(root, names[i]), -ENOENT);
        MUST_BE(look(root, path), strlen(names[i]));
        MUST_BE(coir_file_rename(root, path, "over", core_soon()), 0); /* the one that is there is replaced */
        MUST_BE(look(root, "over"), strlen(names[i]));
    }
    MUST_BE(coir_file_rename(root, "missing", "x", core_soon()), -ENOENT);
    MUST_BE(coir_file_rename(root, "over", "a", core_soon()), -EISDIR);
    memset(longest, 'n', 256);
    longest[256] = '\0';
    MUST_BE(coir_file_remove(root, longest, core_soon()), -ENAMETOOLONG);
    MUST_BE(look(root, longest), -ENAMETOOLONG);
    longest[255] = '\0';
    make(root, longest);
    MUST_BE(coir_file_look(root, longest, &entry, core_soon()), 0);
    MUST(!strcmp(entry.name, longest));
    MUST_BE(coir_file_remove(root, longest, core_soon()), 0);
    MUST_BE(coir_file_remove(root, "over", COIR_NOW), -EAGAIN);
    MUST_BE(coir_file_remove(root, "over", core_past()), -ETIMEDOUT);
    MUST_BE(look(root, "over"), 1);
    coir_root_close(root);
    tear_down();
    return 0;
}

START_TEST(names_are_made_moved_and_removed)
{
    core_play(casts[_i], change, NULL);
}
END_TEST

static int
look_closely(void *arg)
{
    struct coir_entry entry, again;
    struct stat status;
    (void)arg;
    set_up();
    MUST_BE(chmod(below("root/top"), 01640), 0);
    MUST_BE(stat(below("root/top"), &status), 0);
    MUST_BE(coir_file_look(NULL, below("root/top"), &entry, core_soon()), 0);
    MUST(entry.kind == COIR_FILE && !strcmp(entry.name, "top"));
    MUST_BE(entry.mode, 01640);
    MUST_BE(entry.size, 3);
    MUST_BE(entry.modified, status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec);
    MUST_BE(coir_file_look(NULL, below("root/good"), &again, core_soon()), 0); /* through the link */
    MUST(again.kind == COIR_FILE && again.size == 6 && !strcmp(again.name, "good"));
    MUST_BE(coir_file_look(NULL, "/dev/null", &again, core_soon()), 0);
    MUST(again.kind == COIR_OTHER);
    MUST_BE(coir_file_look(NULL, below("root/nowhere"), &again, core_soon()), -ENOENT);
    MUST_BE(coir_file_look(NULL, "/", &again, core_soon()), 0);
    MUST(again.kind == COIR_DIRECTORY && !strcmp(again.name, "/"));
    tear_down();
    return 0;
}

START_TEST(a_look_says_what_is_there)
{
    core_play(casts[_i], look_closely, NULL);
}
END_TEST

/* ---- Listing ---- */

/* Many more than one call brings, each once. */
enum { MANY = 500 };

static int
list(void *arg)
{
    bool seen[MANY] = {false};
    struct coir_directory *listing;
    struct coir_entry entry;
    struct coir_root *root;
    char name[32];
    int count = 0, number, error;
    (void)arg;
    set_up();
    root = open_root();
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "root/dir/file-%d", i);
        make_file(name, name);
    }
    MUST_BE(coir_directory_open(root, "dir", &listing, core_soon()), 0);
    MUST_BE(coir_directory_next(listing, &entry, COIR_NOW), -EAGAIN);
    MUST_BE(coir_directory_next(listing, &entry, core_past()), -ETIMEDOUT);
    while ((error = coir_directory_next(listing, &entry, core_soon())) == 0) {
        MUST_BE(sscanf(entry.name, "file-%d", &number), 1);
        MUST(!seen[number]);
        seen[number] = true;
        MUST(entry.kind == COIR_FILE && entry.size == (int64_t)strlen(entry.name) + 9);
        MUST_BE(entry.mode, 0644);
        count++;
    }
    MUST_BE(error, -EPIPE);
    MUST_BE(count, MANY);
    MUST_BE(coir_directory_next(listing, &entry, core_soon()), -EPIPE);
    coir_directory_close(listing);
    coir_directory_close(NULL);
    coir_root_close(root);
    tear_down();
    return 0;
}

START_TEST(a_listing_has_each_name_once)
{
    umask(022);
    core_play(casts[_i], list, NULL);
}
END_TEST

static int
list_kinds(void *arg)
{
    struct coir_directory *listing;
    struct coir_entry entry;
    struct coir_root *root;
    int kinds[4] = {0};
    (void)arg;
    set_up();
    root = open_root();
    MUST_BE(mkfifo(below("root/fifo"), 0600), 0);
    MUST_BE(coir_directory_open(root, ".", &listing, core_soon()), 0);
    while (coir_directory_next(listing, &entry, core_soon()) == 0)
        kinds[entry.kind]++;
    coir_directory_close(listing);
    MUST_BE(kinds[COIR_FILE], 1);
    MUST_BE(kinds[COIR_DIRECTORY], 2);
    MUST_BE(kinds[COIR_LINK], 9); /* those that lead out are shown, too */
    MUST_BE(kinds[COIR_OTHER], 1);
    MUST_BE(coir_directory_open(root, "top", &listing, core_soon()), -ENOTDIR);
    MUST(!listing);
    MUST_BE(coir_directory_open(root, "..", &listing, core_soon()), -EXDEV);
    MUST_BE(coir_directory_open(root, "missing", &listing, core_soon()), -ENOENT);
    MUST_BE(coir_directory_open(NULL, below("root/dir"), &listing, core_soon()), 0);
    MUST_BE(coir_directory_next(listing, &entry, core_soon()), -EPIPE);
    coir_cancel(coir_self());
    MUST_BE(coir_directory_next(listing, &entry, core_soon()), -ECANCELED);
    coir_directory_close(listing);
    coir_root_close(root);
    tear_down();
    return 0;
}

START_TEST(a_listing_says_what_each_is)
{
    umask(022);
    core_play(casts[_i], list_kinds, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, no_path_leaves_its_root, 0, 2 * CASTS);
    tcase_add_loop_test(cases, nothing_outside_is_changed, 0, 2 * CASTS);
    tcase_add_loop_test(cases, a_link_that_comes_meanwhile_leads_nowhere, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_root_is_a_directory_not_a_name, 0, CASTS);
    tcase_add_loop_test(cases, names_are_made_moved_and_removed, 0, CASTS);
    tcase_add_loop_test(cases, a_look_says_what_is_there, 0, CASTS);
    tcase_add_loop_test(cases, a_listing_has_each_name_once, 0, CASTS);
    tcase_add_loop_test(cases, a_listing_says_what_each_is, 0, CASTS);
}

int
main(void)
{
    return core_main("root", add);
}
