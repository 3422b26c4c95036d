/* Another library of the same family, which uses the first. */
#include "sample.h"

int sampler_final(int times)
{
	int sum = 0;

	for (int i = 0; i < times; i++)
		sum += sample_final(1, 4);
	return sum;
}
