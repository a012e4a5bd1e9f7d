// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tiles.h: the rows of a whole batch from one place to another.
#ifndef PACKSEQ_RAGGED_TILES_H
#define PACKSEQ_RAGGED_TILES_H

#include "packseq/ragged.h"
#include "ragged/place.h"

// Every element of src's layout, which is dst's too, and the padding of dst. Arguments are valid,
// memory does not overlap; row_bytes may be 0. Large batches are copied by the context's team.
void psq_tiles_copy(const psq_place *src, const psq_place *dst, psq_fill fill);

#endif
