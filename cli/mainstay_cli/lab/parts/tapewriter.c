/* The life of a lab guest: append a record to its tape several times a second, and obey the power button and the letter box.
 *
 * The promise: a sector once written is never written again by a writer that could know of it.  So whoever else writes this
 * tape at the same time stays visible: records interleave, a counter repeats, or one is missing (tapes.py reads them).
 * Sector 0 is the letter box; records fill the tape from sector 1 without a hole.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512
#define BUTTONS_MAX 8

struct record {
    char magic[8];
    uint32_t crc, reserved;
    uint64_t epoch, counter, boot, uptime_ns, wall_ns;
    char host[64];
    char rest[SECTOR - 8 - 8 - 40 - 64];
} __attribute__((packed));

struct letter {
    char magic[8];
    char word[SECTOR - 8];
} __attribute__((packed));

static const char RECORD_MAGIC[8] = "MSTAPE1", LETTER_MAGIC[8] = "MSWORD1";
static _Alignas(4096) struct record here, ours;
static _Alignas(4096) struct letter letter;
static int tape;
static uint64_t sectors;

static uint32_t crc32(const void *data, size_t size)
{
    uint32_t crc = ~0u;
    for (const unsigned char *byte = data; size--; byte++) {
        crc ^= *byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int read_sector(uint64_t sector, void *into)
{
    return pread(tape, into, SECTOR, sector * SECTOR) == SECTOR ? 0 : -1;
}

static int write_sector(uint64_t sector, const void *from)
{
    return pwrite(tape, from, SECTOR, sector * SECTOR) == SECTOR ? 0 : -1;
}

/* 1: taken, 0: free, -1: the disk did not answer. */
static int taken(uint64_t sector)
{
    static const struct record blank;
    return read_sector(sector, &here) ? -1 : memcmp(&here, &blank, SECTOR) != 0;
}

static uint64_t find_tail(void)
{
    uint64_t low = 1, high = sectors;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        int answer = taken(middle);
        if (answer < 0)
            sleep(1);
        else if (answer)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One record forward if the disk lets us.  A write that failed may have landed: finding our own record there tells. */
static void append(uint64_t *tail)
{
    int answer;
    while (*tail < sectors && (answer = taken(*tail)) != 0) {
        if (answer < 0)
            return;
        ++*tail;
        if (here.boot == ours.boot && here.counter == ours.counter)
            ours.counter++;
    }
    if (*tail == sectors)
        return;
    ours.uptime_ns = nanoseconds(CLOCK_MONOTONIC);
    ours.wall_ns = nanoseconds(CLOCK_REALTIME);
    ours.crc = 0;
    ours.crc = crc32(&ours, SECTOR);
    if (write_sector(*tail, &ours) == 0) {
        ++*tail;
        ours.counter++;
    }
}

static void obey(const char *word)
{
    printf("letter: %s\n", word);
    fflush(stdout);
    if (!strcmp(word, "poweroff"))
        reboot(RB_POWER_OFF);
    else if (!strcmp(word, "reboot"))
        reboot(RB_AUTOBOOT);
    else if (!strcmp(word, "crash")) {
        int trigger = open("/proc/sysrq-trigger", O_WRONLY);
        (void)!write(trigger, "c", 1);
    } else if (!strcmp(word, "hang"))
        for (;;)
            pause();
}

/* The letter is taken out before it is obeyed, so that the next boot does not find it. */
static void open_letter_box(void)
{
    if (read_sector(0, &letter) || memcmp(letter.magic, LETTER_MAGIC, 8))
        return;
    static char word[32];
    memcpy(word, letter.word, sizeof word - 1);
    memset(&letter, 0, sizeof letter);
    if (write_sector(0, &letter) == 0)
        obey(word);
}

static void told_at_boot(const char *cmdline, const char *name, char *into, size_t size)
{
    const char *found = strstr(cmdline, name);
    if (!found)
        return;
    found += strlen(name);
    snprintf(into, size, "%.*s", (int)strcspn(found, " \n"), found);
}

static int find_buttons(struct pollfd *buttons)
{
    char path[32];
    int count = 0;
    for (int n = 0; n < BUTTONS_MAX; n++) {
        snprintf(path, sizeof path, "/dev/input/event%d", n);
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        if (fd >= 0)
            buttons[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return count;
}

static void wait_for_power_button(struct pollfd *buttons, int count, int milliseconds)
{
    struct input_event event;
    if (poll(buttons, count, milliseconds) <= 0)
        return;
    for (int n = 0; n < count; n++)
        while (read(buttons[n].fd, &event, sizeof event) == sizeof event)
            if (event.type == EV_KEY && event.code == KEY_POWER && event.value)
                reboot(RB_POWER_OFF);
}

int main(void)
{
    static char cmdline[4096], epoch[24] = "0", device[32] = "/dev/vda", tick[12] = "200";
    int fd = open("/proc/cmdline", O_RDONLY);
    (void)!read(fd, cmdline, sizeof cmdline - 1);
    told_at_boot(cmdline, "mainstay.epoch=", epoch, sizeof epoch);
    told_at_boot(cmdline, "mainstay.host=", ours.host, sizeof ours.host);
    told_at_boot(cmdline, "mainstay.tape=", device, sizeof device);
    told_at_boot(cmdline, "mainstay.tick=", tick, sizeof tick);
    memcpy(ours.magic, RECORD_MAGIC, 8);
    ours.epoch = strtoull(epoch, NULL, 10);
    ours.counter = 1;
    (void)!getrandom(&ours.boot, sizeof ours.boot, GRND_INSECURE);
    ours.boot ^= nanoseconds(CLOCK_REALTIME);

    while ((tape = open(device, O_RDWR | O_DIRECT | O_SYNC)) < 0)
        usleep(100000);
    sectors = lseek(tape, 0, SEEK_END) / SECTOR;
    uint64_t tail = find_tail();
    printf("guest of epoch %s on %s writes %s from record %llu\n", epoch, ours.host, device, (unsigned long long)tail);
    fflush(stdout);

    struct pollfd buttons[BUTTONS_MAX];
    int count = find_buttons(buttons);
    for (;;) {
        append(&tail);
        open_letter_box();
        wait_for_power_button(buttons, count, atoi(tick));
    }
}
