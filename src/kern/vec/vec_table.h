// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_table.h: a whole float table over a vector vocabulary, which the including file includes
// before, together with TABLE (the symbol), NAME and CPU. What takes no time worth speaking of is
// the plain C of ref/, compiled for the instruction set.
#define REAL_IS_FLOAT 1

#include "kern/ref/real.h"

#include "kern/ref/act.h"
#include "kern/ref/rows.h"
#include "kern/ref/train.h"

#include "kern/vec/vec_panel.h"

#include "kern/vec/vec_tile.h"

#include "kern/vec/vec_act.h"

#include "kern/vec/vec_cell.h"
#include "kern/vec/vec_outer.h"

#include "kern/vec/vec_pool.h"

#include "kern/ref/slots.h"
