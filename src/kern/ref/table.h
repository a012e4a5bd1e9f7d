// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// table.h: a whole kernel table in plain C. The including file defines TABLE (the symbol), NAME,
// CPU and REAL_IS_FLOAT; everything else here is static, so that files compiled for other
// instruction sets share nothing.
#include "kern/ref/real.h"

#include "kern/ref/act.h"
#include "kern/ref/cell.h"
#include "kern/ref/rows.h"
#include "kern/ref/tile.h"
#include "kern/ref/train.h"

#include "kern/ref/pool.h"

#include "kern/ref/slots.h"
