// The worker of the tuner: builds, checks and times candidates, one after
// another, and may die of any of them.
#include "tc/autotune/measure.h"

int main() { return tc::autotune::cpu_worker_main(); }
