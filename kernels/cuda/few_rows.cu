/* few_rows.cu: products of few rows with weights of 16 or 32 bits. See few_rows.cuh. */
#include "few_rows.cuh"

void few_rows_product(rondo_stream *s, const Product &p)
{
    FewRows job = {.entries = p.batch, .n = p.n, .k = p.k, .rows = (int) p.m, .last_rows = (int) p.m, .x = p.a.data, .w = p.b.data,
        .x_ld = p.a.ld, .x_step = p.a.step, .w_ld = p.b.ld, .w_step = p.b.step, .alpha = p.alpha, .beta = p.beta, .scale = nullptr,
        .c = p.c, .out = p.out, .c_ld = p.c_ld, .c_step = p.c_step, .out_ld = p.out_ld, .out_step = p.out_step, .out_type = p.out_type,
        .aligned = rows_aligned(p.a.data, element_bytes(p.a.type), p.a.ld, p.batch, p.a.step)
            && rows_aligned(p.b.data, element_bytes(p.b.type), p.b.ld, p.batch, p.b.step)};
    if (p.a.type == RONDO_F32 && p.b.type == RONDO_F32) start_few_rows<float, float>(s, job);
    else if (p.a.type == RONDO_F32) start_few_rows<float, uint16_t>(s, job);
    else if (p.b.type == RONDO_F32) start_few_rows<uint16_t, float>(s, job);
    else start_few_rows<uint16_t, uint16_t>(s, job);
}
