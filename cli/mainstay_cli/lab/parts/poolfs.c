/* A primary pool as one host sees it: a directory of the lab, passed through, that can be hurt per host.
 *
 * The promise: what one host's write returned for, every other host reads (nothing is cached here: direct_io, no attribute
 * or entry timeouts), and locks are the storage's own: they hold between hosts, as QEMU's image locks must, and end with
 * the open file or with the host.  Durability against the loss of the machine that carries the lab is not promised: fsync
 * costs nothing.
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
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* --- faults --- */

enum { SERVE, FAIL, HOLD };
static atomic_int mode = SERVE;

static void on_signal(int signal)
{
    mode = signal == SIGUSR1 ? FAIL : signal == SIGUSR2 ? HOLD : SERVE;
}

/* Every request passes here first; what is refused has been answered. */
static bool refused(fuse_req_t request)
{
    while (mode == HOLD)
        usleep(10000);
    if (mode == FAIL)
        fuse_reply_err(request, EIO);
    return mode == FAIL;
}

static void answer(fuse_req_t request, int returned)
{
    fuse_reply_err(request, returned == -1 ? errno : 0);
}

/* --- nodes: what the kernel knows, each with a descriptor that names it --- */

struct node {
    struct node *next;
    dev_t device;
    ino_t number;
    int fd;
    uint64_t known; /* how many lookups the kernel has not forgotten */
};

static struct node root;
static pthread_mutex_t nodes = PTHREAD_MUTEX_INITIALIZER;

static struct node *node_of(fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)ino;
}

static int fd_of(fuse_ino_t ino)
{
    return node_of(ino)->fd;
}

struct path {
    char text[40];
};

/* For calls that take no O_PATH descriptor. */
static struct path path_of(fuse_ino_t ino)
{
    struct path path;
    snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", fd_of(ino));
    return path;
}

static struct node *known_node(int fd, const struct stat *st)
{
    pthread_mutex_lock(&nodes);
    struct node *node = root.next;
    while (node && !(node->device == st->st_dev && node->number == st->st_ino))
        node = node->next;
    if (node)
        close(fd);
    else if ((node = calloc(1, sizeof *node))) {
        *node = (struct node){.next = root.next, .device = st->st_dev, .number = st->st_ino, .fd = fd};
        root.next = node;
    }
    if (node)
        node->known++;
    pthread_mutex_unlock(&nodes);
    return node;
}

static void forget_node(struct node *node, uint64_t times)
{
    pthread_mutex_lock(&nodes);
    node->known -= times;
    if (!node->known) {
        struct node *before = &root;
        while (before->next != node)
            before = before->next;
        before->next = node->next;
        close(node->fd);
        free(node);
    }
    pthread_mutex_unlock(&nodes);
}

/* 0 or an errno. */
static int find(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry)
{
    *entry = (struct fuse_entry_param){0};
    int fd = openat(fd_of(parent), name, O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    if (fstatat(fd, "", &entry->attr, AT_EMPTY_PATH)) {
        int error = errno;
        close(fd);
        return error;
    }
    struct node *node = known_node(fd, &entry->attr);
    entry->ino = (uintptr_t)node;
    return node ? 0 : ENOMEM;
}

static void reply_found(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry;
    int error = find(parent, name, &entry);
    if (error)
        fuse_reply_err(request, error);
    else
        fuse_reply_entry(request, &entry);
}

static void reply_made(fuse_req_t request, int returned, fuse_ino_t parent, const char *name)
{
    if (returned == -1)
        fuse_reply_err(request, errno);
    else
        reply_found(request, parent, name);
}

/* --- names --- */

static void pool_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (!refused(request))
        reply_found(request, parent, name);
}

static void pool_forget(fuse_req_t request, fuse_ino_t ino, uint64_t times)
{
    if (ino != FUSE_ROOT_ID)
        forget_node(node_of(ino), times);
    fuse_reply_none(request);
}

static void pool_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t permissions)
{
    if (!refused(request))
        reply_made(request, mkdirat(fd_of(parent), name, permissions), parent, name);
}

static void pool_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    if (refused(request))
        return;
    struct path path = path_of(ino);
    reply_made(request, linkat(AT_FDCWD, path.text, fd_of(parent), name, AT_SYMLINK_FOLLOW), parent, name);
}

static void pool_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (!refused(request))
        answer(request, unlinkat(fd_of(parent), name, 0));
}

static void pool_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (!refused(request))
        answer(request, unlinkat(fd_of(parent), name, AT_REMOVEDIR));
}

static void pool_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                        const char *new_name, unsigned int flags)
{
    if (!refused(request))
        answer(request, renameat2(fd_of(parent), name, fd_of(new_parent), new_name, flags));
}

/* --- attributes --- */

static void reply_attributes(fuse_req_t request, fuse_ino_t ino)
{
    struct stat st;
    if (fstatat(fd_of(ino), "", &st, AT_EMPTY_PATH))
        fuse_reply_err(request, errno);
    else
        fuse_reply_attr(request, &st, 0);
}

static void pool_getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)file;
    if (!refused(request))
        reply_attributes(request, ino);
}

static struct timespec time_to_set(int which, int now, int given, struct timespec time)
{
    if (which & now)
        time.tv_nsec = UTIME_NOW;
    else if (!(which & given))
        time.tv_nsec = UTIME_OMIT;
    return time;
}

static int set_attributes(fuse_ino_t ino, const struct stat *st, int which, const struct fuse_file_info *file)
{
    struct path path = path_of(ino);
    uid_t user = which & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1;
    gid_t group = which & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1;
    struct timespec times[2] = {
        time_to_set(which, FUSE_SET_ATTR_ATIME_NOW, FUSE_SET_ATTR_ATIME, st->st_atim),
        time_to_set(which, FUSE_SET_ATTR_MTIME_NOW, FUSE_SET_ATTR_MTIME, st->st_mtim),
    };
    if (which & FUSE_SET_ATTR_MODE && chmod(path.text, st->st_mode))
        return -1;
    if (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) && fchownat(fd_of(ino), "", user, group, AT_EMPTY_PATH))
        return -1;
    if (which & FUSE_SET_ATTR_SIZE && (file ? ftruncate(file->fh, st->st_size) : truncate(path.text, st->st_size)))
        return -1;
    return utimensat(AT_FDCWD, path.text, times, 0);
}

static void pool_setattr(fuse_req_t request, fuse_ino_t ino, struct stat *st, int which, struct fuse_file_info *file)
{
    if (refused(request))
        return;
    if (set_attributes(ino, st, which, file))
        fuse_reply_err(request, errno);
    else
        reply_attributes(request, ino);
}

static void pool_statfs(fuse_req_t request, fuse_ino_t ino)
{
    struct statvfs figures;
    if (refused(request))
        return;
    if (fstatvfs(fd_of(ino), &figures))
        fuse_reply_err(request, errno);
    else
        fuse_reply_statfs(request, &figures);
}

/* --- directories --- */

static void pool_opendir(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    if (refused(request))
        return;
    int fd = openat(fd_of(ino), ".", O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    file->fh = (uintptr_t)dir;
    if (dir)
        fuse_reply_open(request, file);
    else
        fuse_reply_err(request, errno);
}

static void pool_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)ino;
    if (refused(request))
        return;
    DIR *dir = (DIR *)(uintptr_t)file->fh;
    char names[size];
    size_t used = 0;
    seekdir(dir, offset);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st = {.st_ino = entry->d_ino, .st_mode = entry->d_type << 12};
        size_t length = fuse_add_direntry(request, names + used, size - used, entry->d_name, &st, entry->d_off);
        if (length > size - used)
            break;
        used += length;
    }
    fuse_reply_buf(request, names, used);
}

static void pool_releasedir(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)ino;
    answer(request, closedir((DIR *)(uintptr_t)file->fh));
}

/* --- files --- */

/* The page cache below is shared by all hosts and so coherent; O_DIRECT would only demand aligned buffers of libfuse. */
static int cached(int flags)
{
    return flags & ~(O_DIRECT | O_DSYNC | O_SYNC | O_NOFOLLOW);
}

static void pool_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    if (refused(request))
        return;
    struct path path = path_of(ino);
    int fd = open(path.text, cached(file->flags));
    file->fh = fd;
    file->direct_io = 1;
    if (fd < 0)
        fuse_reply_err(request, errno);
    else
        fuse_reply_open(request, file);
}

static void pool_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t permissions,
                        struct fuse_file_info *file)
{
    struct fuse_entry_param entry;
    if (refused(request))
        return;
    int fd = openat(fd_of(parent), name, cached(file->flags) | O_CREAT, permissions);
    int error = fd < 0 ? errno : find(parent, name, &entry);
    file->fh = fd;
    file->direct_io = 1;
    if (!error)
        fuse_reply_create(request, &entry, file);
    else {
        if (fd >= 0)
            close(fd);
        fuse_reply_err(request, error);
    }
}

static void pool_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)ino;
    if (refused(request))
        return;
    struct fuse_bufvec content = FUSE_BUFVEC_INIT(size);
    content.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    content.buf[0].fd = file->fh;
    content.buf[0].pos = offset;
    fuse_reply_data(request, &content, 0);
}

static void pool_write(fuse_req_t request, fuse_ino_t ino, const char *from, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    (void)ino;
    if (refused(request))
        return;
    ssize_t written = pwrite(file->fh, from, size, offset);
    if (written < 0)
        fuse_reply_err(request, errno);
    else
        fuse_reply_write(request, written);
}

static void pool_fsync(fuse_req_t request, fuse_ino_t ino, int only_data, struct fuse_file_info *file)
{
    (void)ino, (void)only_data, (void)file;
    if (!refused(request))
        fuse_reply_err(request, 0);
}

static void pool_fallocate(fuse_req_t request, fuse_ino_t ino, int how, off_t offset, off_t length,
                           struct fuse_file_info *file)
{
    (void)ino;
    if (!refused(request))
        answer(request, fallocate(file->fh, how, offset, length));
}

static void pool_lseek(fuse_req_t request, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *file)
{
    (void)ino;
    if (refused(request))
        return;
    off_t found = lseek(file->fh, offset, whence);
    if (found < 0)
        fuse_reply_err(request, errno);
    else
        fuse_reply_lseek(request, found);
}

/* Also while the pool is cut: the kernel waits for no answer, and locks must end. */
static void pool_release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)ino;
    answer(request, close(file->fh));
}

/* --- locks: each open file here stands for one there, so the locks of the open file are its own --- */

static void pool_getlk(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file, struct flock *lock)
{
    (void)ino;
    if (refused(request))
        return;
    lock->l_pid = 0;
    if (fcntl(file->fh, F_OFD_GETLK, lock))
        fuse_reply_err(request, errno);
    else
        fuse_reply_lock(request, lock);
}

static void pool_setlk(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file, struct flock *lock, int wait)
{
    (void)ino;
    if (refused(request))
        return;
    lock->l_pid = 0;
    answer(request, fcntl(file->fh, wait ? F_OFD_SETLKW : F_OFD_SETLK, lock));
}

static void pool_flock(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file, int operation)
{
    (void)ino;
    if (!refused(request))
        answer(request, flock(file->fh, operation));
}

static const struct fuse_lowlevel_ops pool = {
    .lookup = pool_lookup,   .forget = pool_forget,   .mkdir = pool_mkdir,         .link = pool_link,
    .unlink = pool_unlink,   .rmdir = pool_rmdir,     .rename = pool_rename,       .getattr = pool_getattr,
    .setattr = pool_setattr, .statfs = pool_statfs,   .opendir = pool_opendir,     .readdir = pool_readdir,
    .open = pool_open,       .create = pool_create,   .releasedir = pool_releasedir, .read = pool_read,
    .write = pool_write,     .fsync = pool_fsync,     .fallocate = pool_fallocate, .lseek = pool_lseek,
    .release = pool_release, .getlk = pool_getlk,     .setlk = pool_setlk,         .flock = pool_flock,
};

static int serve(struct fuse_session *session, const char *mountpoint)
{
    struct fuse_loop_config config = {.clone_fd = 0, .max_idle_threads = 10};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
    if (fuse_set_signal_handlers(session) || fuse_session_mount(session, mountpoint) || fuse_daemonize(0))
        return 1;
    int ended = fuse_session_loop_mt(session, &config);
    fuse_session_unmount(session);
    return ended ? 1 : 0;
}

/* poolfs DIRECTORY MOUNTPOINT -o OPTIONS */
int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s DIRECTORY MOUNTPOINT -o OPTIONS\n", argv[0]);
        return 2;
    }
    root.fd = open(argv[1], O_PATH | O_DIRECTORY);
    if (root.fd < 0) {
        perror(argv[1]);
        return 1;
    }
    umask(0);
    struct fuse_args arguments = FUSE_ARGS_INIT(3, ((char *[]){argv[0], argv[3], argv[4], NULL}));
    struct fuse_session *session = fuse_session_new(&arguments, &pool, sizeof pool, NULL);
    return session ? serve(session, argv[2]) : 1;
}
