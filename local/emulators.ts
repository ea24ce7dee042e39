import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { DatabaseEmulator, DatabaseKind } from './database-emulator';
import { chooseDatabaseEmulator } from './database-emulator';
import { chooseEmulatorPorts, type EmulatorPorts, type RequestedPorts } from './emulator-ports';
import { createEmulatorProject, type EmulatorProject } from './emulator-project';
import { runFirebase } from './firebase-process';

const ROOT = join(__dirname, '..');
/** The default of RTDB_REGION; the emulator serves functions below it. */
const REGION = 'us-central1';
const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

export interface EmulatorsOptions {
  /** The Postgres that the functions write to: their secret QUEST_MIRROR_DATABASE_URL. */
  databaseUrl: string;
  /** Only demo- projects; nothing outside this machine is asked for them. */
  projectId?: string;
  /** More for the functions' environment; params among it go before the committed values. */
  env?: Record<string, string>;
  ports?: RequestedPorts;
  /** Users with ID tokens, for the API; it takes longest of all to start. */
  withAuth?: boolean;
  /** Default: the official database emulator where it can be had, else the stand-in. */
  databaseKind?: DatabaseKind;
  /** Default: this project's. */
  functionsDir?: string;
  /** Another Firebase project than this repository's, without Hosting; its files have all settings. */
  project?: (ports: EmulatorPorts) => EmulatorProject;
  /** Steps that take a moment. */
  onProgress?: (line: string) => void;
  /** Every line that the suite prints, the functions' logs among them. */
  onOutput?: (line: string) => void;
}

export interface Emulators {
  /** host:port, as FIREBASE_DATABASE_EMULATOR_HOST wants it */
  databaseHost: string;
  functionsOrigin: string;
  /** Where the functions are. */
  region: string;
  /** Hosting, whose rewrite leads to the API. */
  hostingOrigin: string;
  /** The page for people; it answers to this machine only. */
  dashboardUrl: string;
  /** host:port, as FIREBASE_AUTH_EMULATOR_HOST wants it; nobody listens there unless asked for. */
  authHost: string;
  projectId: string;
  /** Rules and triggers belong to this one; name it explicitly everywhere. */
  namespace: string;
  databaseKind: DatabaseKind;
  /** Why the database is a stand-in. */
  reason?: string;
  stop(): Promise<void>;
}

/** Starts firebase-tools' emulators of all that is deployed; resolves once they are ready. */
export async function startEmulators(options: EmulatorsOptions): Promise<Emulators> {
  const { projectId = 'demo-quests', onProgress = () => {}, onOutput = () => {} } = options;
  const ports = await chooseEmulatorPorts(options.ports);
  const project = options.project?.(ports) ?? ownProject(options, ports);
  try {
    const { directory: cwd } = project;
    const firebaseBin = firebaseToolsBin();
    const env = { ...firebaseEnv(cwd), ...options.env };
    const database = await chooseDatabaseEmulator({
      ...(options.databaseKind ? { wanted: options.databaseKind } : {}),
      ...{ firebaseBin, env, directory: cwd, onProgress },
    });
    putInPlace(database, env);
    // firebase-tools knows no NO_PROXY: it would ask the proxy for the emulators on this machine.
    for (const name of PROXY_VARIABLES) delete env[name];
    if (database.kind === 'stand-in') {
      onProgress(`RTDB stand-in, not the official emulator (${database.reason})`);
    }
    const more = options.project ? [] : ['hosting', ...(options.withAuth ? ['auth'] : [])];
    const only = ['functions', 'database', ...more];
    onProgress(`Starting the Firebase emulators (${only.join(', ')})`);
    const start = [firebaseBin, 'emulators:start', '--only', only.join(',')];
    const args = [...start, '--project', projectId, '--non-interactive'];
    const firebase = await runFirebase({ args, env, cwd, hubPort: ports.hub, onOutput });
    return {
      databaseHost: `127.0.0.1:${ports.database}`,
      functionsOrigin: `http://127.0.0.1:${ports.functions}`,
      region: REGION,
      hostingOrigin: `http://127.0.0.1:${ports.hosting}`,
      dashboardUrl: `http://127.0.0.1:${ports.functions}/${projectId}/${REGION}/mirrorDashboard`,
      authHost: `127.0.0.1:${ports.auth}`,
      projectId,
      namespace: `${projectId}-default-rtdb`,
      databaseKind: database.kind,
      ...(database.reason ? { reason: database.reason } : {}),
      stop: async () => {
        await firebase.stop();
        project.remove();
      },
    };
  } catch (error) {
    project.remove();
    throw error;
  }
}

function ownProject(options: EmulatorsOptions, ports: EmulatorPorts): EmulatorProject {
  const functionsDir = options.functionsDir ?? join(ROOT, 'functions');
  if (!existsSync(join(functionsDir, 'lib'))) {
    throw new Error(`The functions are not built: there is no ${join(functionsDir, 'lib')}.`);
  }
  return createEmulatorProject({
    functionsDir,
    projectDir: ROOT,
    ports,
    secrets: { QUEST_MIRROR_DATABASE_URL: options.databaseUrl },
    params: options.env ?? {},
  });
}

/** Makes firebase-tools start the stand-in where it would start Java. */
function putInPlace({ binaryPath, pathEntry }: DatabaseEmulator, env: NodeJS.ProcessEnv): void {
  if (binaryPath) env.DATABASE_EMULATOR_BINARY_PATH = binaryPath;
  if (pathEntry) env.PATH = [pathEntry, env.PATH].join(delimiter);
}

function firebaseToolsBin(): string {
  try {
    return join(dirname(require.resolve('firebase-tools/package.json')), 'lib/bin/firebase.js');
  } catch {
    throw new Error('firebase-tools is not installed: run npm install.');
  }
}

function firebaseEnv(directory: string): NodeJS.ProcessEnv {
  const config = join(directory, 'config');
  mkdirSync(config);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    // `node` is what the functions emulator runs functions with.
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    // Without it every event in flight forks a worker, and some events are lost.
    FUNCTIONS_EMULATOR_PARALLEL: '2',
    // A folder of its own for the hub's locator file, sockets and settings: no login, no questions,
    // nothing left in the user's home.
    ...{ TMPDIR: directory, TMP: directory, TEMP: directory, XDG_CONFIG_HOME: config },
    // No look-up of news and newer versions, which would want a network.
    ...{ CI: 'true', NO_UPDATE_NOTIFIER: '1', NO_COLOR: '1', METADATA_SERVER_DETECTION: 'none' },
  };
  // The functions get it as their secret; it must not also leak in from the caller's environment.
  delete env.QUEST_MIRROR_DATABASE_URL;
  delete env.GOOGLE_APPLICATION_CREDENTIALS;
  return env;
}
