/** Set in the process that receives. */
export const receiverTask = "BENCH_RECEIVER";
