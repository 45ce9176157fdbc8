/* What the measuring programs share: the clock, and latencies of which percentiles are asked at the end. */
#ifndef DW_BENCH_MEASURE_H
#define DW_BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNUSED __attribute__((unused))

struct samples {
    uint32_t *us;
    size_t n, cap;
};

static UNUSED int64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static UNUSED void die(const char *what)
{
    perror(what);
    exit(1);
}

static UNUSED void samples_add(struct samples *s, int64_t us)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1u << 16;
        s->us = realloc(s->us, s->cap * sizeof *s->us);
        if (!s->us)
            die("realloc");
    }
    s->us[s->n++] = us > 0 ? (uint32_t)us : 0;
}

static int samples_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* p: 50, 99; 0 when there are none. Sorts. */
static UNUSED uint32_t samples_at(struct samples *s, unsigned p)
{
    if (!s->n)
        return 0;
    qsort(s->us, s->n, sizeof *s->us, samples_order);
    return s->us[(s->n - 1) * p / 100];
}

/* Spreads a counter over 64 bits, so that names made of it look random and are the same in every run. */
static UNUSED uint64_t scatter(uint64_t n)
{
    n = (n + 1) * 0x9E3779B97F4A7C15u;
    n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9u;
    n = (n ^ (n >> 27)) * 0x94D049BB133111EBu;
    return n ^ (n >> 31);
}

#endif
