import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { EmulatorPorts } from './emulator-ports';

export interface EmulatorProjectOptions {
  functionsDir: string;
  /** Where firebase.json, the rules and what Hosting serves are. */
  projectDir: string;
  ports: EmulatorPorts;
  /** Secrets by name. */
  secrets: Record<string, string>;
  /** Values for params, over those of the committed .env files. */
  params: Record<string, string>;
}

export interface EmulatorProject {
  directory: string;
  remove(): void;
}

/** Names that firebase-tools refuses in .env files; they reach the functions by the environment. */
const RESERVED = /^(FIREBASE_|X_GOOGLE_|EXT_|KIT_|K_|FUNCTION_|GCLOUD_|GCP_|GOOGLE_CLOUD_|PORT$)/;

const CLOSED_RULES = { rules: { '.read': false, '.write': false } };

/**
 * Makes a Firebase project in a temporary folder that borrows the functions by links. The secret
 * file, values of params that the emulator writes by itself, log files and the hub's locator so
 * stay out of the working tree, and several suites can run from one tree at once.
 */
export function createEmulatorProject(options: EmulatorProjectOptions): EmulatorProject {
  // The name is short as the functions' sockets lie here: their paths end at 104 bytes on macOS.
  const directory = mkdtempSync(join(tmpdir(), 'quest-emu-'));
  const source = join(directory, 'functions');
  mkdirSync(source);
  const folders = ['lib', 'node_modules', 'assets'].filter((name) =>
    existsSync(join(options.functionsDir, name)),
  );
  for (const name of folders) {
    symlinkSync(join(options.functionsDir, name), join(source, name), 'junction');
  }
  copyFileSync(join(options.functionsDir, 'package.json'), join(source, 'package.json'));
  const committed = readdirSync(options.functionsDir).filter(
    (name) => /^\.env/.test(name) && name !== '.env.local',
  );
  for (const name of committed) copyFileSync(join(options.functionsDir, name), join(source, name));
  writeEnvFile(join(source, '.secret.local'), options.secrets);
  const params = Object.entries(options.params).filter(([name]) => !RESERVED.test(name));
  if (params.length > 0) writeEnvFile(join(source, '.env.local'), Object.fromEntries(params));

  const config = firebaseConfig(options);
  const { rules } = config.database;
  const rulesFile = join(options.projectDir, rules);
  if (existsSync(rulesFile)) copyFileSync(rulesFile, join(directory, rules));
  else writeFileSync(join(directory, rules), JSON.stringify(CLOSED_RULES));
  symlinkSync(
    join(options.projectDir, config.hosting.public),
    join(directory, config.hosting.public),
    'junction',
  );
  writeFileSync(join(directory, 'firebase.json'), JSON.stringify(config, null, 2));
  return { directory, remove: () => removeFolder(directory) };
}

/** What is deployed, as far as the emulators take it. They run no hook of it. */
const committedSchema = z.object({
  database: z.looseObject({ rules: z.string() }),
  hosting: z.looseObject({ public: z.string(), rewrites: z.array(z.unknown()) }),
});

function firebaseConfig({ ports, projectDir }: EmulatorProjectOptions) {
  const text = readFileSync(join(projectDir, 'firebase.json'), 'utf8');
  const { database, hosting } = committedSchema.parse(JSON.parse(text));
  return {
    functions: [{ source: 'functions', codebase: 'quest-mirror', runtime: 'nodejs22' }],
    database,
    hosting,
    emulators: emulatorsOn(ports),
  };
}

/** The emulators' part of a `firebase.json`. */
export function emulatorsOn(ports: EmulatorPorts): Record<string, unknown> {
  const listen = Object.entries(ports).map(([name, port]) => [name, { host: '127.0.0.1', port }]);
  return { ...Object.fromEntries(listen), ui: { enabled: false }, singleProjectMode: true };
}

function writeEnvFile(path: string, values: Record<string, string>): void {
  const escaped = (value: string): string =>
    value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  const lines = Object.entries(values).map(([name, value]) => `${name}="${escaped(value)}"\n`);
  writeFileSync(path, lines.join(''), { mode: 0o600 });
}

function removeFolder(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
