// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_plan.c: plans on values written by hand, every error with its sentence, failing
// allocations.
#include "layouts.h"
#include "packseq/plan.h"
#include "ragged/layout.h"

static const psq_storage packed = {PSQ_PACKED, false, 0};
static const psq_storage jagged = {PSQ_JAGGED, false, 0};
static const psq_fill zeros = {NULL, 0};

// Words one after the other, which a plan of one source makes into the wanted ones.
static void assert_gives(const psq_plan *plan, const char *words, const char *wanted) {
    char got[64];
    memset(got, '#', sizeof got);
    const void *const src[1] = {words};
    assert_int_equal(psq_plan_apply(plan, &jagged, src, jagged, got, 1, zeros, &err), PSQ_OK);
    const size_t n = (size_t)psq_layout_n_rows(psq_plan_layout(plan));
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(got, wanted, n);
    assert_int_equal(got[n], '#');
}

// ---- values

// What Python gives for "abcde"[first:end].
static void plan_slice_as_python(void **state) {
    (void)state;
    static const struct {
        int64_t first, end;
        const char *wanted;
    } cases[] = {
        {0, PSQ_END, "abcde"},
        {0, 5, "abcde"},
        {0, 6, "abcde"},
        {0, 0, ""},
        {0, 1, "a"},
        {1, 3, "bc"},
        {3, 1, ""},
        {4, 5, "e"},
        {5, 6, ""},
        {7, 9, ""},
        {-1, PSQ_END, "e"},
        {-2, -1, "d"},
        {-5, -4, "a"},
        {-6, -4, "a"},
        {-9, 2, "ab"},
        {-9, -8, ""},
        {0, -1, "abcd"},
        {1, -1, "bcd"},
        {0, -5, ""},
        {0, -6, ""},
        {-1, 0, ""},
        {-3, 4, "cd"},
        {INT64_MIN, INT64_MAX, "abcde"},
        {INT64_MIN, INT64_MIN, ""},
        {INT64_MAX, INT64_MAX, ""},
        {INT64_MAX, INT64_MIN, ""},
        {INT64_MIN, 2, "ab"},
        {2, INT64_MIN, ""},
        {-2, INT64_MAX, "de"},
        {INT64_MIN + 1, -1, "abcd"},
    };
    psq_layout *const layout = from_lengths((const int64_t[]){5}, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        psq_plan *plan = NULL;
        assert_int_equal(psq_plan_slice(ctx, layout, cases[i].first, cases[i].end, &plan, &err),
                         PSQ_OK);
        assert_gives(plan, "abcde", cases[i].wanted);
        psq_plan_destroy(plan);
    }
    psq_layout_destroy(layout);
}

// The last row of each sequence as [B][row], with a fill where there is none.
static void plan_last_rows(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){3, 0, 1, 2}, 4);
    psq_plan *plan = NULL;
    assert_int_equal(psq_plan_slice(ctx, layout, -1, PSQ_END, &plan, &err), PSQ_OK);
    char got[4];
    const void *const src[1] = {"aedbfc"}; // abc, nothing, d, ef
    const psq_storage one_each = {PSQ_PADDED_BATCH, false, 1};
    assert_int_equal(psq_plan_apply(plan, &packed, src, one_each, got, 1, (psq_fill){"-", 1}, &err),
                     PSQ_OK);
    assert_memory_equal(got, "c-df", 4);
    psq_plan_destroy(plan);
    psq_layout_destroy(layout);
}

static void plan_append_a_step(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 0, 3}, 3);
    psq_layout *const ones = from_lengths((const int64_t[]){1, 1, 1}, 3);
    const psq_layout *const both[2] = {layout, ones};
    psq_plan *plan = NULL;
    assert_int_equal(psq_plan_join(ctx, both, 2, &plan, &err), PSQ_OK);
    assert_lengths(plan, (const int64_t[]){3, 1, 4}, 3);
    char got[8];
    const psq_storage from[2] = {jagged, packed};
    const void *const src[2] = {"abcde", "XYZ"};
    assert_int_equal(psq_plan_apply(plan, from, src, jagged, got, 1, zeros, &err), PSQ_OK);
    assert_memory_equal(got, "abXYcdeZ", 8);
    psq_plan_destroy(plan);
    psq_layout_destroy(ones);
    psq_layout_destroy(layout);
}

static void plan_limit_cuts_where_told(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){5, 2, 3}, 3);
    psq_plan *plan = NULL;
    assert_int_equal(psq_plan_limit(ctx, layout, 3, PSQ_TRUNCATE_END, &plan, &err), PSQ_OK);
    assert_gives(plan, "abcdeABxyz", "abcABxyz");
    psq_plan_destroy(plan);
    assert_int_equal(psq_plan_limit(ctx, layout, 2, PSQ_TRUNCATE_START, &plan, &err), PSQ_OK);
    assert_gives(plan, "abcdeABxyz", "deAByz");
    psq_plan_destroy(plan);
    assert_int_equal(psq_plan_limit(ctx, layout, 5, PSQ_TRUNCATE_NEVER, &plan, &err), PSQ_OK);
    assert_gives(plan, "abcdeABxyz", "abcdeABxyz");
    psq_plan_destroy(plan);
    assert_int_equal(psq_plan_limit(ctx, layout, 0, PSQ_TRUNCATE_END, &plan, &err), PSQ_OK);
    assert_lengths(plan, (const int64_t[]){0, 0, 0}, 3);
    psq_plan_destroy(plan);
    psq_layout_destroy(layout);
}

static void plan_of_nothing(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths(NULL, 0);
    psq_plan *parts[2] = {NULL, NULL};
    psq_plan *plan = NULL;
    assert_int_equal(psq_plan_split(ctx, layout, 2, parts, &err), PSQ_OK);
    assert_int_equal(psq_plan_inverse(ctx, (const psq_plan *const *)parts, 2, &plan, &err), PSQ_OK);
    assert_lengths(plan, (const int64_t[]){0}, 0);
    const psq_storage from[2] = {packed, packed};
    const void *const src[2] = {NULL, NULL};
    assert_int_equal(psq_plan_apply(plan, from, src, packed, NULL, 4, zeros, &err), PSQ_OK);
    psq_plan_destroy(plan);
    for (int p = 0; p < 2; p++) {
        assert_lengths(parts[p], (const int64_t[]){0}, 0);
        psq_plan_destroy(parts[p]);
    }
    assert_int_equal(psq_plan_split_at(ctx, layout, packed, NULL, &plan, &err), PSQ_OK);
    assert_lengths(plan, (const int64_t[]){0}, 0);
    psq_plan_destroy(plan);
    // Sequences of no pieces and no sources at all: padding only.
    assert_int_equal(
        psq_plan_from_pieces(ctx, NULL, 0, NULL, (const int64_t[]){0, 0, 0}, 2, &plan, &err),
        PSQ_OK);
    assert_lengths(plan, (const int64_t[]){0, 0}, 2);
    char got[4];
    const psq_storage padded = {PSQ_PADDED_BATCH, false, 2};
    assert_int_equal(psq_plan_apply(plan, NULL, NULL, padded, got, 1, (psq_fill){"x", 1}, &err),
                     PSQ_OK);
    assert_memory_equal(got, "xxxx", 4);
    psq_plan_destroy(plan);
    psq_plan_destroy(NULL);
    psq_layout_destroy(layout);
}

// A layout with given ties keeps them through reverse and inverse, so packed arrays fit.
static void plan_keeps_given_ties(void **state) {
    (void)state;
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_batch_sizes(ctx, (const int64_t[]){3, 3}, 2,
                                                 (const int64_t[]){2, 0, 1}, 3, 6, &layout, &err),
                     PSQ_OK);
    psq_plan *plan = NULL;
    assert_int_equal(psq_plan_reverse(ctx, layout, &plan, &err), PSQ_OK);
    char got[6];
    const void *src[1] = {"cabCAB"};
    assert_int_equal(psq_plan_apply(plan, &packed, src, packed, got, 1, zeros, &err), PSQ_OK);
    assert_memory_equal(got, "CABcab", 6);
    psq_plan *back = NULL;
    assert_int_equal(psq_plan_inverse(ctx, (const psq_plan *const[]){plan}, 1, &back, &err),
                     PSQ_OK);
    char again[6];
    src[0] = got;
    assert_int_equal(psq_plan_apply(back, &packed, src, packed, again, 1, zeros, &err), PSQ_OK);
    assert_memory_equal(again, "cabCAB", 6);
    psq_plan_destroy(back);
    psq_plan_destroy(plan);
    psq_layout_destroy(layout);
}

// Neighbours in the source that begin at the same step and go on in different directions.
static void plan_neighbours_part(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){3, 3}, 2);
    const psq_layout *const one[1] = {layout};
    const psq_piece pieces[2] = {{0, 0, 1, 2, false}, {0, 1, 0, 2, true}};
    psq_plan *plan = NULL;
    assert_int_equal(
        psq_plan_from_pieces(ctx, one, 1, pieces, (const int64_t[]){0, 1, 2}, 2, &plan, &err),
        PSQ_OK);
    char got[4];
    const void *const src[1] = {"aAbBcC"};
    assert_int_equal(psq_plan_apply(plan, &packed, src, packed, got, 1, zeros, &err), PSQ_OK);
    assert_memory_equal(got, "bBcA", 4);
    psq_plan_destroy(plan);
    psq_layout_destroy(layout);
}

// ---- errors

static void plan_pieces_errors(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2}, 2);
    const psq_layout *const one[2] = {layout, NULL};
    const int64_t offsets[3] = {0, 1, 1};
    psq_piece piece = {0, 0, 0, 4, false};
    psq_plan *plan = NULL;
#define FAILS(status, words, ctx, sources, n_sources, pieces, offsets, n_seq, out)            \
    do {                                                                                      \
        plan = (psq_plan *)1;                                                                 \
        assert_fails(                                                                         \
            psq_plan_from_pieces(ctx, sources, n_sources, pieces, offsets, n_seq, out, &err), \
            status, words);                                                                   \
        assert_true(plan == NULL || (void *)(out) == NULL);                                   \
    } while (0)
    FAILS(PSQ_INVALID, "out is NULL", ctx, one, 1, &piece, offsets, 2, NULL);
    FAILS(PSQ_INVALID, "ctx is NULL", NULL, one, 1, &piece, offsets, 2, &plan);
    FAILS(PSQ_INVALID, "n_sources is -1", ctx, one, -1, &piece, offsets, 2, &plan);
    FAILS(PSQ_INVALID, "sources is NULL, n_sources is 1", ctx, NULL, 1, &piece, offsets, 2, &plan);
    FAILS(PSQ_INVALID, "sources[1] is NULL", ctx, one, 2, &piece, offsets, 2, &plan);
    FAILS(PSQ_INVALID, "n_seq is -3", ctx, one, 1, &piece, offsets, -3, &plan);
    FAILS(PSQ_INVALID, "piece_offsets is NULL", ctx, one, 1, &piece, NULL, 0, &plan);
    FAILS(PSQ_INVALID, "piece_offsets[0] is 1, must be 0", ctx, one, 1, &piece, offsets + 1, 1,
          &plan);
    FAILS(PSQ_INVALID, "piece_offsets[2] is 0, must be at least piece_offsets[1], which is 1", ctx,
          one, 1, &piece, ((const int64_t[]){0, 1, 0}), 2, &plan);
    FAILS(PSQ_INVALID, "pieces is NULL, must have 1", ctx, one, 1, NULL, offsets, 2, &plan);
    piece.source = 1;
    FAILS(PSQ_INVALID, "pieces[0].source is 1, must be at least 0 and below 1", ctx, one, 1, &piece,
          offsets, 2, &plan);
    piece = (psq_piece){0, 2, 0, 1, false};
    FAILS(PSQ_INVALID, "pieces[0].seq is 2, must be at least 0 and below 2", ctx, one, 1, &piece,
          offsets, 2, &plan);
    piece = (psq_piece){0, -1, 0, 1, false};
    FAILS(PSQ_INVALID, "pieces[0].seq is -1", ctx, one, 1, &piece, offsets, 2, &plan);
    piece = (psq_piece){0, 0, 5, 0, false};
    FAILS(PSQ_INVALID, "pieces[0].first is 5, must be from 0 to 4", ctx, one, 1, &piece, offsets, 2,
          &plan);
    piece = (psq_piece){0, 0, -1, 0, false};
    FAILS(PSQ_INVALID, "pieces[0].first is -1", ctx, one, 1, &piece, offsets, 2, &plan);
    piece = (psq_piece){0, 1, 1, 2, true};
    FAILS(PSQ_INVALID, "pieces[0].n_rows is 2, must be from 0 to 1", ctx, one, 1, &piece, offsets,
          2, &plan);
    piece = (psq_piece){0, 1, 1, INT64_MAX, false};
    FAILS(PSQ_INVALID, "pieces[0].n_rows is 9223372036854775807", ctx, one, 1, &piece, offsets, 2,
          &plan);
    piece = (psq_piece){0, 1, 1, -1, false};
    FAILS(PSQ_INVALID, "pieces[0].n_rows is -1", ctx, one, 1, &piece, offsets, 2, &plan);
    // Lengths that no memory could hold, twice.
    int64_t huge[1] = {INT64_MAX / 2 + 1};
    const psq_layout giant = {.ctx = ctx, .n_seq = 1, .n_steps = huge[0], .lengths = huge};
    const psq_layout *const giants[1] = {&giant};
    const psq_piece twice[2] = {{0, 0, 0, huge[0], false}, {0, 0, 0, huge[0], false}};
    FAILS(PSQ_NOMEM, "pieces[1] has 4611686018427387904 rows, overflows the length of sequence 0",
          ctx, giants, 1, twice, ((const int64_t[]){0, 2}), 1, &plan);
    FAILS(PSQ_NOMEM, "lengths[1] is 4611686018427387904, overflows the sum", ctx, giants, 1, twice,
          ((const int64_t[]){0, 1, 2}), 2, &plan);
#undef FAILS
    psq_layout_destroy(layout);
}

static void plan_operation_errors(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    psq_layout *const other = from_lengths((const int64_t[]){1, 2}, 2);
    psq_plan *plan = NULL;
#define FAILS(call, status, words)         \
    do {                                   \
        plan = (psq_plan *)1;              \
        assert_fails(call, status, words); \
        assert_null(plan);                 \
    } while (0)
    const int64_t indices[3] = {2, 0, 3};
    FAILS(psq_plan_select(ctx, NULL, indices, 2, &plan, &err), PSQ_INVALID, "layout is NULL");
    FAILS(psq_plan_select(ctx, layout, NULL, 2, &plan, &err), PSQ_INVALID,
          "indices is NULL, n is 2");
    FAILS(psq_plan_select(ctx, layout, indices, -1, &plan, &err), PSQ_INVALID, "n is -1");
    FAILS(psq_plan_select(ctx, layout, indices, 3, &plan, &err), PSQ_INVALID,
          "indices[2] is 3, must be at least 0 and below 3");
    FAILS(psq_plan_select(ctx, layout, (const int64_t[]){-1}, 1, &plan, &err), PSQ_INVALID,
          "indices[0] is -1");
    const psq_layout *const both[2] = {layout, other};
    FAILS(psq_plan_join(ctx, both, 0, &plan, &err), PSQ_INVALID, "n_sources is 0");
    FAILS(psq_plan_join(ctx, both, 2, &plan, &err), PSQ_SHAPE,
          "sources[1] has 2 sequences, must have those of sources[0], 3");
    FAILS(psq_plan_concat(ctx, NULL, 1, &plan, &err), PSQ_INVALID, "sources is NULL");
    FAILS(psq_plan_slice(ctx, NULL, 0, 1, &plan, &err), PSQ_INVALID, "layout is NULL");
    FAILS(psq_plan_reverse(NULL, layout, &plan, &err), PSQ_INVALID, "ctx is NULL");
    FAILS(psq_plan_limit(ctx, layout, -2, PSQ_TRUNCATE_END, &plan, &err), PSQ_INVALID,
          "max_length is -2");
    FAILS(psq_plan_limit(ctx, layout, 2, PSQ_N_TRUNCATE, &plan, &err), PSQ_INVALID,
          "how is 3, must be from 0 to 2");
    FAILS(psq_plan_limit(ctx, layout, 2, PSQ_TRUNCATE_NEVER, &plan, &err), PSQ_SHAPE,
          "sequence 0 has length 4, max_length is 2");
    FAILS(psq_plan_limit(ctx, other, 1, PSQ_TRUNCATE_NEVER, &plan, &err), PSQ_SHAPE,
          "sequence 1 has length 2, max_length is 1");
    FAILS(psq_plan_split(ctx, NULL, 1, &plan, &err), PSQ_INVALID, "layout is NULL");
    FAILS(psq_plan_split(NULL, layout, 1, &plan, &err), PSQ_INVALID, "ctx is NULL");
    assert_fails(psq_plan_split(ctx, layout, 0, &plan, &err), PSQ_INVALID, "n_parts is 0");
    assert_fails(psq_plan_split(ctx, layout, 1, NULL, &err), PSQ_INVALID, "out is NULL");
    const uint8_t flags[9] = {0};
    FAILS(psq_plan_split_at(ctx, NULL, packed, flags, &plan, &err), PSQ_INVALID, "layout is NULL");
    FAILS(psq_plan_split_at(ctx, layout, packed, NULL, &plan, &err), PSQ_INVALID,
          "flags is NULL, must have 9 bytes");
    FAILS(psq_plan_split_at(ctx, layout, (psq_storage){PSQ_PADDED_TIME, false, 3}, flags, &plan,
                            &err),
          PSQ_SHAPE, "storage.n_steps is 3");
#undef FAILS
    psq_layout_destroy(other);
    psq_layout_destroy(layout);
}

static void plan_inverse_errors(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    psq_layout *const same = from_lengths((const int64_t[]){4, 2, 3}, 3);
    psq_plan *plans[2] = {NULL, NULL};
    psq_plan *inverse = NULL;
#define FAILS(n, status, words)                                                                \
    do {                                                                                       \
        inverse = (psq_plan *)1;                                                               \
        assert_fails(psq_plan_inverse(ctx, (const psq_plan *const *)plans, n, &inverse, &err), \
                     status, words);                                                           \
        assert_null(inverse);                                                                  \
        psq_plan_destroy(plans[0]);                                                            \
        psq_plan_destroy(plans[1]);                                                            \
        plans[0] = NULL;                                                                       \
        plans[1] = NULL;                                                                       \
    } while (0)
    assert_fails(psq_plan_inverse(ctx, NULL, 1, &inverse, &err), PSQ_INVALID, "plans is NULL");
    FAILS(0, PSQ_INVALID, "n_plans is 0");
    FAILS(1, PSQ_INVALID, "plans[0] is NULL");
    assert_int_equal(psq_plan_slice(ctx, layout, 0, -1, &plans[0], &err), PSQ_OK);
    FAILS(1, PSQ_SHAPE, "row 3 of sequence 0 is used by no plan");
    assert_int_equal(psq_plan_slice(ctx, layout, 1, PSQ_END, &plans[0], &err), PSQ_OK);
    FAILS(1, PSQ_SHAPE, "row 0 of sequence 0 is used by no plan");
    assert_int_equal(psq_plan_select(ctx, layout, (const int64_t[]){0, 2}, 2, &plans[0], &err),
                     PSQ_OK);
    FAILS(1, PSQ_SHAPE, "row 0 of sequence 1 is used by no plan");
    assert_int_equal(psq_plan_slice(ctx, layout, 0, 3, &plans[0], &err), PSQ_OK);
    assert_int_equal(psq_plan_slice(ctx, layout, 2, PSQ_END, &plans[1], &err), PSQ_OK);
    FAILS(2, PSQ_SHAPE, "row 2 of sequence 0 is used twice, the second time by plans[1]");
    assert_int_equal(psq_plan_reverse(ctx, layout, &plans[0], &err), PSQ_OK);
    assert_int_equal(psq_plan_reverse(ctx, same, &plans[1], &err), PSQ_OK);
    FAILS(2, PSQ_SHAPE, "plans[1] and plans[0] have different sources");
    const psq_layout *const both[2] = {layout, same};
    assert_int_equal(psq_plan_concat(ctx, both, 2, &plans[0], &err), PSQ_OK);
    FAILS(1, PSQ_SHAPE, "plans[0] has 2 sources, must have 1");
#undef FAILS
    psq_layout_destroy(same);
    psq_layout_destroy(layout);
}

static void plan_apply_errors(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    const psq_layout *const both[2] = {layout, layout};
    psq_plan *plan = NULL;
    assert_int_equal(psq_plan_join(ctx, both, 2, &plan, &err), PSQ_OK);
    float rows[18] = {0};
    psq_storage from[2] = {packed, packed};
    const void *src[2] = {rows, rows};
    float got[18];
#define FAILS(status, words, plan, from, src, to, dst, row_bytes, fill) \
    assert_fails(psq_plan_apply(plan, from, src, to, dst, row_bytes, fill, &err), status, words)
    FAILS(PSQ_INVALID, "plan is NULL", NULL, from, src, packed, got, 4, zeros);
    FAILS(PSQ_INVALID, "from is NULL, must have 2", plan, NULL, src, packed, got, 4, zeros);
    FAILS(PSQ_INVALID, "src is NULL, must have 2", plan, from, NULL, packed, got, 4, zeros);
    FAILS(PSQ_INVALID, "dst is NULL, must have 18 rows of 4 bytes", plan, from, src, packed, NULL,
          4, zeros);
    FAILS(PSQ_SHAPE, "to.n_steps is 7, must be at least the longest length, which is 8", plan, from,
          src, ((psq_storage){PSQ_PADDED_TIME, false, 7}), got, 4, zeros);
    FAILS(PSQ_NOMEM, "src[0] has 9 rows of", plan, from, src, packed, got, SIZE_MAX / 4, zeros);
    FAILS(PSQ_INVALID, "fill.size is 0", plan, from, src, packed, got, 4, ((psq_fill){rows, 0}));
    FAILS(PSQ_INVALID, "fill.size is 3, does not divide row_bytes, which is 4", plan, from, src,
          packed, got, 4, ((psq_fill){rows, 3}));
    src[1] = NULL;
    FAILS(PSQ_INVALID, "src[1] is NULL, must have 9 rows of 4 bytes", plan, from, src, packed, got,
          4, zeros);
    src[1] = rows;
    from[1].order = PSQ_N_ORDER;
    FAILS(PSQ_INVALID, "from[1].order is 4", plan, from, src, packed, got, 4, zeros);
    from[1] = (psq_storage){PSQ_PADDED_BATCH, false, 3};
    FAILS(PSQ_SHAPE, "from[1].n_steps is 3", plan, from, src, packed, got, 4, zeros);
#undef FAILS
    from[1] = packed;
    void *const none[2] = {NULL, NULL};
    assert_int_equal(
        psq_plan_apply(plan, from, (const void *const *)none, packed, NULL, 0, zeros, &err),
        PSQ_OK);
#define FAILS(status, words, plan, dtype, to, ddst, from, dsrc, n_cols) \
    assert_fails(psq_plan_adjoint(plan, dtype, to, ddst, from, dsrc, n_cols, &err), status, words)
    FAILS(PSQ_INVALID, "plan is NULL", NULL, PSQ_F32, packed, got, from, none, 1);
    FAILS(PSQ_INVALID, "dtype is 6", plan, PSQ_I32, packed, got, from, none, 1);
    FAILS(PSQ_INVALID, "n_cols is -1", plan, PSQ_F32, packed, got, from, none, -1);
    FAILS(PSQ_INVALID, "ddst is NULL, must have 18 rows of 8 bytes", plan, PSQ_F64, packed, NULL,
          from, none, 1);
    FAILS(PSQ_INVALID, "dsrc is NULL, must have 2", plan, PSQ_F32, packed, got, from, NULL, 1);
    FAILS(PSQ_NOMEM, "which overflows", plan, PSQ_F32, packed, got, from, none, INT64_MAX);
#undef FAILS
    assert_int_equal(psq_plan_adjoint(plan, PSQ_F32, packed, got, from, none, 1, &err), PSQ_OK);
    psq_plan_destroy(plan);
    psq_layout_destroy(layout);
}

// ---- memory

static psq_status make_everything(const psq_ctx *faulty, void *arg) {
    const psq_layout *const layout = (const psq_layout *)arg;
    const psq_layout *const both[2] = {layout, layout};
    const uint8_t flags[9] = {0, 0, 1, 0, 0, 0, 0, 1, 0};
    const psq_piece piece = {0, 0, 1, 2, true};
    psq_plan *plans[11] = {NULL};
    psq_status status = PSQ_OK;
    psq_error error;
#define TRY(call)               \
    do {                        \
        if (status == PSQ_OK) { \
            status = (call);    \
        }                       \
    } while (0)
    TRY(psq_plan_select(faulty, layout, (const int64_t[]){1, 1}, 2, &plans[0], &error));
    TRY(psq_plan_concat(faulty, both, 2, &plans[1], &error));
    TRY(psq_plan_join(faulty, both, 2, &plans[2], &error));
    TRY(psq_plan_slice(faulty, layout, 1, -1, &plans[3], &error));
    TRY(psq_plan_reverse(faulty, layout, &plans[4], &error));
    TRY(psq_plan_limit(faulty, layout, 2, PSQ_TRUNCATE_END, &plans[5], &error));
    TRY(psq_plan_split(faulty, layout, 2, &plans[6], &error));
    assert_true((plans[6] != NULL) == (plans[7] != NULL));
    TRY(psq_plan_split_at(faulty, layout, jagged, flags, &plans[8], &error));
    TRY(psq_plan_inverse(faulty, (const psq_plan *const *)plans + 6, 2, &plans[9], &error));
    TRY(psq_plan_from_pieces(faulty, both, 1, &piece, (const int64_t[]){0, 1}, 1, &plans[10],
                             &error));
#undef TRY
    if (status == PSQ_OK) {
        assert_gives(plans[10], "abcdABxyz", "cb");
    }
    for (int i = 10; i >= 0; i--) {
        psq_plan_destroy(plans[i]);
    }
    return status;
}

static void plan_failing_allocations(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    fault_each_alloc(make_everything, layout);
    psq_layout_destroy(layout);
}

// A plan is one allocation and its layout two; applying it none.
static void plan_counts_of_allocations(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    psq_fault fault = {0};
    psq_ctx *const counting = fault_ctx(&fault);
    psq_plan *plan = NULL;
    assert_int_equal(psq_plan_slice(counting, layout, 1, -1, &plan, &err), PSQ_OK);
    assert_int_equal(fault.n_live, 3);
    const int64_t n_allocs = fault.n_allocs;
    assert_gives(plan, "abcdABxyz", "bcy");
    assert_int_equal(fault.n_allocs, n_allocs);
    psq_plan_destroy(plan);
    psq_ctx_destroy(counting);
    psq_layout_destroy(layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_slice_as_python),
        cmocka_unit_test(plan_last_rows),
        cmocka_unit_test(plan_append_a_step),
        cmocka_unit_test(plan_limit_cuts_where_told),
        cmocka_unit_test(plan_of_nothing),
        cmocka_unit_test(plan_keeps_given_ties),
        cmocka_unit_test(plan_neighbours_part),
        cmocka_unit_test(plan_pieces_errors),
        cmocka_unit_test(plan_operation_errors),
        cmocka_unit_test(plan_inverse_errors),
        cmocka_unit_test(plan_apply_errors),
        cmocka_unit_test(plan_failing_allocations),
        cmocka_unit_test(plan_counts_of_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
