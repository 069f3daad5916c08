/*
 * rms_norm.cu: RMSNorm with an added residual, and its gradient (arXiv 1910.07467).
 *
 * sum = x + residual, rstd = 1/sqrt(mean(sum^2) + eps), y = sum*rstd*gain;
 * dx = rstd*(g - xhat*mean(g*xhat)) + carry with g = dy*gain and xhat = x*rstd, dgain = column sums of dy*xhat.
 * Bound by memory: 2 elements moved each forward (4 with the residual), 3 backward (4 with carry); see rows.cuh.
 */
#include "rows.cuh"

int32_t device_rms_norm(rondo_stream *s, int32_t type, const void *x, const void *residual, const float *gain, float eps, int64_t rows,
    int64_t width, void *sum, void *y, float *rstd)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        launch_norm(s, Norm<T>{{(const T *) x, width}, (const T *) residual, gain, eps, rows, (int) width, (T *) sum, {(T *) y, width}, rstd, 1});
    });
    return launched(s, "rondo_rms_norm");
}

int32_t device_rms_norm_grad(rondo_stream *s, int32_t type, const void *x, const float *gain, const float *rstd, const void *dy,
    const void *carry, int64_t rows, int64_t width, void *dx, int32_t accumulate_dgain, float *dgain)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        NormGrad<T> job = {{(const T *) x, width}, gain, rstd, 1, {(const T *) dy, width}, (const T *) carry, rows, (int) width,
            {(T *) dx, width}, 0, nullptr};
        launch_norm_grad(s, job, accumulate_dgain, dgain);
    });
    return launched(s, "rondo_rms_norm_grad");
}
