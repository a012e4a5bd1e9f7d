// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// io.h: files. Named tensors in safetensors files, ragged data sets from text and JSONL. Files from
// strangers are safe to load: everything is checked before it is used, memory grows with the file's
// size only (as each function says), and every error about a file names it. A control character is
// here one below U+0020, one from U+007F to U+009F or one that turns the direction of a text:
// U+202A to U+202E, U+2066 to U+2069.
#ifndef PACKSEQ_IO_H
#define PACKSEQ_IO_H

#include "packseq/base.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- safetensors

// Writes tensors and metadata: to a temporary file beside `path`, synced, renamed over `path`,
// directory synced, so that path always holds a whole file. A new file takes the old one's place: a
// symbolic link at path is replaced, not followed, and so is a device; the mode is the umask's. The
// bytes are a function of the arguments: keys of the metadata sorted, tensors by element size
// (largest first) then name, data from a multiple of 64. Nothing is written that
// psq_safetensors_read would refuse. PSQ_INVALID: an empty path; a name or key that is NULL,
// repeated, longer than 1024 bytes, no UTF-8, with a control character, or "__metadata__"; a value
// that is NULL or no UTF-8; a negative dimension; more than the reader's limits. PSQ_UNSUPPORTED: a
// big-endian machine. PSQ_IO: with the path and the system's message; the old file is untouched
// (except where only the last step failed, the directory's sync) and the temporary one removed.
// PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_safetensors_write(const psq_ctx *ctx, const char *path,
                                                  const psq_tensor *tensors, int64_t n_tensors,
                                                  const psq_pair *metadata, int64_t n_metadata,
                                                  psq_error *err);

// A file in memory: tensors sorted by name, each one's data at a multiple of 64 bytes; metadata
// sorted by key. Immutable.
typedef struct psq_safetensors psq_safetensors;

// Reads a whole file. Stricter than the reference reader: header of at most 100,000,000 bytes,
// followed by spaces at most; at most 65,536 tensors and as many metadata; names and keys of at
// most 1024 bytes, without control characters; at most PSQ_MAX_DIMS dimensions; integers without
// sign, fraction, exponent or leading zeros; no duplicate or unknown keys; tensors must fill the
// data without hole, overlap or trailing bytes. PSQ_FORMAT: any of these, naming the tensor and
// both values. PSQ_UNSUPPORTED: a dtype of the format that psq_dtype does not have; a big-endian
// machine. PSQ_IO, PSQ_NOMEM. The file is read in order, each part when the one before has been
// checked: the header's size, the header, the data that it states, one byte more to see the end.
// Memory in use stays below twice the bytes read plus 16 MiB. Pieces of the header go through
// jansson one by one, whose memory, a few MiB and at most six times the longest metadata value,
// does not come from the context's allocator; where it runs out the status may be PSQ_FORMAT.
PSQ_API PSQ_MUST psq_status psq_safetensors_read(const psq_ctx *ctx, const char *path,
                                                 psq_safetensors **out, psq_error *err);

// The same from memory, which is copied. `name` stands for the path in errors.
PSQ_API PSQ_MUST psq_status psq_safetensors_parse(const psq_ctx *ctx, const char *name,
                                                  const void *bytes, size_t size,
                                                  psq_safetensors **out, psq_error *err);
PSQ_API void psq_safetensors_destroy(psq_safetensors *file);

PSQ_API int64_t psq_safetensors_n_tensors(const psq_safetensors *file);
PSQ_API const psq_tensor *psq_safetensors_tensors(const psq_safetensors *file);
PSQ_API int64_t psq_safetensors_n_metadata(const psq_safetensors *file);
PSQ_API const psq_pair *psq_safetensors_metadata(const psq_safetensors *file);
// NULL if there is none.
PSQ_API const psq_tensor *psq_safetensors_find(const psq_safetensors *file, const char *name);
PSQ_API const char *psq_safetensors_get(const psq_safetensors *file, const char *key);

// ---- text data sets

typedef enum psq_text_label {
    PSQ_LABEL_NONE = 0, // a line is a sequence
    PSQ_LABEL_FILE,   // a line is a sequence, its label is the name of its file, without directory
                      // and extension
    PSQ_LABEL_COLUMN, // a line is a label, a separator and a sequence
    PSQ_N_LABEL
} psq_text_label;

typedef struct psq_text_opts {
    size_t struct_size;   // set by PSQ_TEXT_OPTS_INIT
    psq_text_label label; // default PSQ_LABEL_FILE
    char separator;  // default tab; PSQ_LABEL_COLUMN only: the first one in a line counts; ASCII,
                     // not 0 and no line end
    bool skip_empty; // default true: empty lines are no sequences; false: sequences of length 0
    int64_t max_length; // default 65,536 bytes, at least 1; a longer line (without its end, with
                        // its label) is an error, never cut
} psq_text_opts;

#define PSQ_TEXT_OPTS_INIT \
    { sizeof(psq_text_opts), PSQ_LABEL_FILE, '\t', true, 65536 }

// Ragged text: bytes as tokens 0 to 255, in jagged order. Grows by adding files and texts. The
// arrays are valid until the next addition; tokens and labels may be NULL while there are none. A
// token takes four bytes, and the arrays grow by doubling.
typedef struct psq_text psq_text;

// An empty data set. opts may be NULL: all defaults. PSQ_INVALID: an option that is none of the
// above. PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_text_create(const psq_ctx *ctx, const psq_text_opts *opts,
                                            psq_text **out, psq_error *err);
PSQ_API void psq_text_destroy(psq_text *text);

// Adds the lines of a file, which is read piece by piece up to the first fault: separated by LF or
// CRLF, the last one with or without. A byte order mark at its start is skipped. With
// PSQ_LABEL_COLUMN a line that ends behind its separator is a sequence of length 0, whatever
// skip_empty says. PSQ_IO: with the path. PSQ_FORMAT: "path:line: ..." a NUL byte, a line over
// max_length, no separator, bytes that are no UTF-8, a label that is empty, longer than 1024 bytes
// or has a control character. PSQ_INVALID: a path that makes no such label. PSQ_NOMEM. After an
// error the data set is as it was before the call.
PSQ_API PSQ_MUST psq_status psq_text_add_file(psq_text *text, const char *path, psq_error *err);

// The same from memory; `name` stands for the path.
PSQ_API PSQ_MUST psq_status psq_text_add(psq_text *text, const char *name, const char *bytes,
                                         size_t size, psq_error *err);

PSQ_API int64_t psq_text_n_seq(const psq_text *text);
PSQ_API const int64_t *psq_text_offsets(const psq_text *text); // [n_seq + 1]
PSQ_API const int32_t *psq_text_tokens(const psq_text *text);  // [offsets[n_seq]]
PSQ_API const int32_t *
psq_text_labels(const psq_text *text); // [n_seq] index of the label, -1: none

// Labels in the order of their first appearance; a file without sequences brings none. The name is
// NULL for an index that is none.
PSQ_API int64_t psq_text_n_labels(const psq_text *text);
PSQ_API const char *psq_text_label_name(const psq_text *text, int64_t index);

// ---- data sets of numbers

typedef struct psq_series_opts {
    size_t struct_size; // set by PSQ_SERIES_OPTS_INIT
    int64_t max_length; // default 1 MiB, at least 1; a longer line (bytes without its end) is an
                        // error, never cut
} psq_series_opts;

#define PSQ_SERIES_OPTS_INIT \
    { sizeof(psq_series_opts), 1 << 20 }

// Ragged numbers, in jagged order, with labels. Grows by adding files and texts. All sequences are
// of one kind: bytes (U8), single numbers (I32, or F32 once one of them is no integer of 32 bits)
// or vectors of one width (F32). The arrays are valid until the next addition; they grow by
// doubling.
typedef struct psq_series psq_series;

// An empty data set. opts may be NULL: all defaults. PSQ_INVALID: an option that is none of the
// above. PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_series_create(const psq_ctx *ctx, const psq_series_opts *opts,
                                              psq_series **out, psq_error *err);
PSQ_API void psq_series_destroy(psq_series *series);

// Adds the lines of a JSONL file, which is read piece by piece up to the first fault. A line is an
// object, or blank, which is skipped; lines end and the file begins as psq_text_add_file has it.
// "x" is the sequence: a string, whose bytes are the rows, a list of numbers, or a list of lists of
// as many numbers each. An empty list is a sequence of length 0, of numbers or vectors. "y", which
// may be missing, is its label: a string or an integer, which counts as its digits. Other keys are
// ignored. A number becomes the nearest double and then the nearest float; those that have none are
// refused. Whether numbers are integers all lines decide, of all files: a number with a fraction or
// an exponent, or beyond 32 bits, makes all of them floats.
// PSQ_FORMAT: "path:line: ..." a line over max_length, NUL, also as \u0000, bytes that are no
// UTF-8, no JSON, a key twice, no x, an x that is no sequence or of another kind or width than
// before, an integer beyond 64 bits, a number beyond a float, a y that is no label, a label that is
// empty, longer than 1024 bytes or has a control character. PSQ_IO: with the path. PSQ_NOMEM. After
// an error the data set is as it was before the call. A line goes through jansson, whose memory
// does not come from the context's allocator and may be a hundred times the line's; where it runs
// out the status may be PSQ_FORMAT.
PSQ_API PSQ_MUST psq_status psq_series_add_jsonl_file(psq_series *series, const char *path,
                                                      psq_error *err);

// The same from memory; `name` stands for the path.
PSQ_API PSQ_MUST psq_status psq_series_add_jsonl(psq_series *series, const char *name,
                                                 const char *bytes, size_t size, psq_error *err);

PSQ_API int64_t psq_series_n_seq(const psq_series *series);
PSQ_API const int64_t *psq_series_offsets(const psq_series *series); // [n_seq + 1]
// PSQ_U8, PSQ_I32 or PSQ_F32; PSQ_I32 while there are at most empty lists.
PSQ_API psq_dtype psq_series_dtype(const psq_series *series);
// D: the numbers of a vector. 0: rows are no vectors.
PSQ_API int64_t psq_series_width(const psq_series *series);
// [offsets[n_seq]], or [offsets[n_seq]][D], of psq_series_dtype; may be NULL while there are none.
PSQ_API const void *psq_series_values(const psq_series *series);
// [n_seq] index of the label, -1: none; may be NULL while there are none.
PSQ_API const int32_t *psq_series_labels(const psq_series *series);

// As psq_text_n_labels and psq_text_label_name.
PSQ_API int64_t psq_series_n_labels(const psq_series *series);
PSQ_API const char *psq_series_label_name(const psq_series *series, int64_t index);

#ifdef __cplusplus
}
#endif

#endif
