// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_alloc.c: memory through a context: alignment, zero and impossible sizes, growing.
#include "base/arena.h"
#include "base/ctx.h"
#include "testing.h"

static psq_error err;

static void malloc_is_aligned(void **state) {
    (void)state;
    psq_ctx *ctx = NULL;
    assert_int_equal(psq_ctx_create(NULL, &ctx, &err), PSQ_OK);
    char *ptrs[100];
    for (size_t i = 0; i < 100; i++) {
        ptrs[i] = (char *)psq_malloc(ctx, i * 7);
        assert_non_null(ptrs[i]);
        assert_int_equal((uintptr_t)ptrs[i] % PSQ_ALIGN, 0);
        memset(ptrs[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < 100; i++) {
        for (size_t k = 0; k < i * 7; k++) {
            assert_int_equal(ptrs[i][k], (char)i);
        }
        psq_free(ctx, ptrs[i]);
    }
    psq_ctx_destroy(ctx);
}

// The vtable's own promise: any power of two up to 64.
static void default_allocator_alignments(void **state) {
    (void)state;
    for (size_t align = 1; align <= PSQ_ALIGN; align *= 2) {
        for (size_t size = 1; size < 40; size++) {
            char *const ptr = (char *)psq_default_allocator.alloc(NULL, size, align);
            assert_non_null(ptr);
            assert_int_equal((uintptr_t)ptr % align, 0);
            memset(ptr, 1, size);
            psq_default_allocator.free(NULL, ptr);
        }
    }
}

static void malloc_of_impossible_sizes(void **state) {
    (void)state;
    psq_fault fault = {0};
    psq_ctx *const ctx = fault_ctx(&fault);
    assert_null(psq_malloc(ctx, SIZE_MAX)); // a saturated size never reaches the allocator
    assert_int_equal(fault.n_allocs, 0);
    assert_null(psq_malloc(ctx, SIZE_MAX - 1)); // with the room for alignment it would wrap
    assert_null(psq_malloc(ctx, SIZE_MAX - PSQ_ALIGN));
    assert_null(psq_malloc(ctx, SIZE_MAX / 2));
    assert_int_equal(fault.n_allocs, 3);
    psq_ctx_destroy(ctx);
}

static void free_accepts_null(void **state) {
    (void)state;
    psq_fault fault = {0};
    psq_ctx *const ctx = fault_ctx(&fault);
    psq_free(ctx, NULL);
    assert_int_equal(fault.n_live, 0);
    psq_ctx_destroy(ctx);
}

static void alloc_zero_is_zero(void **state) {
    (void)state;
    psq_fault fault = {0};
    psq_ctx *const ctx = fault_ctx(&fault);
    static const char zeros[12 * 8];
    void *ptr = NULL;
    // Twice, so that the second may get memory that the first made dirty.
    for (int i = 0; i < 2; i++) {
        assert_int_equal(psq_alloc_zero(ctx, 12, 8, "weights", &ptr, &err), PSQ_OK);
        assert_memory_equal(ptr, zeros, sizeof zeros);
        memset(ptr, 0xff, sizeof zeros);
        psq_free(ctx, ptr);
    }
    assert_int_equal(psq_alloc_zero(ctx, 0, 8, "weights", &ptr, &err), PSQ_OK);
    assert_non_null(ptr);
    psq_free(ctx, ptr);
    assert_int_equal(fault.n_live, 0);
    psq_ctx_destroy(ctx);
}

static void alloc_zero_fails_with_its_name(void **state) {
    (void)state;
    psq_fault fault = {.alloc_countdown = 1};
    psq_ctx *const ctx = fault_ctx(&fault);
    void *ptr = &fault;
    assert_fails(psq_alloc_zero(ctx, 12, 8, "weights", &ptr, &err), PSQ_NOMEM,
                 "out of memory for weights: 12 elements of 8 bytes");
    assert_null(ptr);
    ptr = &fault;
    assert_fails(psq_alloc_zero(ctx, INT64_MAX, 8, "gates", &ptr, &err), PSQ_NOMEM, "for gates");
    assert_null(ptr);
    psq_ctx_destroy(ctx);
}

static void grow_keeps_and_doubles(void **state) {
    (void)state;
    psq_fault fault = {0};
    psq_ctx *const ctx = fault_ctx(&fault);
    void *buffer = NULL;
    size_t capacity = 0;
    assert_int_equal(psq_grow(ctx, &buffer, &capacity, 0, 10, "rows", &err), PSQ_OK);
    assert_int_equal(capacity, 10);
    memcpy(buffer, "0123456789", 10);
    void *const first = buffer;
    assert_int_equal(psq_grow(ctx, &buffer, &capacity, 10, 10, "rows", &err), PSQ_OK);
    assert_ptr_equal(buffer, first); // it is large enough
    assert_int_equal(psq_grow(ctx, &buffer, &capacity, 10, 11, "rows", &err), PSQ_OK);
    assert_int_equal(capacity, 20); // at least doubled
    assert_memory_equal(buffer, "0123456789", 10);
    assert_int_equal(psq_grow(ctx, &buffer, &capacity, 5, 100, "rows", &err), PSQ_OK);
    assert_int_equal(capacity, 100);
    assert_memory_equal(buffer, "01234", 5);
    assert_int_equal(fault.n_allocs, 3);
    psq_free(ctx, buffer);
    assert_int_equal(fault.n_live, 0);
    psq_ctx_destroy(ctx);
}

static void grow_changes_nothing_on_failure(void **state) {
    (void)state;
    psq_fault fault = {.alloc_countdown = 2, .forever = true};
    psq_ctx *const ctx = fault_ctx(&fault);
    void *buffer = NULL;
    size_t capacity = 0;
    assert_int_equal(psq_grow(ctx, &buffer, &capacity, 0, 4, "rows", &err), PSQ_OK);
    memcpy(buffer, "abcd", 4);
    void *const first = buffer;
    assert_fails(psq_grow(ctx, &buffer, &capacity, 4, 9, "rows", &err), PSQ_NOMEM,
                 "out of memory for rows: 9 bytes");
    assert_fails(psq_grow(ctx, &buffer, &capacity, 4, SIZE_MAX, "rows", &err), PSQ_NOMEM, "rows");
    assert_ptr_equal(buffer, first);
    assert_int_equal(capacity, 4);
    assert_memory_equal(buffer, "abcd", 4);
    psq_free(ctx, buffer);
    psq_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malloc_is_aligned),
        cmocka_unit_test(default_allocator_alignments),
        cmocka_unit_test(malloc_of_impossible_sizes),
        cmocka_unit_test(free_accepts_null),
        cmocka_unit_test(alloc_zero_is_zero),
        cmocka_unit_test(alloc_zero_fails_with_its_name),
        cmocka_unit_test(grow_keeps_and_doubles),
        cmocka_unit_test(grow_changes_nothing_on_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
