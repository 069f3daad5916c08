/* glibc.h: on x86-64 asks for the oldest versions of the functions that newer glibc has twice, so that a library built here loads on
 * older systems too. Included by the sources that call them. The sanitizers replace functions by name and are left alone. */
#ifndef RONDO_CPU_GLIBC_H
#define RONDO_CPU_GLIBC_H

#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <features.h>
#ifdef __GLIBC__
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.2.5");
__asm__(".symver log, log@GLIBC_2.2.5");
__asm__(".symver logf, logf@GLIBC_2.2.5");
#endif
#endif

#endif
