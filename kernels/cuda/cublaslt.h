/*
 * cublaslt.h: NVIDIA's cuBLASLt where it is installed. It is opened at run time and never linked, so librondo_cuda loads without it.
 *
 * RONDO_CUBLASLT names the library by its path, and "none" does without. Otherwise these are tried in order: libcublasLt.so.13 and
 * .so.12 as the loader finds them, then in lib64 of CUDA_PATH and of /usr/local/cuda. A pip installation is named by RONDO_CUBLASLT:
 * site-packages/nvidia/cu13/lib/libcublasLt.so.13, or nvidia/cublas/lib/libcublasLt.so.12. The emulator takes only a name.
 */
#ifndef RONDO_CUDA_CUBLASLT_H
#define RONDO_CUDA_CUBLASLT_H

#include "device.h"

struct Product;

/* "products by cuBLASLt 13.1.1", or whose they are else. Static storage. */
const char *cublaslt_describe();

/* A stream's part, with its workspace, for the current device: null where there is no library. An error when the one named fails. */
int32_t cublaslt_open(Cublaslt **lt);
void cublaslt_close(Cublaslt *lt);

/* done: the product is enqueued. Else the library has no algorithm for it and nothing has happened. */
int32_t cublaslt_product(rondo_stream *s, const Product &p, bool *done);

#endif
