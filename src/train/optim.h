// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// optim.h: what psq_fit shares with the optimisers' public calls.
#ifndef PACKSEQ_TRAIN_OPTIM_H
#define PACKSEQ_TRAIN_OPTIM_H

#include "packseq/train.h"

// PSQ_INVALID: a value of optim is out of range; `name` stands for the argument.
PSQ_MUST psq_status psq_optim_check(const char *name, const psq_optim *optim, psq_error *err);

#endif
