// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_api.c: every wrong argument gets its status and a sentence that names it, and a call
// that is refused writes nothing.
#include "netcall.h"
#include "with_ctx.h"

// ---- create

static psq_rnn_spec good_spec(psq_cell cell) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = cell;
    spec.input_size = 3;
    spec.hidden_size = 4;
    spec.n_layers = 2;
    return spec;
}

static void expect_refused(const psq_rnn_spec *spec, psq_status status, const char *words) {
    psq_rnn *rnn = (psq_rnn *)&err; // anything but NULL
    assert_fails(psq_rnn_create(ctx, spec, &rnn, &err), status, words);
    assert_null(rnn);
    assert_int_equal(psq_rnn_create(ctx, spec, &rnn, NULL), status);
}

static void create_checks_each_field(void **state) {
    (void)state;
    psq_rnn_spec spec = good_spec(PSQ_LSTM);
    spec.struct_size = 8;
    expect_refused(&spec, PSQ_INVALID, "spec.struct_size is 8, must be 72");
    spec = good_spec((psq_cell)7);
    expect_refused(&spec, PSQ_INVALID, "spec.cell is 7, must be from 0 to 3");
    spec = good_spec(PSQ_LSTM);
    spec.dtype = (psq_dtype)99;
    expect_refused(&spec, PSQ_INVALID, "spec.dtype is 99, must be from 0 to 12");
    spec.dtype = PSQ_BF16;
    expect_refused(&spec, PSQ_UNSUPPORTED, "spec.dtype is BF16, must be F32 or F64");
    spec = good_spec(PSQ_LSTM);
    spec.input_size = -1;
    expect_refused(&spec, PSQ_INVALID, "spec.input_size is -1, must be at least 0");
    spec = good_spec(PSQ_LSTM);
    spec.hidden_size = 0;
    expect_refused(&spec, PSQ_INVALID, "spec.hidden_size is 0, must be at least 1");
    spec = good_spec(PSQ_LSTM);
    spec.proj_size = -2;
    expect_refused(&spec, PSQ_INVALID, "spec.proj_size is -2, must be at least 0");
    spec.proj_size = 4;
    expect_refused(&spec, PSQ_INVALID, "spec.proj_size is 4, must be below hidden_size 4");
    spec = good_spec(PSQ_GRU);
    spec.proj_size = 2;
    expect_refused(&spec, PSQ_INVALID,
                   "spec.proj_size is 2, must be 0 for gru: only lstm has a projection");
    spec = good_spec(PSQ_LSTM);
    spec.n_layers = 0;
    expect_refused(&spec, PSQ_INVALID, "spec.n_layers is 0, must be at least 1");
    spec = good_spec(PSQ_LSTM);
    spec.dropout = 1.25;
    expect_refused(&spec, PSQ_INVALID, "spec.dropout is 1.25, must be from 0 to 1");
    spec.dropout = -0.5;
    expect_refused(&spec, PSQ_INVALID, "spec.dropout is -0.5, must be from 0 to 1");
    spec = good_spec(PSQ_LSTM);
    spec.n_tokens = -1;
    expect_refused(&spec, PSQ_INVALID, "spec.n_tokens is -1, must be from 0 to 2147483647");
    spec.n_tokens = (int64_t)1 << 31;
    expect_refused(&spec, PSQ_INVALID, "spec.n_tokens is 2147483648, must be from 0 to 2147483647");
}

static void create_checks_pointers(void **state) {
    (void)state;
    const psq_rnn_spec spec = good_spec(PSQ_LSTM);
    psq_rnn *rnn = NULL;
    assert_fails(psq_rnn_create(ctx, &spec, NULL, &err), PSQ_INVALID, "out is NULL");
    assert_fails(psq_rnn_create(NULL, &spec, &rnn, &err), PSQ_INVALID, "ctx is NULL");
    expect_refused(NULL, PSQ_INVALID, "spec is NULL");
    psq_rnn_destroy(NULL);
}

// The random counter has room for so many layers and units; without dropout there is no limit.
static void create_limits_dropout(void **state) {
    (void)state;
    psq_rnn_spec spec = good_spec(PSQ_RNN_TANH);
    spec.dropout = 0.5;
    spec.n_layers = 257;
    expect_refused(&spec, PSQ_UNSUPPORTED,
                   "spec.n_layers is 257, with dropout it must be at most 256");
    spec = good_spec(PSQ_LSTM);
    spec.dropout = 0.5;
    spec.hidden_size = (int64_t)1 << 23;
    spec.proj_size = ((int64_t)1 << 21) + 1;
    spec.bidirectional = true;
    expect_refused(&spec, PSQ_UNSUPPORTED,
                   "a layer has 2 x 2097153 outputs, with dropout they must be at most 4194304");
    psq_rnn *rnn = NULL;
    spec.proj_size -= 1;
    net_must(psq_rnn_create(ctx, &spec, &rnn, &err), &err);
    psq_rnn_destroy(rnn);
    spec = good_spec(PSQ_RNN_TANH);
    spec.dropout = 0.5;
    spec.n_layers = 256;
    net_must(psq_rnn_create(ctx, &spec, &rnn, &err), &err);
    psq_rnn_destroy(rnn);
    spec.dropout = 0.0;
    spec.n_layers = 257;
    net_must(psq_rnn_create(ctx, &spec, &rnn, &err), &err);
    psq_rnn_destroy(rnn);
}

static void create_refuses_overflow(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {
        // I, H, L
        {INT64_MAX, 1, 1},     {0, INT64_MAX, 1},     {1, (int64_t)1 << 31, 1}, {0, 1, INT64_MAX},
        {0, 4, INT64_MAX / 2}, {INT64_MAX / 4, 1, 2}, {1, 1, (int64_t)1 << 57}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        psq_rnn_spec spec = good_spec(PSQ_GRU);
        spec.input_size = sizes[i][0];
        spec.hidden_size = sizes[i][1];
        spec.n_layers = sizes[i][2];
        expect_refused(&spec, PSQ_NOMEM, "the number of parameters overflows: input_size ");
    }
    psq_rnn_spec wide = good_spec(PSQ_GRU);
    wide.hidden_size = 1;
    wide.input_size = (int64_t)1 << 33;
    wide.n_tokens = INT32_MAX;
    expect_refused(&wide, PSQ_NOMEM,
                   "a table of 2147483647 tokens of 8589934592 elements overflows");
    // 6 weights in each further layer: 2^64 + 2 of them in all
    psq_rnn_spec spec = good_spec(PSQ_GRU);
    spec.hidden_size = 1;
    spec.bias = false;
    spec.n_layers = (int64_t)(UINT64_MAX / 6) + 2;
    expect_refused(&spec, PSQ_NOMEM, "the number of parameters overflows: input_size ");
}

static psq_status run_create(const psq_ctx *with, void *arg) {
    psq_rnn *rnn = NULL;
    const psq_status status = psq_rnn_create(with, (const psq_rnn_spec *)arg, &rnn, NULL);
    assert_true((status == PSQ_OK) == (rnn != NULL));
    psq_rnn_destroy(rnn);
    return status;
}

static void create_fails_cleanly_without_memory(void **state) {
    (void)state;
    psq_rnn_spec spec = good_spec(PSQ_LSTM);
    fault_each_alloc(run_create, &spec);
}

static void pack_checks_pointers(void **state) {
    (void)state;
    const psq_rnn_spec spec = good_spec(PSQ_LSTM);
    psq_net net = net_random(ctx, &spec);
    float *const weights = net_weights(net.n_weights, 1);
    char *const panels = (char *)net.panels;
    assert_fails(psq_rnn_pack(NULL, weights, panels, &err), PSQ_INVALID, "rnn is NULL");
    assert_fails(psq_rnn_pack(net.rnn, NULL, panels, &err), PSQ_INVALID, "weights is NULL");
    assert_fails(psq_rnn_pack(net.rnn, (const char *)weights + 1, panels, &err), PSQ_INVALID,
                 "weights is not aligned to its elements of 4 bytes");
    assert_fails(psq_rnn_pack(net.rnn, weights, NULL, &err), PSQ_INVALID, "panels is NULL");
    assert_fails(psq_rnn_pack(net.rnn, weights, panels + 4, &err), PSQ_INVALID,
                 "panels is not aligned to 64 bytes");
    free(weights);
    net_destroy(&net);
}

static void sizes_checks_arguments(void **state) {
    (void)state;
    const psq_rnn_spec spec = good_spec(PSQ_LSTM);
    psq_net net = net_random(ctx, &spec);
    const int64_t length = 3;
    psq_layout *const layout = net_layout(ctx, &length, 1);
    size_t a = 0;
    size_t b = 0;
    assert_fails(psq_rnn_sizes(NULL, layout, 0, &a, &b, &err), PSQ_INVALID, "rnn is NULL");
    assert_fails(psq_rnn_sizes(net.rnn, NULL, 0, &a, &b, &err), PSQ_INVALID, "layout is NULL");
    assert_fails(psq_rnn_sizes(net.rnn, layout, 8, &a, &b, &err), PSQ_INVALID,
                 "flags is 8, must be a sum of PSQ_TRAIN 1, PSQ_KEEP 2 and PSQ_RECOMPUTE 4");
    assert_fails(psq_rnn_sizes(net.rnn, layout, PSQ_KEEP, &a, &b, &err), PSQ_INVALID,
                 "flags is 2, PSQ_KEEP 2 and PSQ_RECOMPUTE 4 need PSQ_TRAIN 1");
    assert_fails(psq_rnn_sizes(net.rnn, layout, PSQ_RECOMPUTE, &a, &b, &err), PSQ_INVALID,
                 "flags is 4, PSQ_KEEP 2 and PSQ_RECOMPUTE 4 need PSQ_TRAIN 1");
    assert_fails(psq_rnn_sizes(net.rnn, layout, PSQ_KEEP | PSQ_RECOMPUTE, &a, &b, &err),
                 PSQ_INVALID, "flags is 6, PSQ_KEEP 2 and PSQ_RECOMPUTE 4 need PSQ_TRAIN 1");
    assert_fails(psq_rnn_sizes(net.rnn, layout, 0, NULL, &b, &err), PSQ_INVALID,
                 "reserve_bytes is NULL");
    assert_fails(psq_rnn_sizes(net.rnn, layout, 0, &a, NULL, &err), PSQ_INVALID,
                 "scratch_bytes is NULL");
    psq_layout_destroy(layout);
    net_destroy(&net);
}

// ---- forward and backward

static psq_status forward(const netcall *call) {
    return psq_rnn_forward(call->net->rnn, call->layout, call->net->panels, &call->io, call->flags,
                           call->reserve, call->scratch, &err);
}

static psq_status backward(const netcall *call) {
    return psq_rnn_backward(call->net->rnn, call->layout, call->net->panels, &call->io,
                            &call->grads, call->flags, call->reserve, call->scratch, &err);
}

// Both calls must refuse, for the same reason, and leave y and dx as they were: zeros.
static void expect_both(const netcall *call, psq_status status, const char *words) {
    assert_fails(forward(call), status, words);
    assert_fails(backward(call), status, words);
    for (int64_t i = 0; i < call->n_y; i++) {
        assert_true(((const float *)call->io.y)[i] == 0.0f);
    }
    for (int64_t i = 0; i < call->n_x; i++) {
        assert_true(((const float *)call->grads.dx)[i] == 0.0f);
    }
}

typedef struct fixture {
    psq_net net;
    netcall call;
} fixture;

static const int64_t lengths[] = {2, 0, 5};

static void begin(fixture *f, psq_cell cell) {
    const psq_rnn_spec spec = good_spec(cell);
    f->net = net_random(ctx, &spec);
    f->call = netcall_create(&f->net, lengths, 3, PSQ_TRAIN);
}

static void end(fixture *f) {
    netcall_destroy(&f->call);
    net_destroy(&f->net);
}

static void calls_check_objects(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    netcall call = f.call;
    psq_net net = f.net;
    call.net = &net;
    net.rnn = NULL;
    expect_both(&call, PSQ_INVALID, "rnn is NULL");
    net = f.net;
    call.layout = NULL;
    expect_both(&call, PSQ_INVALID, "layout is NULL");
    call.layout = f.call.layout;
    net.panels = NULL;
    expect_both(&call, PSQ_INVALID, "panels is NULL, must be ");
    net.panels = (char *)f.net.panels + 32;
    expect_both(&call, PSQ_INVALID, "panels is not aligned to 64 bytes");
    net = f.net;
    assert_fails(psq_rnn_forward(net.rnn, call.layout, net.panels, NULL, PSQ_TRAIN, call.reserve,
                                 call.scratch, &err),
                 PSQ_INVALID, "io is NULL");
    assert_fails(psq_rnn_backward(net.rnn, call.layout, net.panels, &call.io, NULL, PSQ_TRAIN,
                                  call.reserve, call.scratch, &err),
                 PSQ_INVALID, "grads is NULL");
    end(&f);
}

static void calls_check_flags(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    f.call.flags = 9;
    assert_fails(forward(&f.call), PSQ_INVALID, "flags is 9, must be a sum of");
    assert_fails(backward(&f.call), PSQ_INVALID, "flags is 9, must be a sum of");
    const unsigned untrained[] = {PSQ_KEEP, PSQ_RECOMPUTE, PSQ_KEEP | PSQ_RECOMPUTE};
    for (int i = 0; i < 3; i++) {
        f.call.flags = untrained[i];
        assert_fails(forward(&f.call), PSQ_INVALID, "PSQ_RECOMPUTE 4 need PSQ_TRAIN 1");
        assert_fails(backward(&f.call), PSQ_INVALID, "PSQ_RECOMPUTE 4 need PSQ_TRAIN 1");
    }
    f.call.flags = 0;
    assert_fails(backward(&f.call), PSQ_INVALID, "flags is 0, must have PSQ_TRAIN 1");
    end(&f);
}

static void calls_check_buffers(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    netcall call = f.call;
    call.reserve = NULL;
    expect_both(&call, PSQ_INVALID, "reserve is NULL, must be ");
    call.reserve = (char *)f.call.reserve + 8;
    expect_both(&call, PSQ_INVALID, "reserve is not aligned to 64 bytes");
    call = f.call;
    call.scratch = NULL;
    expect_both(&call, PSQ_INVALID, "scratch is NULL, must be ");
    call.scratch = (char *)f.call.scratch + 8;
    expect_both(&call, PSQ_INVALID, "scratch is not aligned to 64 bytes");
    end(&f);
}

static void calls_check_struct_sizes(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    netcall call = f.call;
    call.io.struct_size = 7;
    expect_both(&call, PSQ_INVALID, "io.struct_size is 7, must be ");
    call = f.call;
    call.grads.struct_size = 9;
    assert_fails(backward(&call), PSQ_INVALID, "grads.struct_size is 9, must be ");
    end(&f);
}

static void calls_check_storages(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    netcall call = f.call;
    call.io.x_storage.order = (psq_order)5;
    expect_both(&call, PSQ_INVALID, "io.x_storage.order is 5");
    call = f.call;
    call.io.y_storage = (psq_storage){PSQ_PADDED_BATCH, false, 4};
    expect_both(&call, PSQ_SHAPE,
                "io.y_storage.n_steps is 4, must be at least the longest length, which is 5");
    call.io.y_storage.n_steps = -1;
    expect_both(&call, PSQ_INVALID, "io.y_storage.n_steps is -1, must be at least 0");
    call.io.y_storage.n_steps = INT64_MAX;
    expect_both(&call, PSQ_NOMEM, "io.y_storage has 3 sequences of ");
    call.io.y_storage.n_steps = INT64_MAX / 3;
    expect_both(&call, PSQ_NOMEM, "rows of 4 elements, which overflows");
    end(&f);
}

// Arrays whose address is no multiple of an element's size.
static void calls_check_alignment(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    const struct {
        size_t offset;
        const char *words;
        bool in_grads;
    } fields[] = {
        {offsetof(psq_rnn_io, x), "io.x is not aligned to its elements of 4 bytes", false},
        {offsetof(psq_rnn_io, y), "io.y is not aligned", false},
        {offsetof(psq_rnn_io, h0), "io.h0 is not aligned", false},
        {offsetof(psq_rnn_io, c0), "io.c0 is not aligned", false},
        {offsetof(psq_rnn_io, hn), "io.hn is not aligned", false},
        {offsetof(psq_rnn_io, cn), "io.cn is not aligned", false},
        {offsetof(psq_rnn_io, layer_outputs), "io.layer_outputs is not aligned", false},
        {offsetof(psq_rnn_io, cells), "io.cells is not aligned", false},
        {offsetof(psq_rnn_grads, dy), "grads.dy is not aligned", true},
        {offsetof(psq_rnn_grads, dhn), "grads.dhn is not aligned", true},
        {offsetof(psq_rnn_grads, dcn), "grads.dcn is not aligned", true},
        {offsetof(psq_rnn_grads, dx), "grads.dx is not aligned", true},
        {offsetof(psq_rnn_grads, dh0), "grads.dh0 is not aligned", true},
        {offsetof(psq_rnn_grads, dc0), "grads.dc0 is not aligned", true},
        {offsetof(psq_rnn_grads, dweights), "grads.dweights is not aligned", true},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        netcall call = f.call;
        char *const base = fields[i].in_grads ? (char *)&call.grads : (char *)&call.io;
        char *array;
        memcpy(&array, base + fields[i].offset, sizeof array);
        array += 2;
        memcpy(base + fields[i].offset, &array, sizeof array);
        if (!fields[i].in_grads) {
            assert_fails(forward(&call), PSQ_INVALID, fields[i].words);
        }
        assert_fails(backward(&call), PSQ_INVALID, fields[i].words);
    }
    end(&f);
}

static void calls_check_x_and_starts(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    netcall call = f.call;
    call.io.x = NULL;
    expect_both(&call, PSQ_INVALID, "io.x is NULL, must be 7 rows of 3 elements");
    call = f.call;
    const int64_t starts[] = {0, -4, 0};
    call.io.starts = starts;
    expect_both(&call, PSQ_INVALID, "io.starts[1] is -4, must be at least 0");
    end(&f);
}

static void calls_check_tokens(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    int32_t none[7] = {0};
    netcall call = f.call;
    call.io.tokens = none;
    expect_both(&call, PSQ_INVALID, "io.tokens is given, but spec.n_tokens is 0");
    end(&f);

    psq_rnn_spec spec = good_spec(PSQ_LSTM);
    spec.n_tokens = 10;
    f.net = net_random(ctx, &spec);
    f.call = netcall_create(&f.net, lengths, 3, PSQ_TRAIN);
    int32_t *const tokens = (int32_t *)(uintptr_t)f.call.io.tokens;
    call = f.call;
    call.io.tokens = NULL;
    expect_both(&call, PSQ_INVALID, "io.tokens is NULL, must be 7 rows");
    call.io.tokens = (const int32_t *)((const char *)tokens + 2);
    expect_both(&call, PSQ_INVALID, "io.tokens is not aligned to its elements of 4 bytes");
    call = f.call;
    call.io.x = NULL;
    expect_both(&call, PSQ_INVALID, "io.x is NULL, must be 10 rows of 3 elements");
    call = f.call;
    tokens[3] = 10; // packed: of two sequences at the second step, the shorter
    const char *const words = "io.tokens of sequence 0 at time 1 is 10, must be from 0 to 9";
    expect_both(&call, PSQ_INVALID, words);
    tokens[3] = 0;
    tokens[6] = -1;
    expect_both(&call, PSQ_INVALID, "io.tokens of sequence 2 at time 4 is -1, must be from 0 to 9");
    end(&f);
}

static void calls_refuse_cell_states_without_a_cell(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_GRU);
    float states[64] = {0};
    netcall call = f.call;
    call.io.c0 = states;
    expect_both(&call, PSQ_INVALID, "io.c0 is given, but gru has no cell state");
    call = f.call;
    call.io.cn = states;
    expect_both(&call, PSQ_INVALID, "io.cn is given, but gru has no cell state");
    call = f.call;
    call.io.cells = states;
    expect_both(&call, PSQ_INVALID, "io.cells is given, but gru has no cell state");
    call = f.call;
    call.grads.dcn = states;
    assert_fails(backward(&call), PSQ_INVALID, "grads.dcn is given, but gru has no cell state");
    call = f.call;
    call.grads.dc0 = states;
    assert_fails(backward(&call), PSQ_INVALID, "grads.dc0 is given, but gru has no cell state");
    end(&f);
}

// ---- small things are legal

static void expect_runs(psq_cell cell, int64_t input_size, int64_t hidden_size,
                        const int64_t *with_lengths, int64_t n_seq) {
    psq_rnn_spec spec = good_spec(cell);
    spec.input_size = input_size;
    spec.hidden_size = hidden_size;
    spec.bidirectional = true;
    psq_net net = net_random(ctx, &spec);
    netcall call = netcall_create(&net, with_lengths, n_seq, PSQ_TRAIN);
    if (call.n_x == 0) {
        free((void *)(uintptr_t)call.io.x);
        call.io.x = NULL;
    }
    netcall_forward(&call);
    netcall_backward(&call);
    netcall_destroy(&call);
    net_destroy(&net);
}

static void small_sizes_run(void **state) {
    (void)state;
    static const int64_t one[] = {1};
    static const int64_t none[] = {0, 0};
    static const int64_t some[] = {0, 3, 1};
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        expect_runs((psq_cell)cell, 3, 4, NULL, 0);
        expect_runs((psq_cell)cell, 3, 4, none, 2);
        expect_runs((psq_cell)cell, 3, 4, one, 1);
        expect_runs((psq_cell)cell, 0, 4, some, 3);
        expect_runs((psq_cell)cell, 1, 1, some, 3);
    }
}

static void inference_needs_no_reserve(void **state) {
    (void)state;
    fixture f;
    begin(&f, PSQ_LSTM);
    f.call.flags = 0;
    size_t reserve_bytes = 1;
    size_t scratch_bytes = 0;
    net_must(psq_rnn_sizes(f.net.rnn, f.call.layout, 0, &reserve_bytes, &scratch_bytes, &err),
             &err);
    assert_int_equal(reserve_bytes, 0);
    free(f.call.reserve);
    free(f.call.scratch);
    f.call.reserve = NULL;
    f.call.scratch = netcall_block(scratch_bytes);
    net_must(forward(&f.call), &err);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_checks_each_field),
        cmocka_unit_test(create_checks_pointers),
        cmocka_unit_test(create_limits_dropout),
        cmocka_unit_test(create_refuses_overflow),
        cmocka_unit_test(create_fails_cleanly_without_memory),
        cmocka_unit_test(pack_checks_pointers),
        cmocka_unit_test(sizes_checks_arguments),
        cmocka_unit_test(calls_check_objects),
        cmocka_unit_test(calls_check_flags),
        cmocka_unit_test(calls_check_buffers),
        cmocka_unit_test(calls_check_struct_sizes),
        cmocka_unit_test(calls_check_storages),
        cmocka_unit_test(calls_check_alignment),
        cmocka_unit_test(calls_check_x_and_starts),
        cmocka_unit_test(calls_check_tokens),
        cmocka_unit_test(calls_refuse_cell_states_without_a_cell),
        cmocka_unit_test(small_sizes_run),
        cmocka_unit_test(inference_needs_no_reserve),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
