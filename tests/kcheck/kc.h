// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc.h: what the files of kcheck share. A check of a slot describes a case: arrays with a role and
// first contents, and a call. kc_run makes the call with the ref table, then with the table under
// test, several times on the same contents at other addresses, and compares everything that lies in
// memory afterwards. So a check states nothing about results, and knows no table.
#ifndef PACKSEQ_TESTS_KC_H
#define PACKSEQ_TESTS_KC_H

#include <stddef.h>
#include <stdint.h>

#include "kern/kern.h"

typedef struct kc kc;

// ---- arrays

typedef enum kc_role {
    KC_IN,     // stays as it was
    KC_OUT,    // becomes what ref makes of it; changes in its range only
    KC_SCRATCH // 64-byte aligned; anything, but nothing beside it
} kc_role;

typedef struct kc_array {
    void *p; // where it lies during the present call
    kc_role role;
    int64_t n;                  // elements
    int64_t n_ref;              // the same for the ref table; only scratch differs
    int64_t period, first, end; // element i may change where first <= i % period < end
    const char *name;           // for messages
    unsigned char *map;         // a page without access, pages, a page without access
    size_t map_size;            // of what may be accessed
    unsigned char *content;     // before the call
    unsigned char *wanted;      // after it, by ref
} kc_array;

// Draws one element. Every float that is not a NaN, and one NaN, can be drawn.
typedef double (*kc_make)(kc *c);

double kc_plain(kc *c);   // uniform in [-2, 2)
double kc_awkward(kc *c); // one in eight is an infinity, NaN, denormal, zero, limit of a function
double kc_fading(kc *c);  // from 2^-120 to 2^8
double kc_any(kc *c);     // random bits
double kc_zero(kc *c);

// In double no bits are promised, so that awkward numbers become plain ones.
kc_array *kc_take(kc *c, kc_role role, const char *name, int64_t n, kc_make make);
kc_array *kc_take_scratch(kc *c, const char *name, int64_t n_ref, int64_t n);
void kc_range(kc_array *a, int64_t period, int64_t first, int64_t end);

double kc_get(const kc *c, const unsigned char *content, int64_t i);
void kc_put(const kc *c, unsigned char *content, int64_t i, double value);

// A result that a kernel returns, as the double that it is, in an array of kc_result's.
kc_array *kc_take_result(kc *c);
void kc_put_result(const kc_array *a, double result);

// ---- cases

enum {
    KC_ROWS = 13,    // most rows of a tile or a cell
    KC_N_SIZES = 77, // 1 to 70 and some around powers of two
    KC_MAX_ARRAYS = 2 * PSQ_K_BLOCK + 8
};

struct kc {
    const psq_kern *table; // under test
    const psq_kern *ref;   // of the same dtype
    size_t size;           // of an element
    const char *slot;
    size_t slot_offset; // in psq_kern
    int slot_index;     // of a slot that is one of several: its cell
    char sizes[160];    // of the present case, for messages
    uint64_t random;
    int64_t n_cases;
    int64_t n_wrong;
    kc_array *arrays;
    int n_arrays;
};

int64_t kc_size(int i);
uint64_t kc_word(kc *c);
int64_t kc_below(kc *c, int64_t n); // 0 <= . < n

// Starts a case: gives back all arrays. Then come kc_take and kc_run.
__attribute__((format(printf, 2, 3))) void kc_begin(kc *c, const char *format, ...);

// call makes its calls on k and on the arrays that args names.
typedef void (*kc_call)(const psq_kern *k, const void *args);
void kc_run(kc *c, kc_call call, const void *args);

// One line about something that is wrong; goes on.
__attribute__((format(printf, 2, 3))) void kc_wrong(kc *c, const char *format, ...);

// A range of 0 to n that a core may get: multiples of PSQ_K_UNIT or n. One in three is everything.
void kc_units(kc *c, int64_t n, int64_t *first, int64_t *end);

// The function of the present slot in a table; its type is the check's to know.
#define KC_FUNCTION(k, offset, function) \
    memcpy(&(function), (const char *)(k) + (offset), sizeof(function))

// ---- slots: kc_main.c holds the list

void kc_check_panel(kc *c);
void kc_check_tile(kc *c);
void kc_check_forward(kc *c);
void kc_check_backward(kc *c);
void kc_check_outer(kc *c);
void kc_check_column_sum(kc *c);
void kc_check_peak(kc *c);
void kc_check_map(kc *c);
void kc_check_binary(kc *c);
void kc_check_scale(kc *c);
void kc_check_flush(kc *c);
void kc_check_sum(kc *c);
void kc_check_dot(kc *c);
void kc_check_softmax_loss(kc *c);
void kc_check_pool(kc *c);
void kc_check_to_lanes(kc *c);
void kc_check_from_lanes(kc *c);
void kc_check_sgd(kc *c);
void kc_check_adam(kc *c);

// ---- the benchmark of one table; only: NULL or the one slot that is wanted

void kc_bench(const psq_kern *k, const char *only, bool json);

#endif
