import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeJavaShim } from '../rtdb-standin/java-shim';

const run = promisify(execFile);

/** firebase-tools 15: MIN_SUPPORTED_JAVA_MAJOR_VERSION in its lib/emulator/commandUtils.js. */
const REQUIRED_JAVA_MAJOR = 21;
const JAVA_TIMEOUT_MS = 10_000;
const REACHABLE_TIMEOUT_MS = 5_000;
const DOWNLOAD_TIMEOUT_MS = 60_000;

export type DatabaseKind = 'official' | 'stand-in';

export interface DatabaseEmulator {
  kind: DatabaseKind;
  /** Why it is not the official one. */
  reason?: string;
  /** For the environment of firebase-tools. */
  binaryPath?: string;
  /** To be put in front of its PATH. */
  pathEntry?: string;
}

export interface ChooseOptions {
  /** Default: the official one where it can be had. */
  wanted?: DatabaseKind;
  firebaseBin: string;
  env: NodeJS.ProcessEnv;
  /** Where the stand-in's shim may write. */
  directory: string;
  onProgress: (line: string) => void;
}

/** The official emulator where Java and its JAR can be had, else the stand-in, with a reason. */
export async function chooseDatabaseEmulator(options: ChooseOptions): Promise<DatabaseEmulator> {
  const reason =
    options.wanted === 'stand-in' ? 'asked for' : await whyNotOfficial(options).catch(messageOf);
  if (reason === undefined) return { kind: 'official' };
  if (options.wanted === 'official') {
    throw new Error(`The official database emulator cannot be had: ${reason}.`);
  }
  if (process.platform === 'win32') {
    throw new Error(
      `The official database emulator cannot be had (${reason}), and on Windows firebase-tools ` +
        `cannot start the stand-in: install Java ${REQUIRED_JAVA_MAJOR}.`,
    );
  }
  const shim = makeJavaShim(join(options.directory, 'java-shim'), process.execPath);
  return { kind: 'stand-in', reason, ...shim };
}

async function whyNotOfficial(options: ChooseOptions): Promise<string | undefined> {
  const major = await javaMajor(options.env);
  if (major === undefined) return 'there is no Java';
  if (major < REQUIRED_JAVA_MAJOR) {
    return `Java ${major} is too old, firebase-tools wants ${REQUIRED_JAVA_MAJOR}`;
  }
  if (options.env.DATABASE_EMULATOR_BINARY_PATH) return undefined;
  const jar = databaseJar(options);
  if (existsSync(jar.path)) return undefined;
  // Behind a proxy fetch cannot tell; there firebase-tools tries by itself.
  const hasProxy = Boolean(options.env.HTTPS_PROXY ?? options.env.https_proxy);
  if (!hasProxy && !(await isReachable(jar.url))) return 'its JAR cannot be downloaded from here';
  options.onProgress('Downloading the official database emulator (34 MB)');
  const args = [options.firebaseBin, 'setup:emulators:database', '--non-interactive'];
  const { env, directory: cwd } = options;
  await run(process.execPath, args, { env, cwd, timeout: DOWNLOAD_TIMEOUT_MS }).catch(() => {});
  return existsSync(jar.path) ? undefined : 'the download of its JAR failed';
}

async function javaMajor(env: NodeJS.ProcessEnv): Promise<number | undefined> {
  try {
    const { stdout, stderr } = await run('java', ['-version'], { env, timeout: JAVA_TIMEOUT_MS });
    const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(stderr + stdout) ?? [];
    // Java 8 still calls itself 1.8.
    return first === '1' ? Number(second) : first && Number(first) ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}

function databaseJar({ firebaseBin, env }: ChooseOptions): { path: string; url: string } {
  const file = join(dirname(firebaseBin), '..', 'emulator', 'downloadableEmulatorInfo.json');
  const info: { database: { remoteUrl: string; downloadPathRelativeToCacheDir: string } } =
    JSON.parse(readFileSync(file, 'utf8'));
  const cache = env.FIREBASE_EMULATORS_PATH || join(homedir(), '.cache', 'firebase', 'emulators');
  const { remoteUrl, downloadPathRelativeToCacheDir } = info.database;
  return { path: join(cache, downloadPathRelativeToCacheDir), url: remoteUrl };
}

async function isReachable(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(REACHABLE_TIMEOUT_MS);
    return (await fetch(url, { method: 'HEAD', signal })).ok;
  } catch {
    return false;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
