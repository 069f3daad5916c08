/*
 * rms_norm.cu: RMSNorm with an added residual, and its gradient (arXiv 1910.07467).
 *
 * sum = x + residual, rstd = 1/sqrt(mean(sum^2) + eps), y = sum*rstd*gain;
 * dx = rstd*(g - xhat*mean(g*xhat)) + carry with g = dy*gain and xhat = x*rstd, dgain = column sums of dy*xhat.
 * Bound by memory: 8 bytes an element forward (16 with the residual), 12 backward and 8 more for dgain.
 */
#include "rows.cuh"

int32_t rondo_rms_norm(rondo_stream *s, const float *x, const float *residual, const float *gain, float eps, int64_t rows, int64_t width,
    float *sum, float *y, float *rstd)
{
    NEED(rms_norm, s);
    EXTENT(rms_norm, rows, 0);
    EXTENT(rms_norm, width, 1);
    if (rows == 0) return RONDO_OK;
    NEED(rms_norm, x);
    NEED(rms_norm, gain);
    NEED(rms_norm, y);
    launch_norm(s, Rows{x, width}, residual, gain, eps, rows, width, sum, y, width, rstd, 1);
    return launched(s, "rondo_rms_norm");
}

struct GainTerm {
    const float *x, *rstd, *dy;
    int64_t width;
    __device__ float operator()(int64_t r, int64_t c) const { return dy[r * width + c] * x[r * width + c] * rstd[r]; }
};

int32_t rondo_rms_norm_grad(rondo_stream *s, const float *x, const float *gain, const float *rstd, const float *dy, const float *carry,
    int64_t rows, int64_t width, float *dx, int32_t accumulate_dgain, float *dgain)
{
    NEED(rms_norm_grad, s);
    EXTENT(rms_norm_grad, rows, 0);
    EXTENT(rms_norm_grad, width, 1);
    if (rows > 0) {
        NEED(rms_norm_grad, x);
        NEED(rms_norm_grad, gain);
        NEED(rms_norm_grad, rstd);
        NEED(rms_norm_grad, dy);
        NEED(rms_norm_grad, dx);
    }
    /* Before dx, which may be dy. */
    if (dgain) {
        CHECK_SUMS(rms_norm_grad, width);
        sum_columns(s, GainTerm{x, rstd, dy, width}, rows, width, accumulate_dgain, dgain);
    }
    if (rows > 0) launch_norm_grad(s, Rows{x, width}, gain, rstd, 1, Rows{dy, width}, carry, rows, width, dx, width);
    return launched(s, "rondo_rms_norm_grad");
}
