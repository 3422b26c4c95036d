/* Preloaded: the program has mapped all its libraries, and waits for a line of standard input before it begins. */
#include <unistd.h>

__attribute__((constructor)) static void hold(void)
{
	char byte = 0;

	while (byte != '\n' && read(0, &byte, 1) == 1)
		;
}
