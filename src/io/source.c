// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// source.c: pieces instead of one growing block: growing a block holds the old and the new one at
// once, three times what has come, and copies it again and again.
#include "io/source.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

static psq_status take_piece(psq_source *source, size_t size, psq_rope *rope, size_t *done,
                             psq_error *err) {
    assert(rope->n_pieces < PSQ_MAX_PIECES);
    void *const bytes = psq_malloc(rope->ctx, size);
    PSQ_REQUIRE(err, bytes != NULL, PSQ_NOMEM, "out of memory for %.120s: %zu bytes",
                source->file->path, size);
    psq_chunk *const piece = &rope->pieces[rope->n_pieces++];
    piece->bytes = bytes;
    PSQ_TRY(psq_file_next(source->file, bytes, size, done, err));
    piece->size = *done;
    rope->size += *done;
    return PSQ_OK;
}

psq_status psq_source_take(psq_source *source, size_t size, psq_rope *rope, psq_error *err) {
    assert(rope->n_pieces == 0);
    if (source->file == NULL) {
        rope->size = size < source->left ? size : source->left;
        rope->pieces[rope->n_pieces++] = (psq_chunk){source->at, rope->size};
        rope->borrowed = true;
        source->at = rope->size > 0 ? source->at + rope->size : source->at; // it may be NULL
        source->left -= rope->size;
        return PSQ_OK;
    }
    while (rope->size < size) {
        const size_t most = rope->size > PSQ_FIRST_PIECE ? rope->size : PSQ_FIRST_PIECE;
        const size_t left = size - rope->size;
        const size_t asked = left < most ? left : most;
        size_t done = 0;
        PSQ_TRY(take_piece(source, asked, rope, &done, err));
        if (done < asked) {
            break;
        }
    }
    return PSQ_OK;
}

psq_status psq_rope_join(psq_rope *rope, const char *what, psq_error *err) {
    if (rope->n_pieces == 1) {
        return PSQ_OK;
    }
    char *const bytes = (char *)psq_malloc(rope->ctx, rope->size);
    PSQ_REQUIRE(err, bytes != NULL, PSQ_NOMEM, "out of memory for %.120s: %zu bytes", what,
                rope->size);
    const size_t size = rope->size;
    psq_rope_copy(rope, 0, size, bytes);
    psq_rope_free(rope);
    rope->pieces[rope->n_pieces++] = (psq_chunk){bytes, size};
    rope->size = size;
    return PSQ_OK;
}

void psq_rope_copy(const psq_rope *rope, size_t begin, size_t size, char *out) {
    assert(begin <= rope->size && size <= rope->size - begin);
    for (int i = 0; size > 0; i++) {
        const psq_chunk *const piece = &rope->pieces[i];
        if (begin >= piece->size) {
            begin -= piece->size;
            continue;
        }
        const size_t here = piece->size - begin < size ? piece->size - begin : size;
        memcpy(out, (const char *)piece->bytes + begin, here);
        out += here;
        size -= here;
        begin = 0;
    }
}

void psq_rope_free(psq_rope *rope) {
    for (int i = 0; i < rope->n_pieces && !rope->borrowed; i++) {
        psq_free(rope->ctx, (void *)(uintptr_t)rope->pieces[i].bytes);
    }
    *rope = (psq_rope){.ctx = rope->ctx};
}
