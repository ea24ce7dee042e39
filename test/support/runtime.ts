import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { PATHS } from '../../functions/src/app-paths';
import { SERVICES } from '../../functions/src/paths/check-paths';
import { findFreePort } from '../../local/free-port';
import { type Watchdog, watchOver } from '../../local/watch-over';
import { eventually } from './eventually';

const ROOT = join(__dirname, '..', '..');
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
const BUILT = join(ROOT, 'functions/lib/index.js');

const outcomeLineSchema = z.looseObject({
  severity: z.string(),
  message: z.string(),
  outcome: z.string(),
  event_id: z.string().nullable(),
  ref_hash: z.string().optional(),
});

/** The one structured line that the mirror logs for each event. */
export type OutcomeLine = z.infer<typeof outcomeLineSchema>;

type Target =
  | (typeof PATHS)[number]['trigger']
  | 'mirrorApi'
  | 'mirrorDashboard'
  | 'mirrorReconcile'
  | 'mirrorCanary';

export interface RuntimeOptions {
  databaseUrl: string;
  /** `host:port` of something that answers RTDB's REST reads; default: nobody does. */
  rtdbHost?: string;
  /** Overrides of the environment. */
  env?: Record<string, string>;
  port?: number;
  /** The function that it runs. */
  target?: Target;
  /** Another package than this repository's, built, and its function. */
  other?: { folder: string; target: string };
  /** Default: Node 22. */
  node?: string;
  /** A file that Node loads before all else. */
  preload?: string;
}

/** The production runtime (functions-framework on Node 22) with the built functions in it. */
export interface Runtime {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** All that it wrote to stdout and stderr so far, line by line. */
  readonly lines: readonly string[];
  outcomes(): OutcomeLine[];
  /** The first lines of what was thrown. */
  errors(): string[];
  /** The line of one event, awaited: stdout may trail the answer. */
  outcomeOf(eventId: string): Promise<OutcomeLine>;
  /** SIGTERM, as the platform ends an instance. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Starts a function instance; resolves once it listens. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  if (!existsSync(BUILT)) {
    throw new Error('functions/lib is missing: run "npm run build", or the tests by "npm test".');
  }
  const port = options.port ?? (await findFreePort());
  const preload = options.preload ? ['--require', options.preload] : [];
  const child = spawn(
    options.node ?? node22(),
    [...preload, FRAMEWORK, ...frameworkArguments(port, options)],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nothing of this machine's environment: no credentials, no emulators of somebody else.
      env: { ...passedOn(), ...environment(options) },
    },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  guard(child, exited);
  const lines = collectLines(child);
  await eventually(() => child.exitCode !== null || accepts(port), {
    describe: 'the runtime to listen',
    timeoutMs: 20_000,
    intervalMs: 20,
  });
  if (child.exitCode !== null) throw new Error(`the runtime ended:\n${lines.join('\n')}`);
  const outcomes = () => lines.flatMap(outcomeLine);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    pid: child.pid ?? 0,
    lines,
    outcomes,
    errors: () => lines.filter((line) => /^\w*error\b/i.test(line)),
    outcomeOf: (eventId) =>
      eventually(() => outcomes().findLast((line) => line.event_id === eventId) ?? null, {
        describe: `the log line of event ${eventId}`,
      }),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

const MIRROR = 'mirrorQuestCompletion';

function frameworkArguments(
  port: number,
  { target: own = MIRROR, other }: RuntimeOptions,
): string[] {
  const { folder, target } = other ?? { folder: 'functions', target: own };
  return [
    `--target=${target}`,
    `--signature-type=${isTrigger(target) ? 'cloudevent' : 'http'}`,
    `--source=${folder}`,
    `--port=${port}`,
  ];
}

function isTrigger(target: string): boolean {
  return !SERVICES.some((service) => service === target);
}

function passedOn(): NodeJS.ProcessEnv {
  const { PATH, SystemRoot, NODE_COMPILE_CACHE } = process.env;
  return { PATH, SystemRoot, NODE_COMPILE_CACHE };
}

function environment({
  databaseUrl,
  rtdbHost,
  env,
  target,
  other,
}: RuntimeOptions): Record<string, string> {
  return {
    QUEST_MIRROR_DATABASE_URL: databaseUrl,
    // As the platform names it: an instance loads what its function needs.
    FUNCTION_TARGET: other?.target ?? target ?? MIRROR,
    RTDB_INSTANCE: '*',
    RTDB_REGION: 'us-central1',
    ENABLE_SUPABASE_DUAL_WRITE: 'true',
    // Tests read the line of each event.
    LOG_APPLIED_SAMPLE: '1',
    GCLOUD_PROJECT: 'demo-quests',
    FIREBASE_CONFIG: '{}',
    // Port 9 refuses at once: without an emulator the reader would look for Google's credentials.
    FIREBASE_DATABASE_EMULATOR_HOST: rtdbHost ?? '127.0.0.1:9',
    ...env,
  };
}

function collectLines(child: ChildProcess): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  return lines;
}

function outcomeLine(line: string): OutcomeLine[] {
  if (!line.startsWith('{')) return [];
  try {
    const parsed = outcomeLineSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => socket.end(() => resolve(true)));
    socket.once('error', () => resolve(false));
  });
}

let foundNode: string | undefined;

/** Jest cannot import an ES module, and under `npm test` it runs on Node 22 already. */
export function node22(): string {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const finder = pathToFileURL(join(ROOT, 'local/node22.mjs')).href;
  const script = `import { findNode22 } from ${JSON.stringify(finder)}; process.stdout.write(findNode22());`;
  foundNode ??= execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  return foundNode;
}

const running = new Set<number>();
let watchdog: Watchdog | null = null;

afterAll(() => {
  watchdog?.release();
  watchdog = null;
});

/** A runtime must not outlive a test run that was killed. One watchdog is enough for a file. */
function guard(child: ChildProcess, exited: Promise<void>): void {
  const { pid } = child;
  if (pid === undefined) return;
  const update = () => {
    watchdog ??= watchOver();
    watchdog.watch({ pids: [...running], signal: 'SIGKILL', remove: [] });
  };
  running.add(pid);
  update();
  void exited.then(() => {
    running.delete(pid);
    if (watchdog) update();
  });
}
