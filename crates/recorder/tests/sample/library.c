/* A library of known behaviour: what its functions return is what they were given. */
#include <setjmp.h>
#include <stdlib.h>
#include "sample.h"

struct sample {
	int tries;
	int mode;
};

void *sample_new_ex(void *unused, int mode)
{
	struct sample *s = calloc(1, sizeof(*s));

	s->mode = mode;
	return s;
}

/* Another door to the same: its last act is a jump. */
void *sample_new(int mode)
{
	return sample_new_ex(0, mode);
}

/* Succeeds at the n-th try. */
int sample_handshake(void *s, int n)
{
	return ++((struct sample *)s)->tries >= n ? 1 : -1;
}

void sample_free(void *s)
{
	free(s);
}

int sample_load(void *s, const char *path, const char *host, const char *name, int mode)
{
	((struct sample *)s)->mode = mode;
	return path && *path == '!' ? 5 : 0;
}

int sample_verify(void *s, unsigned *status)
{
	*status = ((struct sample *)s)->mode;
	return 0;
}

void sample_control(void *s, int command, int value)
{
	if (command == 7)
		((struct sample *)s)->mode = value;
}

int sample_final(int result, int bits)
{
	static volatile int last;

	last = bits;
	return result;
}

int sample_bulk(int len)
{
	static volatile int last;

	last = len;
	return 1;
}

/* What a library does by itself. */
int sample_twice(void)
{
	return sample_final(1, 1) + sample_final(1, 2);
}

int sample_call(void (*back)(void *), void *data)
{
	back(data);
	return 1;
}
