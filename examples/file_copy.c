/* file_copy.c: copies a text file line by line, numbered, so that the copy appears whole or not at all. Nothing here
 * keeps the other fibers of its thread from running: files are waited for like sockets. */
#include <coir/file.h>
#include <coir/runtime.h>
#include <coir/stream.h>
#include <stdio.h>

static int
copy_lines(struct coir_root *root, const char *from, const char *to)
{
    struct coir_stream *in, *out = NULL;
    char line[256];
    ssize_t length;
    int count = 0, error = coir_file_open(root, from, "r", &in, coir_after(COIR_SECOND));
    if (!error)
        error = coir_file_replace(root, to, &out, coir_after(COIR_SECOND));
    while (!error && (length = coir_stream_read_line(in, line, sizeof line, coir_after(COIR_SECOND))) != -EPIPE)
        error = length < 0 ? (int)length : coir_stream_print(out, coir_after(COIR_SECOND), "%d: %s\n", ++count, line);
    if (!error)
        error = coir_file_commit(out, coir_after(10 * COIR_SECOND)); /* on the disk, and in its place */
    coir_stream_close(out);                                          /* not committed: it is gone */
    coir_stream_close(in);
    return error ? error : count;
}

static int
first(void *arg)
{
    struct coir_stream *stream;
    struct coir_entry entry;
    struct coir_root *root;
    char name[64];
    int error, count;
    (void)arg;
    snprintf(name, sizeof name, "/tmp/coir-example-%016llx", (unsigned long long)coir_random(0));
    error = coir_directory_make(NULL, name, COIR_NEVER);
    if (error || (error = coir_root_open(name, &root, COIR_NEVER)))
        return error;
    error = coir_file_open(root, "poem", "w", &stream, COIR_NEVER);
    if (!error && !(error = coir_stream_print(stream, COIR_NEVER, "many fibers\none thread\nno callbacks\n")))
        error = coir_stream_close(stream);
    count = error ? error : copy_lines(root, "poem", "copy");
    error = coir_file_look(root, "copy", &entry, COIR_NEVER);
    printf("%d lines, '%s' has %d bytes\n", count, entry.name, error ? error : (int)entry.size);
    printf("outside: %s\n", coir_error_text(coir_file_look(root, "../secret", &entry, COIR_NEVER)));
    coir_file_remove(root, "poem", COIR_NEVER);
    coir_file_remove(root, "copy", COIR_NEVER);
    coir_root_close(root);
    return coir_file_remove(NULL, name, COIR_NEVER);
}

int
main(void)
{
    return coir_run(first, NULL, NULL) != 0;
}
