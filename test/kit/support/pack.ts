import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const ROOT = join(__dirname, '..', '..', '..');
const BESIDE = ['migrations', 'ops', 'LICENSE'];
/** As a checkout has it: neither what was built nor what was installed. */
const OF_FUNCTIONS = [
  ...[
    'src',
    'assets',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'pack.mjs',
    'README.md',
  ],
];

export interface PackedPackage {
  version: string;
  /** Its package.json. */
  manifest: Record<string, unknown>;
  file: string;
  /** The names of what is in it. */
  files: string[];
  /** What the scripts left behind in the folder that was packed. */
  leftBehind: string[];
}

export interface PackOptions {
  /** Default: the one of package.json. */
  version?: string;
  /** More of them, by name. */
  migrations?: Readonly<Record<string, string>>;
}

const packedSchema = z.tuple([
  z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }),
]);

/** `npm pack` of a copy of this checkout, its scripts included. */
export function packPackage(
  folder: string,
  { version, migrations = {} }: PackOptions = {},
): PackedPackage {
  const copy = mkdtempSync(join(folder, 'pack-'));
  for (const name of BESIDE) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  for (const [name, sql] of Object.entries(migrations)) {
    writeFileSync(join(copy, 'migrations', name), sql);
  }
  const functions = join(copy, 'functions');
  mkdirSync(functions);
  for (const name of OF_FUNCTIONS) {
    cpSync(join(ROOT, 'functions', name), join(functions, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'functions/node_modules'), join(functions, 'node_modules'), 'junction');
  const manifest = { ...readManifest(functions), ...(version === undefined ? {} : { version }) };
  writeFileSync(join(functions, 'package.json'), JSON.stringify(manifest, null, 2));
  const before = readdirSync(functions);
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', copy], {
    cwd: functions,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [{ filename, files }] = packedSchema.parse(JSON.parse(output.slice(output.indexOf('[\n'))));
  return {
    version: String(manifest.version),
    manifest,
    file: join(copy, filename),
    files: files.map(({ path }) => path),
    leftBehind: readdirSync(functions).filter((name) => name !== 'lib' && !before.includes(name)),
  };
}

function readManifest(folder: string): Record<string, unknown> {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
}
