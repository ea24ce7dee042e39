'use strict';

// Preloaded into a function instance: each SIGUSR2 puts its clock a minute ahead, so that a test need
// not wait for one; put-clock-ahead.ts sends it.
let aheadMs = 0;
const now = Date.now;
Date.now = () => now() + aheadMs;
process.on('SIGUSR2', () => {
  aheadMs += 60_000;
  process.stderr.write(`clock ahead by ${aheadMs} ms\n`);
});
