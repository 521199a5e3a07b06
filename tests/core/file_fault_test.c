/* file_fault_test.c: a program that works with files, in which the n-th call that can fail fails (fault_loop.h). Whatever
 * fails, the file that is to be replaced is the whole old one or the whole new one. */
#include "fault_loop.h"

#include <coir/file.h>
#include <coir/stream.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 100000, OLD = 3 };
static char bytes[SIZE];

static int
write_source(struct coir_root *root)
{
    struct coir_stream *stream;
    int error = coir_directory_make(root, "d", core_soon()), late;
    if (!error)
        error = coir_file_open(root, "d/source", "w+", &stream, core_soon());
    if (error)
        return error;
    error = coir_stream_print(stream, core_soon(), "a line\n");
    if (!error)
        error = coir_stream_write(stream, bytes, SIZE, core_soon());
    if (!error && coir_file_seek(stream, 0, SEEK_SET, core_soon()) == 0) {
        char line[16];
        ssize_t length = coir_stream_read_line(stream, line, sizeof line, core_soon());
        MUST(length < 0 || !strcmp(line, "a line"));
    }
    late = coir_stream_close(stream);
    return error ? error : late;
}

static int
replace_target(struct coir_root *root)
{
    struct coir_stream *from = NULL, *to = NULL;
    int error = coir_file_open(root, "d/source", "r", &from, core_soon());
    int64_t count;
    if (!error)
        error = coir_file_replace(root, "target", &to, core_soon());
    if (!error) {
        count = coir_stream_copy(from, to, -1, core_soon());
        error = count < 0 ? (int)count : 0;
        MUST(error || count == SIZE + 7);
    }
    if (!error)
        error = coir_file_commit(to, core_soon());
    coir_stream_close(to);
    coir_stream_close(from);
    return error;
}

static int
send_target(struct coir_root *root)
{
    struct coir_stream *ends[2], *from;
    char line[16];
    int error = coir_file_open(root, "target", "r", &from, core_soon());
    int64_t count;
    if (error)
        return error;
    error = coir_stream_pair(ends);
    if (!error) {
        count = coir_stream_copy(from, ends[0], 7, core_soon());
        error = count < 0 ? (int)count : 0;
        if (!error)
            error = (int)coir_stream_read_line(ends[1], line, sizeof line, core_soon());
        MUST(error < 0 || (count == 7 && error == 6 && !strcmp(line, "a line")));
        for (int i = 0; i < 2; i++)
            coir_stream_close(ends[i]);
    }
    coir_stream_close(from);
    return error < 0 ? error : 0;
}

static int
list_and_remove(struct coir_root *root)
{
    struct coir_directory *listing;
    struct coir_entry entry;
    int error = coir_directory_open(root, "d", &listing, core_soon());
    if (error)
        return error;
    error = coir_directory_next(listing, &entry, core_soon());
    MUST(error || (!strcmp(entry.name, "source") && entry.size == SIZE + 7));
    if (!error)
        error = coir_directory_next(listing, &entry, core_soon());
    coir_directory_close(listing);
    if (error != -EPIPE)
        return error;
    error = coir_file_rename(root, "d/source", "moved", core_soon());
    if (!error)
        error = coir_file_look(root, "moved", &entry, core_soon());
    MUST(error || entry.size == SIZE + 7);
    if (!error)
        error = coir_file_remove(root, "moved", core_soon());
    return error ? error : coir_file_remove(root, "d", core_soon());
}

static int
in_root(const char *folder)
{
    struct coir_root *root;
    int error = coir_root_open(folder, &root, core_soon());
    if (error)
        return error;
    error = write_source(root);
    if (!error)
        error = replace_target(root);
    if (!error)
        error = send_target(root);
    if (!error)
        error = list_and_remove(root);
    coir_root_close(root);
    return error;
}

/* By plain calls, which do not fail: how large the target is. */
static long
size_of(const char *path)
{
    int fd = open(path, O_RDONLY);
    long size;
    MUST(fd >= 0);
    size = (long)lseek(fd, 0, SEEK_END);
    close(fd);
    return size;
}

static void
clean(const char *folder)
{
    DIR *listing = opendir(folder);
    char path[512];
    MUST(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' && strncmp(entry->d_name, ".coir-", 6))
            continue;
        if (unlink(path)) {
            snprintf(path, sizeof path, "%s/%s/source", folder, entry->d_name);
            unlink(path);
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            MUST_BE(rmdir(path), 0);
        }
    }
    closedir(listing);
    MUST_BE(rmdir(folder), 0);
}

static int
files(void *arg)
{
    char folder[64], target[96];
    int fd, error;
    long size;
    (void)arg;
    /* Where a sync costs nothing, if there is such a place. */
    strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/coir-fault-XXXXXX" : "/dev/shm/coir-fault-XXXXXX");
    MUST(mkdtemp(folder));
    snprintf(target, sizeof target, "%s/target", folder);
    fd = open(target, O_WRONLY | O_CREAT, 0600);
    MUST_BE(write(fd, "old", OLD), OLD);
    close(fd);
    error = in_root(folder);
    size = size_of(target);
    MUST(size == SIZE + 7 || (error && size == OLD));
    clean(folder);
    return error;
}

START_TEST(a_call_fails)
{
    static const struct fault_program program = {"files", files, 25};
    fault_loop(&program, _i % 2 ? 3 : 1, _i / 2);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_call_fails, 0, 4);
}

int
main(void)
{
    return core_main("file_fault", add);
}
