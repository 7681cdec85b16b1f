#include <stdio.h>
#include "local.h"

/* A point. */
struct point { int x; };

typedef struct { int y; } vec;

enum colour { RED };

/*
 * Adds two numbers.
 */
static int add(int a, int b)
{
    return a + b;
}

char *name(void) { return "x"; }

int declared(int);
