'use strict';
// Outlives the process that started it by moments only: its stdin is a pipe from that process, and
// the pipe ends however that process ends (SIGKILL and crashes included, which no exit handler
// sees). It then ends what it was told to watch and removes temporary folders.
// Started by watch-over.ts; each line of stdin is the whole charge as JSON:
// {"pids": [1, -2], "signal": "SIGINT", "remove": ["/tmp/x"]}   (a negative pid is a process group)
const { spawnSync } = require('node:child_process');
const { rmSync } = require('node:fs');
const readline = require('node:readline');

const GRACE_MS = 10_000;
const POLL_MS = 50;
let charge = { pids: [], signal: 'SIGTERM', remove: [] };

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function send(pid, signal) {
  try {
    if (process.platform === 'win32') {
      spawnSync('taskkill', ['/pid', String(Math.abs(pid)), '/T', '/F'], { stdio: 'ignore' });
    } else {
      process.kill(pid, signal);
    }
  } catch {
    // Already gone.
  }
}

function finish(deadline) {
  const left = charge.pids.filter(isAlive);
  if (left.length > 0 && Date.now() < deadline) {
    setTimeout(finish, POLL_MS, deadline);
    return;
  }
  for (const pid of left) send(pid, 'SIGKILL');
  for (const path of charge.remove) {
    rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

// A Ctrl-C reaches the whole terminal group; this process must live a little longer than the rest.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  charge = JSON.parse(line);
});
lines.on('close', () => {
  for (const pid of charge.pids) send(pid, charge.signal);
  finish(Date.now() + GRACE_MS);
});
