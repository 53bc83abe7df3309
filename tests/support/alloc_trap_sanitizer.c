/* Allocation trap in a sanitizer's build: the allocator is the sanitizer's, and tells us. */
#include "tests/support/alloc_trap.h"

#include "base/check.h"

#include <stddef.h>

/* <sanitizer/allocator_interface.h>, which gcc does not install. */
int install_hooks(
    void (*allocated)(const volatile void *, size_t),
    void (*freed)(const volatile void *)) __asm__("__sanitizer_install_malloc_and_free_hooks");

static void on_allocated(const volatile void *ptr, size_t size)
{
    (void)ptr, (void)size;
    alloc_trap_check("an allocation");
}

static void on_freed(const volatile void *ptr)
{
    if (ptr != NULL)
        alloc_trap_check("free()");
}

__attribute__((constructor)) static void hooks_install(void)
{
    ASSERT(install_hooks(on_allocated, on_freed) != 0);
}

void alloc_trap_system_calls(void)
{
}

bool alloc_trap_sees_all(void)
{
    return false;
}

bool alloc_trap_sees_system_calls(void)
{
    return false;
}
