/* A program of known calls. */
#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sample.h"

static jmp_buf home;

static void jump(void *data)
{
	longjmp(home, 1);
}

static void again(void *data)
{
	int *depth = data;
	static volatile int after;

	if (--*depth > 0)
		sample_call(again, depth);
	/* With a jump as its last act this would look like a call of the library's own. */
	after = *depth;
}

static void *thousand(void *data)
{
	for (int i = 0; i < 1000; i++)
		sample_final(1, 64);
	return 0;
}

int main(void)
{
	static char longest[300];
	pthread_t threads[4];
	void *a, *b, *c;
	unsigned status;
	int depth = 3;

	a = sample_new(1);
	b = sample_new_ex(0, 2);
	c = sample_new(3);
	for (int i = 0; i < 5; i++)
		sample_final(1, 128);
	sample_final(0, 128);
	sample_final(1, 256);
	sample_twice();
	sampler_final(4);
	for (int i = 0; i < 3; i++)
		sample_handshake(a, 3);
	sample_handshake(b, 100);
	sample_handshake(b, 100);
	sample_free(b);
	sample_handshake(c, 100);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	sample_load(a, "/etc/sample/key.pem", "host.example.org", "AES-256-GCM", 17);
	sample_load(a, longest, 0, 0, -1);
	sample_load(a, "!no", (char *)8, "", 0);
	sample_control(a, 7, 66);
	sample_control(a, 8, 67);
	sample_verify(a, &status);
	for (int i = 0; i < 1000; i++)
		sample_bulk(16);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], 0, thousand, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
	if (!fork()) {
		for (int i = 0; i < 7; i++)
			sample_final(1, 512);
		_exit(0);
	}
	wait(0);
	/* Left by a jump, then entered again at the same place. */
	for (volatile int i = 0; i < 3; i++)
		if (!setjmp(home))
			sample_call(jump, 0);
	sample_call(again, &depth);
	return 0;
}
