/* Shows a program another date than the true one, and leaves the monotonic clocks alone. Used by date.py.

   The environment's LOOPNOTE_TEST_DATE names a file that holds a long: nanoseconds to add. It may change at any time.
   No header is included, so that a compiler is enough. For 64-bit Linux. */

typedef struct { long seconds, fraction; } instant;

extern void *dlsym(void *, const char *);
extern char *getenv(const char *);
extern int open(const char *, int, ...);
extern void *mmap(void *, unsigned long, int, int, int, long);

#define NEXT ((void *)-1L)
#define READ_ONLY 0
#define PROT_READ 1
#define MAP_SHARED 1
#define REALTIME 0
#define REALTIME_COARSE 5
#define NS_PER_S 1000000000L

static long off_ns(void) {
    static volatile long *shared;
    if (!shared)
        shared = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, open(getenv("LOOPNOTE_TEST_DATE"), READ_ONLY), 0);
    return *shared;
}

int clock_gettime(int clock, instant *now) {
    static int (*truly)(int, instant *);
    if (!truly) truly = (int (*)(int, instant *))dlsym(NEXT, "clock_gettime");
    int failed = truly(clock, now);
    if (!failed && (clock == REALTIME || clock == REALTIME_COARSE)) {
        long ns = now->fraction + off_ns();
        long seconds = ns / NS_PER_S - (ns % NS_PER_S < 0);
        now->seconds += seconds;
        now->fraction = ns - seconds * NS_PER_S;
    }
    return failed;
}

int gettimeofday(instant *now, void *zone) {
    (void)zone;
    clock_gettime(REALTIME, now);
    now->fraction /= 1000;
    return 0;
}

long time(long *where) {
    instant now;
    clock_gettime(REALTIME, &now);
    if (where) *where = now.seconds;
    return now.seconds;
}
