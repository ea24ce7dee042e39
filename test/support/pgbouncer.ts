import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findFreePort } from '../../local/free-port';
import { reachableTmpdir } from '../../local/postgres-binaries';
import { watchOver } from '../../local/watch-over';
import { eventually } from './eventually';

/** Debian's pgbouncer, or null where it is not installed. */
export const PGBOUNCER =
  [
    '/usr/sbin/pgbouncer',
    '/usr/bin/pgbouncer',
    '/usr/local/bin/pgbouncer',
    '/opt/homebrew/bin/pgbouncer',
  ].find((path) => existsSync(path)) ?? null;

/** It refuses to run as root; `nobody` has this number on Linux. */
const NOBODY = 65_534;

export interface Pgbouncer {
  /** The database's URL, by way of the pooler. */
  readonly url: string;
  kill(): Promise<void>;
  /** After kill(): same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a pooler in transaction mode before a database. */
export async function startPgbouncer(databaseUrl: string, poolSize: number): Promise<Pgbouncer> {
  const binary = PGBOUNCER;
  if (binary === null) throw new Error('pgbouncer is not installed: apt-get install pgbouncer');
  const port = await findFreePort();
  const folder = mkdtempSync(join(reachableTmpdir(), 'quest-mirror-pgbouncer-'));
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, iniFor(new URL(databaseUrl), port, poolSize), { mode: 0o600 });
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const path of [folder, file]) chownSync(path, NOBODY, NOBODY);
  chmodSync(folder, 0o700);
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const watchdog = watchOver();
  let child: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    const started = spawn(binary, [file], { ...identity, cwd: folder, stdio: 'ignore' });
    child = started;
    watchdog.watch({ pids: [started.pid ?? 0], signal: 'SIGKILL', remove: [folder] });
    await eventually(() => started.exitCode !== null || accepts(port), { intervalMs: 20 });
    if (started.exitCode !== null) throw new Error(`pgbouncer ended with ${started.exitCode}`);
  };
  const kill = async (): Promise<void> => {
    const running = child;
    if (running === null || running.exitCode !== null) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await exited;
    child = null;
  };
  const stop = async (): Promise<void> => {
    await kill();
    watchdog.release();
    rmSync(folder, { recursive: true, force: true });
  };
  const url = new URL(databaseUrl);
  url.port = String(port);
  await start();
  return { url: url.href, start, kill, stop };
}

/** The user is forced here, so that the pooler asks its clients for no password of its own. */
function iniFor(server: URL, port: number, poolSize: number): string {
  const { hostname, username, password } = server;
  return `[databases]
* = host=${hostname} port=${server.port} user=${username} password='${decodeURIComponent(password)}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
`;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => socket.end(() => resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
