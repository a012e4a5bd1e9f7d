// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// base.h: what every other header stands on: status and error, number types, the allocator and file
// operations that a host may supply, the context that holds them, and the named tensors that the
// network side and the file side hand to each other.
//
// Rules of the whole library. A function that can fail returns psq_status and, when its last
// argument is not NULL, fills a psq_error with one sentence. On failure every `*out` is NULL and
// other outputs are undefined. Nothing is printed, nothing aborts, there is no global state. Counts
// and indices are int64_t, bytes are size_t. Objects made with a context must be destroyed before
// it; destroy functions accept NULL.
#ifndef PACKSEQ_BASE_H
#define PACKSEQ_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PSQ_VERSION "0.1.0"

#if defined(__GNUC__)
#define PSQ_API __attribute__((visibility("default")))
#define PSQ_MUST __attribute__((warn_unused_result))
#else
#define PSQ_API
#define PSQ_MUST
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum psq_status {
    PSQ_OK = 0,
    PSQ_INVALID,     // an argument has a value that is never legal
    PSQ_SHAPE,       // sizes or layouts do not fit each other
    PSQ_NOMEM,       // an allocation failed, or a size overflows
    PSQ_UNSUPPORTED, // legal, but not built into this version
    PSQ_IO,          // the system refused to open, read, write, sync or rename
    PSQ_FORMAT,      // a file's contents are not what they should be
    PSQ_CANCELLED,   // a callback asked to stop
    PSQ_INTERNAL,    // a defect of this library
    PSQ_N_STATUS
} psq_status;

// One sentence without a final full stop that names the argument, the index and both values, as in
// "lengths[2] is -1, must be at least 0".
typedef struct psq_error {
    psq_status status;
    char text[256];
} psq_error;

// "ok", "invalid", "shape" ...; "unknown" for a value outside the enum. Static storage.
PSQ_API const char *psq_status_name(psq_status status);

// PSQ_VERSION of the library that is running, to compare with the header's.
PSQ_API const char *psq_version(void);

typedef enum psq_dtype {
    PSQ_F32 = 0,
    PSQ_F64,
    PSQ_F16,
    PSQ_BF16,
    PSQ_I8,
    PSQ_I16,
    PSQ_I32,
    PSQ_I64,
    PSQ_U8,
    PSQ_U16,
    PSQ_U32,
    PSQ_U64,
    PSQ_BOOL,
    PSQ_N_DTYPE
} psq_dtype;

// Bytes of one element; 0 for a value outside the enum.
PSQ_API size_t psq_dtype_size(psq_dtype dtype);
// "F32", "I64" ... as safetensors spells them; NULL for a value outside the enum.
PSQ_API const char *psq_dtype_name(psq_dtype dtype);

// ---- memory

// alloc returns `size` bytes (never asked for 0) at a multiple of `align`, a power of two of at
// most 64, or NULL. Both functions must be callable from any thread that uses the context.
typedef struct psq_allocator {
    void *self;
    void *(*alloc)(void *self, size_t size, size_t align);
    void (*free)(void *self, void *ptr);
} psq_allocator;

// ---- files

typedef enum psq_io_mode { PSQ_IO_READ, PSQ_IO_CREATE } psq_io_mode;

// Every function returns 0 or an errno value. read sets *done to 0 at the end of the file; read and
// write may do less than asked, write at least one byte. PSQ_IO_CREATE makes a file to write to and
// gives EEXIST where anything has that name, a symbolic link too. sync and sync_dir return when the
// file, or the directory that holds `path`, is on the disk. close releases the handle even when it
// fails.
typedef struct psq_io {
    void *self;
    int (*open)(void *self, const char *path, psq_io_mode mode, void **file);
    int (*read)(void *self, void *file, void *buf, size_t size, size_t *done);
    int (*write)(void *self, void *file, const void *buf, size_t size, size_t *done);
    int (*sync)(void *self, void *file);
    int (*close)(void *self, void *file);
    int (*rename)(void *self, const char *from, const char *to);
    int (*remove)(void *self, const char *path);
    int (*sync_dir)(void *self, const char *path);
} psq_io;

// ---- context

// A host's threads, where the library is not to make its own. run calls fn(arg) n times, on
// whatever threads, at the same time or one call after the other, and returns when all calls have.
// Calls that have begun wait for each other, without sleeping: those that run at the same time need
// a thread of the system each, not a fibre or a coroutine. A context asks for one run at a time.
typedef struct psq_executor {
    void *self;
    void (*run)(void *self, int64_t n, void (*fn)(void *arg), void *arg);
} psq_executor;

// A context carries the allocator, the file operations, the instruction sets that kernels may use
// and the threads that help a call. It is immutable to its users; any number of threads may share
// it. Helpers serve one call at a time: another that comes meanwhile runs on its caller alone, and
// so does every call in a child that was forked from the process that made the context. Nothing of
// this shows in a result.
typedef struct psq_ctx psq_ctx;

typedef struct psq_ctx_opts {
    size_t struct_size;             // set by PSQ_CTX_OPTS_INIT
    const psq_allocator *allocator; // NULL: the C library's; copied
    const psq_io *io;               // NULL: the system's files; copied
    const char *cpu;   // NULL: environment variable PSQ_CPU, else all. A comma-separated
                       // list of kernel tables that may be used: "ref", "avx2", "avx512", "neon"
    int64_t n_threads; // 1: of a call, its caller's among them, at most PSQ_MAX_THREADS. 0: as many
                       // as the process may use: its affinity mask, its cgroups' quota. More than
                       // those are cut to them. Environment variable PSQ_THREADS, from 1 to
                       // PSQ_MAX_THREADS, goes before this and is taken as it is
    const psq_executor *executor; // NULL: the context's own threads; copied
} psq_ctx_opts;

#define PSQ_MAX_THREADS 256

#define PSQ_CTX_OPTS_INIT \
    { sizeof(psq_ctx_opts), NULL, NULL, NULL, 1, NULL }

// Makes a context. opts may be NULL: all defaults. One allocation. Threads are started by the first
// call that has work for them, with all signals blocked; one that the system refuses is done
// without.
// PSQ_INVALID: struct_size is not this version's; a vtable with a NULL function; a name in `cpu`
// that is no kernel table; n_threads is negative; PSQ_THREADS is no such number, or
// PSQ_CACHE_BYTES, with which tests say how large the last-level cache is, is none from 1 to 2^40.
// PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_ctx_create(const psq_ctx_opts *opts, psq_ctx **out, psq_error *err);

// Ends the context's threads. No call with it may be running.
PSQ_API void psq_ctx_destroy(psq_ctx *ctx);

// How many threads a call may use, the caller's among them; at least 1.
PSQ_API int64_t psq_ctx_n_threads(const psq_ctx *ctx);

// What this context found and allows, for people: kernel tables that this CPU can run,
// space-separated ("ref avx2"), all of them or those that the context's `cpu` allows. Static
// storage as long as the context.
PSQ_API const char *psq_ctx_cpu_found(const psq_ctx *ctx);
PSQ_API const char *psq_ctx_cpu_allowed(const psq_ctx *ctx);

// Memory from the context's allocator at a multiple of 64 bytes, for reserve, scratch, parameters
// and whatever else the caller owns. size 0 gives a pointer that may only be freed. NULL: out of
// memory.
PSQ_API void *psq_malloc(const psq_ctx *ctx, size_t size);
PSQ_API void psq_free(const psq_ctx *ctx, void *ptr);

// ---- names

#define PSQ_MAX_DIMS 8

// A named array: what models export and files hold. Row-major; data is borrowed.
typedef struct psq_tensor {
    const char *name;
    psq_dtype dtype;
    int32_t n_dims; // 0 to PSQ_MAX_DIMS
    int64_t dims[PSQ_MAX_DIMS];
    void *data;
} psq_tensor;

// A pair of strings: the metadata of a file. Borrowed.
typedef struct psq_pair {
    const char *key;
    const char *value;
} psq_pair;

#ifdef __cplusplus
}
#endif

#endif
