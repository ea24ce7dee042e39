'use strict';

// Preloaded into a function instance: each SIGUSR2 puts its clock a minute ahead, so that a test need
// not wait for one.
let aheadMs = 0;
const now = Date.now;
Date.now = () => now() + aheadMs;
process.on('SIGUSR2', () => {
  aheadMs += 60_000;
});
