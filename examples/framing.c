/* framing.c: sticky packets, and the answer to them. A stream has no borders: three messages that were written one by one
 * come out as one piece. With their lengths before them they are three again, however the bytes were cut. */
#include <coir/frame.h>
#include <coir/stream.h>
#include <stdio.h>
#include <string.h>

static const char *const messages[] = {"move 3 4", "say hello", "quit"};
static const struct coir_framing framing = COIR_FRAMES_PREFIXED(2, COIR_BIG_ENDIAN);

static int
without_frames(struct coir_stream *writer, struct coir_stream *reader)
{
    char bytes[64];
    ssize_t size;
    int error = 0;
    for (int i = 0; i < 3 && !error; i++)
        error = coir_stream_write(writer, messages[i], strlen(messages[i]), coir_after(COIR_SECOND));
    if (error)
        return error;
    size = coir_stream_read(reader, bytes, sizeof bytes, coir_after(COIR_SECOND));
    if (size > 0)
        printf("stuck together: '%.*s'\n", (int)size, bytes);
    return size < 0 ? (int)size : 0;
}

static int
with_frames(struct coir_stream *writer, struct coir_stream *reader)
{
    char bytes[64];
    ssize_t size;
    int error = 0;
    for (int i = 0; i < 3 && !error; i++)
        error = coir_frame_write(writer, &framing, messages[i], strlen(messages[i]), coir_after(COIR_SECOND));
    if (!error)
        error = coir_stream_shutdown(writer, coir_after(COIR_SECOND));
    if (error)
        return error;
    while ((size = coir_frame_read(reader, &framing, bytes, sizeof bytes, coir_after(COIR_SECOND))) >= 0)
        printf("a frame: '%.*s'\n", (int)size, bytes);
    return size == -EPIPE ? 0 : (int)size; /* after the last */
}

int
main(void)
{
    struct coir_stream *ends[2];
    int error = coir_stream_pair(ends);
    if (!error)
        error = without_frames(ends[0], ends[1]);
    if (!error)
        error = with_frames(ends[0], ends[1]);
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
    return error != 0;
}
