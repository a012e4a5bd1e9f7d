// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_main.c: kcheck runs every slot of every kernel table that this machine has and PSQ_CPU allows
// against the ref table. The list below is all that a new slot needs besides its check; a slot that
// is not in it does not compile.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/ctx.h"
#include "kc.h"

// X(name, member of psq_kern, check, index)
#define SLOTS(X)                                                                                  \
    X("panel_size", panel_size, kc_check_panel, 0)                                                \
    X("panel", panel, kc_check_panel, 0)                                                          \
    X("tile", tile, kc_check_tile, 0)                                                             \
    X("forward_rnn_tanh", forward[PSQ_RNN_TANH], kc_check_forward, PSQ_RNN_TANH)                  \
    X("forward_rnn_relu", forward[PSQ_RNN_RELU], kc_check_forward, PSQ_RNN_RELU)                  \
    X("forward_lstm", forward[PSQ_LSTM], kc_check_forward, PSQ_LSTM)                              \
    X("forward_gru", forward[PSQ_GRU], kc_check_forward, PSQ_GRU)                                 \
    X("backward_rnn_tanh", backward[PSQ_RNN_TANH], kc_check_backward, PSQ_RNN_TANH)               \
    X("backward_rnn_relu", backward[PSQ_RNN_RELU], kc_check_backward, PSQ_RNN_RELU)               \
    X("backward_lstm", backward[PSQ_LSTM], kc_check_backward, PSQ_LSTM)                           \
    X("backward_gru", backward[PSQ_GRU], kc_check_backward, PSQ_GRU)                              \
    X("outer_work", outer_work, kc_check_outer, 0)                                                \
    X("outer", outer, kc_check_outer, 0)                                                          \
    X("column_sum", column_sum, kc_check_column_sum, 0)                                           \
    X("peak", peak, kc_check_peak, 0)                                                             \
    X("sigmoid", sigmoid, kc_check_map, 0)                                                        \
    X("tanh", tanh, kc_check_map, 0)                                                              \
    X("exp", exp, kc_check_map, 0)                                                                \
    X("log", log, kc_check_map, 0)                                                                \
    X("add", add, kc_check_binary, 0)                                                             \
    X("mul", mul, kc_check_binary, 0)                                                             \
    X("scale", scale, kc_check_scale, 0)                                                          \
    X("max", max, kc_check_binary, 0)                                                             \
    X("flush", flush, kc_check_flush, 0)                                                          \
    X("sum", sum, kc_check_sum, 0)                                                                \
    X("dot", dot, kc_check_dot, 0)                                                                \
    X("softmax_loss", softmax_loss, kc_check_softmax_loss, 0)                                     \
    X("pool_sum", pool[PSQ_K_POOL_SUM], kc_check_pool, PSQ_K_POOL_SUM)                            \
    X("pool_max", pool[PSQ_K_POOL_MAX], kc_check_pool, PSQ_K_POOL_MAX)                            \
    X("pool_fma", pool[PSQ_K_POOL_FMA], kc_check_pool, PSQ_K_POOL_FMA)                            \
    X("pool_fma_row", pool[PSQ_K_POOL_FMA_ROW], kc_check_pool, PSQ_K_POOL_FMA_ROW)                \
    X("pool_exp_sum", pool[PSQ_K_POOL_EXP_SUM], kc_check_pool, PSQ_K_POOL_EXP_SUM)                \
    X("pool_copy", pool[PSQ_K_POOL_COPY], kc_check_pool, PSQ_K_POOL_COPY)                         \
    X("pool_add", pool[PSQ_K_POOL_ADD], kc_check_pool, PSQ_K_POOL_ADD)                            \
    X("pool_mul", pool[PSQ_K_POOL_MUL], kc_check_pool, PSQ_K_POOL_MUL)                            \
    X("pool_div", pool[PSQ_K_POOL_DIV], kc_check_pool, PSQ_K_POOL_DIV)                            \
    X("pool_exp_mul", pool[PSQ_K_POOL_EXP_MUL], kc_check_pool, PSQ_K_POOL_EXP_MUL)                \
    X("pool_softmax_back", pool[PSQ_K_POOL_SOFTMAX_BACK], kc_check_pool, PSQ_K_POOL_SOFTMAX_BACK) \
    X("pool_first", pool[PSQ_K_POOL_FIRST], kc_check_pool, PSQ_K_POOL_FIRST)                      \
    X("pool_mul_row", pool[PSQ_K_POOL_MUL_ROW], kc_check_pool, PSQ_K_POOL_MUL_ROW)                \
    X("pool_dot_row", pool[PSQ_K_POOL_DOT_ROW], kc_check_pool, PSQ_K_POOL_DOT_ROW)                \
    X("to_lanes", to_lanes, kc_check_to_lanes, 0)                                                 \
    X("from_lanes", from_lanes, kc_check_from_lanes, 0)                                           \
    X("sgd", sgd, kc_check_sgd, 0)                                                                \
    X("adam", adam, kc_check_adam, 0)

#define SIZE(name, member, check, index) +sizeof(((psq_kern *)0)->member)
_Static_assert(offsetof(psq_kern, panel_size) SLOTS(SIZE) == sizeof(psq_kern),
               "a slot of psq_kern is not in the list, or is in it twice");

typedef struct slot {
    const char *name;
    size_t offset;
    void (*check)(kc *c);
    int index;
} slot;

#define ROW(name, member, check, index) {name, offsetof(psq_kern, member), check, index},
static const slot slots[] = {SLOTS(ROW)};
enum { N_SLOTS = sizeof slots / sizeof slots[0] };

typedef struct options {
    const char *only;
    const char *table;
    bool list, bench, json;
} options;

static void usage(FILE *stream) {
    fputs("usage: kcheck [--only SLOT] [--table NAME] [--list | --bench [--json]]\n"
          "Compares every kernel of every table that this machine can run with the ref table, bit "
          "by\nbit; one line per fault, exit status 1 if there are any. PSQ_CPU narrows the "
          "tables.\n--bench measures instead.\n",
          stream);
}

static bool parse(int argc, char **argv, options *o) {
    for (int i = 1; i < argc; i++) {
        const char *const value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--only") == 0 && value != NULL) {
            o->only = argv[++i];
        } else if (strcmp(argv[i], "--table") == 0 && value != NULL) {
            o->table = argv[++i];
        } else if (strcmp(argv[i], "--list") == 0) {
            o->list = true;
        } else if (strcmp(argv[i], "--bench") == 0) {
            o->bench = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else {
            return false;
        }
    }
    return true;
}

// ---- reading outside ends here

static const kc *running;

static void crashed(int signal) {
    char line[400];
    const int n =
        snprintf(line, sizeof line, "%s %s %s: %s: signal %d, it reads or writes outside\n",
                 running->slot, running->table->name,
                 running->table->dtype == PSQ_F32 ? "f32" : "f64", running->sizes, signal);
    if (write(STDOUT_FILENO, line, n > 0 ? (size_t)n : 0) < 0) {
        _exit(3);
    }
    _exit(1);
}

// ---- the tables

static const psq_kern *ref_of(psq_dtype dtype) {
    const psq_kern *const *table = psq_kern_tables;
    while ((*table)->dtype != dtype || strcmp((*table)->name, "ref") != 0) {
        table++;
    }
    return *table;
}

static bool wanted(const char *filter, const char *name) {
    return filter == NULL || strcmp(filter, name) == 0;
}

// Returns the number of faults.
static int64_t check_slot(const psq_kern *table, const slot *s, kc_array *arrays,
                          int64_t *n_cases) {
    kc c = {.table = table,
            .ref = ref_of(table->dtype),
            .size = table->dtype == PSQ_F32 ? sizeof(float) : sizeof(double),
            .slot = s->name,
            .slot_offset = s->offset,
            .slot_index = s->index,
            .random = 1 + (uint64_t)s->offset,
            .arrays = arrays};
    void (*function)(void);
    KC_FUNCTION(table, s->offset, function);
    running = &c;
    fflush(stdout);
    if (function == NULL) {
        kc_wrong(&c, "is NULL");
    } else {
        s->check(&c);
    }
    *n_cases += c.n_cases;
    return c.n_wrong;
}

static int64_t check_table(const psq_kern *table, const options *o, int64_t *n_slots) {
    static kc_array arrays[KC_MAX_ARRAYS];
    int64_t n_cases = 0;
    int64_t n_wrong = 0;
    int64_t n = 0;
    for (int i = 0; i < N_SLOTS; i++) {
        if (wanted(o->only, slots[i].name)) {
            n_wrong += check_slot(table, &slots[i], arrays, &n_cases);
            n++;
        }
    }
    printf("%-8s %s: %lld slots, %lld cases, %lld faults\n", table->name,
           table->dtype == PSQ_F32 ? "f32" : "f64", (long long)n, (long long)n_cases,
           (long long)n_wrong);
    *n_slots += n;
    return n_wrong;
}

static void list(const psq_kern *table, const options *o) {
    for (int i = 0; i < N_SLOTS; i++) {
        if (wanted(o->only, slots[i].name)) {
            printf("%-8s %s %s\n", table->name, table->dtype == PSQ_F32 ? "f32" : "f64",
                   slots[i].name);
        }
    }
}

static int run(const options *o, const psq_ctx *ctx) {
    int64_t n_wrong = 0;
    int64_t n_slots = 0;
    for (const psq_kern *const *table = psq_kern_tables; *table != NULL; table++) {
        if (((*table)->cpu & ~ctx->cpu_allowed) != 0 || !wanted(o->table, (*table)->name)) {
            continue;
        }
        if (o->list) {
            list(*table, o);
            n_slots++;
        } else if (o->bench) {
            kc_bench(*table, o->only, o->json);
            n_slots++;
        } else {
            n_wrong += check_table(*table, o, &n_slots);
        }
    }
    if (n_slots == 0) {
        fputs("kcheck: no such slot, or no such table on this machine\n", stderr);
        return 2;
    }
    return n_wrong > 0 ? 1 : 0;
}

int main(int argc, char **argv) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    options o = {NULL, NULL, false, false, false};
    if (!parse(argc, argv, &o)) {
        usage(stderr);
        return 2;
    }
    psq_ctx *ctx;
    psq_error err;
    if (psq_ctx_create(NULL, &ctx, &err) != PSQ_OK) {
        fprintf(stderr, "kcheck: %s\n", err.text);
        return 2;
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        signal(signals[i], crashed);
    }
    const int status = run(&o, ctx);
    psq_ctx_destroy(ctx);
    return status;
}
