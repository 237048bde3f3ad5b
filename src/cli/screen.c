#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define BEGIN "\033[?1049h\033[?25l\033[H\033[2J"
#define END   "\033[?25h\033[?1049l"

/* What the signal handlers need: there is one terminal. */
static struct termios before, during;
static sigset_t waiting; /* what is blocked while it waits for a key */
static volatile sig_atomic_t is_open;

static void say(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t count = write(STDOUT_FILENO, text, len);

        if (count < 0 && errno != EINTR)
            return;
        if (count > 0) {
            text += count;
            len -= (size_t)count;
        }
    }
}

/* Both are called by signal handlers too: async-signal-safe calls only. */
static void take(void)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &during);
    say(BEGIN, sizeof(BEGIN) - 1);
    is_open = 1;
}

static void give_back(void)
{
    if (!is_open)
        return;
    is_open = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    say(END, sizeof(END) - 1);
}

static void on_signal(int number);

/* Its own handler is gone when it is called, and the signal is not blocked:
 * raised again, it does what it does to every program. */
static void catch (int number)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

    sigaction(number, &action, NULL);
}

static void on_signal(int number)
{
    int kept = errno;

    give_back();
    raise(number);
    /* Only a stop comes back. */
    catch (number);
    take();
    errno = kept;
}

/* Nothing to do: it interrupts the wait for a key, and is blocked but for that
 * time, so that none is missed. */
static void on_resize(int number)
{
    (void)number;
}

static void catch_all(void)
{
    static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGTSTP,
                                  SIGPIPE, SIGABRT, SIGSEGV, SIGBUS,  SIGFPE};
    struct sigaction resize = {.sa_handler = on_resize};
    sigset_t winch;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        catch (numbers[i]);
    sigaction(SIGWINCH, &resize, NULL);
    sigemptyset(&winch);
    sigaddset(&winch, SIGWINCH);
    sigprocmask(SIG_BLOCK, &winch, &waiting);
}

bool screen_open(struct error *err)
{
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return error_set(err, ERROR_INVALID, "no_terminal",
                         "stdin is no terminal: %m");
    during = before;
    during.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    during.c_cc[VMIN] = 1;
    during.c_cc[VTIME] = 0;
    atexit(give_back);
    catch_all();
    take();
    return true;
}

void screen_close(void)
{
    give_back();
}

void screen_show(const char *text, size_t len)
{
    say("\033[H", 3);
    say(text, len);
    say("\033[J", 3);
}

int screen_key(int64_t wait_ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    const struct timespec wait = {.tv_sec = wait_ms / 1000,
                                  .tv_nsec = wait_ms % 1000 * 1000000};
    char key;

    if (ppoll(&in, 1, &wait, &waiting) <= 0)
        return 0;
    return read(STDIN_FILENO, &key, 1) == 1 ? (unsigned char)key : -1;
}
