/*
 * What a test program says of itself: a line of JSON for each function that it called. The tests compare what was
 * recorded with these lines, which come from the program's own knowledge and from the library's headers alone.
 */
#ifndef SAID_H
#define SAID_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* "function" was called so often, each time with this result ("success", "failure", "unknown") and these arguments. */
static void said(const char *function, long count, const char *result, const char *args, ...)
{
	va_list list;

	printf("{\"function\":\"%s\",\"count\":%ld,\"result\":\"%s\",\"args\":{", function, count, result);
	va_start(list, args);
	vprintf(args, list);
	va_end(list);
	printf("}}\n");
}

/* Only recorded with the bulk functions. */
__attribute__((unused)) static void said_bulk(const char *function, long count, const char *args, ...)
{
	va_list list;

	printf("{\"bulk\":true,\"function\":\"%s\",\"count\":%ld,\"result\":\"success\",\"args\":{", function, count);
	va_start(list, args);
	vprintf(args, list);
	va_end(list);
	printf("}}\n");
}

/* A handshake that took so many calls. */
__attribute__((unused)) static void said_handshake(const char *function, int tries, const char *result)
{
	printf("{\"function\":\"%s\",\"count\":1,\"result\":\"%s\",\"tries\":%d,\"args\":{}}\n", function, result, tries);
}

static void want(int right, const char *what)
{
	if (!right) {
		fprintf(stderr, "this went wrong: %s\n", what);
		exit(1);
	}
}

#endif
