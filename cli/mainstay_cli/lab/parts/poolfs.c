/* A primary pool as one host sees it: a directory of the lab, passed through, that can be hurt per host.
 *
 * The promise: what one host's write returned for, every other host reads (nothing is cached here: direct_io, no attribute
 * or entry timeouts), and locks are the storage's own, so that QEMU's image locks hold between hosts.
 * Durability against the loss of the machine that carries the lab is not promised: fsync costs nothing.
 *
 * Faults, by signal:  SIGUSR1  every request fails with EIO; open files survive it
 *                     SIGUSR2  requests are taken and held: their callers sleep uninterruptibly, their writes land late
 *                     SIGSTOP  requests are not even taken: their callers can be killed
 *                     SIGKILL  the mount is gone for good
 *                     SIGCONT  serve again, whatever it was
 */
#define FUSE_USE_VERSION 35
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SERVE, FAIL, HOLD };
static atomic_int mode = SERVE;
static int root;

static void on_signal(int signal)
{
    mode = signal == SIGUSR1 ? FAIL : signal == SIGUSR2 ? HOLD : SERVE;
}

/* Every request passes here first. */
static int gate(void)
{
    while (mode == HOLD)
        usleep(10000);
    return mode == FAIL ? -EIO : 0;
}

#define PASS_GATE()          \
    do {                     \
        int closed = gate(); \
        if (closed)          \
            return closed;   \
    } while (0)

#define ANSWER(call) ((call) == -1 ? -errno : 0)
#define COUNTED(call)                   \
    do {                                \
        ssize_t count = (call);         \
        return count < 0 ? -errno : count; \
    } while (0)

static const char *below(const char *path)
{
    return path[1] ? path + 1 : ".";
}

static int pool_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
    PASS_GATE();
    return ANSWER(file ? fstat(file->fh, st) : fstatat(root, below(path), st, AT_SYMLINK_NOFOLLOW));
}

static int pool_readdir(const char *path, void *into, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file,
                        enum fuse_readdir_flags flags)
{
    (void)offset, (void)file, (void)flags;
    PASS_GATE();
    int fd = openat(root, below(path), O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir));)
        fill(into, entry->d_name, NULL, 0, 0);
    closedir(dir);
    return 0;
}

/* The page cache below is shared by all hosts and so coherent; O_DIRECT would only demand aligned buffers of libfuse. */
static int opened(const char *path, int flags, mode_t permissions, struct fuse_file_info *file)
{
    int fd = openat(root, below(path), flags & ~(O_DIRECT | O_DSYNC | O_SYNC), permissions);
    if (fd < 0)
        return -errno;
    file->fh = fd;
    file->direct_io = 1;
    return 0;
}

static int pool_open(const char *path, struct fuse_file_info *file)
{
    PASS_GATE();
    return opened(path, file->flags, 0, file);
}

static int pool_create(const char *path, mode_t permissions, struct fuse_file_info *file)
{
    PASS_GATE();
    return opened(path, file->flags | O_CREAT, permissions, file);
}

static int pool_read(const char *path, char *into, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)path;
    PASS_GATE();
    COUNTED(pread(file->fh, into, size, offset));
}

static int pool_write(const char *path, const char *from, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)path;
    PASS_GATE();
    COUNTED(pwrite(file->fh, from, size, offset));
}

static int pool_release(const char *path, struct fuse_file_info *file)
{
    (void)path;
    return ANSWER(close(file->fh)); /* drops the file's locks, also while the pool is cut */
}

static int pool_fsync(const char *path, int only_data, struct fuse_file_info *file)
{
    (void)path, (void)only_data, (void)file;
    return gate();
}

static int pool_lock(const char *path, struct fuse_file_info *file, int command, struct flock *lock)
{
    (void)path;
    PASS_GATE();
    lock->l_pid = 0;
    int ofd = command == F_GETLK ? F_OFD_GETLK : command == F_SETLK ? F_OFD_SETLK : F_OFD_SETLKW;
    return ANSWER(fcntl(file->fh, ofd, lock));
}

static int pool_flock(const char *path, struct fuse_file_info *file, int operation)
{
    (void)path;
    PASS_GATE();
    return ANSWER(flock(file->fh, operation));
}

static int pool_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    PASS_GATE();
    if (file)
        return ANSWER(ftruncate(file->fh, size));
    int fd = openat(root, below(path), O_WRONLY);
    if (fd < 0)
        return -errno;
    int answer = ANSWER(ftruncate(fd, size));
    close(fd);
    return answer;
}

static int pool_fallocate(const char *path, int how, off_t offset, off_t length, struct fuse_file_info *file)
{
    (void)path;
    PASS_GATE();
    return ANSWER(fallocate(file->fh, how, offset, length));
}

static off_t pool_lseek(const char *path, off_t offset, int whence, struct fuse_file_info *file)
{
    (void)path;
    PASS_GATE();
    off_t found = lseek(file->fh, offset, whence);
    return found < 0 ? -errno : found;
}

static int pool_unlink(const char *path)
{
    PASS_GATE();
    return ANSWER(unlinkat(root, below(path), 0));
}

static int pool_mkdir(const char *path, mode_t permissions)
{
    PASS_GATE();
    return ANSWER(mkdirat(root, below(path), permissions));
}

static int pool_rmdir(const char *path)
{
    PASS_GATE();
    return ANSWER(unlinkat(root, below(path), AT_REMOVEDIR));
}

static int pool_rename(const char *from, const char *to, unsigned int flags)
{
    PASS_GATE();
    return ANSWER(renameat2(root, below(from), root, below(to), flags));
}

static int pool_link(const char *from, const char *to)
{
    PASS_GATE();
    return ANSWER(linkat(root, below(from), root, below(to), 0));
}

static int pool_chmod(const char *path, mode_t permissions, struct fuse_file_info *file)
{
    (void)file;
    PASS_GATE();
    return ANSWER(fchmodat(root, below(path), permissions, 0));
}

static int pool_chown(const char *path, uid_t user, gid_t group, struct fuse_file_info *file)
{
    (void)file;
    PASS_GATE();
    return ANSWER(fchownat(root, below(path), user, group, AT_SYMLINK_NOFOLLOW));
}

static int pool_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
    (void)file;
    PASS_GATE();
    return ANSWER(utimensat(root, below(path), times, AT_SYMLINK_NOFOLLOW));
}

static int pool_statfs(const char *path, struct statvfs *figures)
{
    (void)path;
    PASS_GATE();
    return ANSWER(fstatvfs(root, figures));
}

static void *pool_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->direct_io = 1;
    config->attr_timeout = config->entry_timeout = config->negative_timeout = 0;
    config->hard_remove = 1;
    config->use_ino = 1;
    return NULL;
}

static const struct fuse_operations pool = {
    .init = pool_init,       .getattr = pool_getattr,   .readdir = pool_readdir, .open = pool_open,
    .create = pool_create,   .read = pool_read,         .write = pool_write,     .release = pool_release,
    .fsync = pool_fsync,     .lock = pool_lock,         .flock = pool_flock,     .truncate = pool_truncate,
    .fallocate = pool_fallocate, .lseek = pool_lseek,   .unlink = pool_unlink,   .mkdir = pool_mkdir,
    .rmdir = pool_rmdir,     .rename = pool_rename,     .link = pool_link,       .chmod = pool_chmod,
    .chown = pool_chown,     .utimens = pool_utimens,   .statfs = pool_statfs,
};

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s DIRECTORY MOUNTPOINT [fuse options]\n", argv[0]);
        return 2;
    }
    root = open(argv[1], O_RDONLY | O_DIRECTORY);
    if (root < 0) {
        perror(argv[1]);
        return 1;
    }
    argv[1] = argv[0];
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
    umask(0);
    return fuse_main(argc - 1, argv + 1, &pool, NULL);
}
