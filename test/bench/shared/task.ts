/** Set in the process that shares a cache with the one of the benchmark. */
export const helperTask = "BENCH_HELPER";
