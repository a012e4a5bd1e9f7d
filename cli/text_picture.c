// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// text_picture.c: ragged batches drawn with characters. A column is a step and a line is a
// sequence; the packed side is sorted and shows row numbers, so that one sees where a column's rows
// lie and why batch_sizes fall; the padded side is as the user has it. Every line is written cell
// by cell with known widths, because UTF-8 makes bytes and columns differ.
#include "text_picture.h"

#include <inttypes.h>
#include <string.h>

enum { GAP = 4, INDENT = 2, MAX_SEQ = 20 };

static const char batch_sizes_label[] = "batch_sizes";

typedef struct glyphs {
    const char *element;
    const char *padding;
    const char *more; // a line or a row goes on
    int more_width;
} glyphs;

static const glyphs utf8_glyphs = {"█", "░", "…", 1};
static const glyphs ascii_glyphs = {"#", ".", "...", 3};

typedef struct picture {
    const psq_layout *layout;
    FILE *out;
    const glyphs *glyph;
    bool colour;
    int cell;         // columns of a cell without the blank before it
    int packed_label; // columns of the labels on the packed side
    int padded_label; // and on the padded side
    int64_t n_seq;    // shown
    int64_t n_steps;  // shown
    bool cut;         // n_steps < T
    bool beside;      // packed lines are filled, because padded ones follow
} picture;

static int n_digits(int64_t value) {
    int n = 1;
    while (value >= 10) {
        value /= 10;
        n++;
    }
    return n;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// ---- cells

// A sequence has the same colour on both sides.
static void colour_begin(const picture *p, int64_t b) {
    if (p->colour) {
        fprintf(p->out, "\033[3%dm", (int)(1 + b % 6));
    }
}

static void colour_dim(const picture *p) {
    if (p->colour) {
        fputs("\033[2m", p->out);
    }
}

static void colour_end(const picture *p) {
    if (p->colour) {
        fputs("\033[0m", p->out);
    }
}

static void cell_number(const picture *p, int64_t value) {
    fprintf(p->out, " %*" PRId64, p->cell, value);
}

static void cell_glyph(const picture *p, const char *glyph) {
    fputc(' ', p->out);
    for (int i = 0; i < p->cell; i++) {
        fputs(glyph, p->out);
    }
}

static void label_seq(const picture *p, int64_t b, int width) {
    fprintf(p->out, "%*sseq %-*" PRId64, INDENT, "", width - 4, b);
}

static void label_text(const picture *p, const char *text, int width) {
    fprintf(p->out, "%*s%-*s", INDENT, "", width, text);
}

// ---- lines: 0 is the header, 1 to n_seq the sequences, the last one batch_sizes

static void numbers_line(const picture *p, const char *label, int width, const int64_t *values) {
    label_text(p, label, width);
    for (int64_t t = 0; t < p->n_steps; t++) {
        cell_number(p, values ? values[t] : t);
    }
    if (p->cut) {
        fprintf(p->out, " %s", p->glyph->more);
    }
}

static void packed_seq(const picture *p, int64_t rank) {
    const psq_storage packed = {PSQ_PACKED, false, 0};
    const int64_t b = psq_layout_sorted_indices(p->layout)[rank];
    const int64_t length = psq_layout_lengths(p->layout)[b];
    label_seq(p, b, p->packed_label);
    colour_begin(p, b);
    for (int64_t t = 0; t < p->n_steps; t++) {
        if (t < length) {
            cell_number(p, psq_storage_row(p->layout, packed, b, t));
        } else if (p->beside) {
            fprintf(p->out, " %*s", p->cell, "");
        }
    }
    if (p->n_steps < length) {
        fprintf(p->out, " %s", p->glyph->more);
    }
    colour_end(p);
}

static void padded_seq(const picture *p, int64_t b) {
    const int64_t length = psq_layout_lengths(p->layout)[b];
    label_seq(p, b, p->padded_label);
    colour_begin(p, b);
    for (int64_t t = 0; t < p->n_steps; t++) {
        if (t == length) {
            colour_end(p);
            colour_dim(p);
        }
        cell_glyph(p, t < length ? p->glyph->element : p->glyph->padding);
    }
    if (p->cut) {
        fprintf(p->out, " %s", p->glyph->more);
    }
    colour_end(p);
}

static void packed_line(const picture *p, int64_t line) {
    if (line == 0) {
        numbers_line(p, "packed   t", p->packed_label, NULL);
    } else if (line <= p->n_seq) {
        packed_seq(p, line - 1);
    } else {
        numbers_line(p, batch_sizes_label, p->packed_label, psq_layout_batch_sizes(p->layout));
    }
}

static void padded_line(const picture *p, int64_t line) {
    if (line == 0) {
        numbers_line(p, "padded t", p->padded_label, NULL);
    } else if (line <= p->n_seq) {
        padded_seq(p, line - 1);
    }
}

static void more_line(const picture *p) {
    const int64_t n_steps = psq_layout_n_steps(p->layout) - p->n_steps;
    const int64_t n_seq = psq_layout_n_seq(p->layout) - p->n_seq;
    if (n_steps > 0) {
        fprintf(p->out, "%*s%s %" PRId64 " more step%s to the right\n", INDENT, "", p->glyph->more,
                n_steps, n_steps == 1 ? "" : "s");
    }
    if (n_seq > 0) {
        fprintf(p->out, "%*s%s %" PRId64 " more sequence%s below\n", INDENT, "", p->glyph->more,
                n_seq, n_seq == 1 ? "" : "s");
    }
}

// ---- pictures

static void draw_beside(const picture *p) {
    for (int64_t line = 0; line <= p->n_seq + 1; line++) {
        packed_line(p, line);
        if (line <= p->n_seq) {
            fprintf(p->out, "%*s", GAP - INDENT, "");
            padded_line(p, line);
        }
        fputc('\n', p->out);
    }
}

static void draw_above(const picture *p) {
    for (int64_t line = 0; line <= p->n_seq + 1; line++) {
        packed_line(p, line);
        fputc('\n', p->out);
    }
    fputc('\n', p->out);
    for (int64_t line = 0; line <= p->n_seq; line++) {
        padded_line(p, line);
        fputc('\n', p->out);
    }
}

void picture_draw(const psq_layout *layout, picture_style style, FILE *out) {
    const int64_t n_seq = psq_layout_n_seq(layout);
    const int64_t n_steps = psq_layout_n_steps(layout);
    const int64_t widest =
        larger(psq_layout_n_rows(layout) - 1, larger(n_steps > 0 ? n_seq : 0, n_steps - 1));
    const int seq_label = 4 + n_digits(larger(n_seq - 1, 0));
    picture p = {.layout = layout, .out = out, .colour = style.colour};
    p.glyph = style.ascii ? &ascii_glyphs : &utf8_glyphs;
    p.cell = n_digits(larger(widest, 0));
    p.packed_label = (int)larger((int64_t)strlen(batch_sizes_label), seq_label);
    p.padded_label = (int)larger((int64_t)strlen("padded t"), seq_label);
    p.n_seq = smaller(n_seq, MAX_SEQ);

    const int64_t column = p.cell + 1;
    const int64_t fit = (style.width - INDENT - p.packed_label) / column;
    const int64_t fit_cut =
        (style.width - INDENT - p.packed_label - 1 - p.glyph->more_width) / column;
    p.cut = n_steps > fit;
    p.n_steps = p.cut ? larger(fit_cut, 1) : n_steps;
    const int64_t both = INDENT + p.packed_label + GAP + p.padded_label + 2 * n_steps * column;
    p.beside = !p.cut && both <= style.width;
    if (p.beside) {
        draw_beside(&p);
    } else {
        draw_above(&p);
    }
    more_line(&p);
}

static void bar(const picture *p, int64_t length) {
    for (int64_t t = 0; t < length; t++) {
        fputs(p->glyph->element, p->out);
    }
    colour_dim(p);
    for (int64_t t = length; t < p->n_steps; t++) {
        fputs(p->glyph->padding, p->out);
    }
    colour_end(p);
}

static void batch_sizes_line(const picture *p, int width) {
    const int64_t *const batch_sizes = psq_layout_batch_sizes(p->layout);
    int used = fprintf(p->out, "%*s%s", INDENT, "", batch_sizes_label);
    for (int64_t t = 0; t < psq_layout_n_steps(p->layout); t++) {
        if (used + 1 + n_digits(batch_sizes[t]) + 1 + p->glyph->more_width > width) {
            fprintf(p->out, " %s", p->glyph->more);
            break;
        }
        used += fprintf(p->out, " %" PRId64, batch_sizes[t]);
    }
    fputc('\n', p->out);
}

void picture_draw_bars(const psq_layout *layout, const char *const *names, int64_t max_seq,
                       picture_style style, FILE *out) {
    const int64_t n_seq = psq_layout_n_seq(layout);
    picture p = {.layout = layout, .out = out, .colour = style.colour};
    p.glyph = style.ascii ? &ascii_glyphs : &utf8_glyphs;
    p.n_seq = smaller(n_seq, max_seq);
    p.n_steps = smaller(psq_layout_n_steps(layout), larger(style.width / 2, 8));
    for (int64_t b = 0; b < p.n_seq; b++) {
        const int64_t length = psq_layout_lengths(layout)[b];
        label_text(&p, "", 0);
        bar(&p, smaller(length, p.n_steps));
        const int room = (int)larger(style.width - INDENT - p.n_steps - 4, 0);
        if (p.n_steps < length) {
            fprintf(out, " %s %" PRId64 " more", p.glyph->more, length - p.n_steps);
        } else if (names && (int64_t)strlen(names[b]) <= room) { // bytes are at least columns
            fprintf(out, "  %s", names[b]);
        }
        fputc('\n', out);
    }
    if (p.n_seq < n_seq) {
        fprintf(out, "%*s%s %" PRId64 " more sequences\n", INDENT, "", p.glyph->more,
                n_seq - p.n_seq);
    }
    batch_sizes_line(&p, style.width);
}

void picture_bar(int64_t length, int64_t width, picture_style style, FILE *out) {
    const picture p = {.out = out,
                       .glyph = style.ascii ? &ascii_glyphs : &utf8_glyphs,
                       .colour = style.colour,
                       .n_steps = width};
    bar(&p, length);
}

void picture_print_saved(const psq_layout *layout, int64_t n_padded, FILE *out) {
    const int64_t n_rows = psq_layout_n_rows(layout);
    const int64_t saved = n_padded - n_rows;
    fprintf(out, "%" PRId64 " row%s packed, %" PRId64 " padded: packing saves %" PRId64 " row%s",
            n_rows, n_rows == 1 ? "" : "s", n_padded, saved, saved == 1 ? "" : "s");
    fprintf(out, " (%.1f %%)\n", n_padded > 0 ? 100.0 * (double)saved / (double)n_padded : 0.0);
}
