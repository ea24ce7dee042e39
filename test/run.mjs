#!/usr/bin/env node
// Behind `npm test`: builds the functions, runs jest under Node 22 (arguments are jest's), and
// ends with one plain line "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { envWithNode, findNode22 } from '../local/node22.mjs';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const node = findNode22();

// The terminal sends Ctrl-C to jest as well; this process waits for it to clean up.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});

/** @param {string[]} args @param {NodeJS.ProcessEnv} env */
function runNode(args, env = {}) {
  const options = { cwd: root, stdio: 'inherit', env: { ...envWithNode(node), ...env } };
  const { status, error } = spawnSync(node, args, options);
  if (error) process.stderr.write(`${error.message}\n`);
  return status ?? 1;
}

function runJest() {
  const { folder, env } = makeTemporaryFolder();
  const summaryFile = join(folder, 'summary.json');
  try {
    const jest = join(dirname(require.resolve('jest/package.json')), 'bin', 'jest.js');
    const status = runNode([jest, ...process.argv.slice(2)], {
      QUEST_TEST_SUMMARY: summaryFile,
      ...env,
      // Some 150 Node processes start in a run, most of them the same program.
      NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
    });
    return { status, line: readLine(summaryFile, status) };
  } finally {
    removeTemporaryFolder(folder);
  }
}

/** @param {string} summaryFile @param {number} status */
function readLine(summaryFile, status) {
  try {
    return JSON.parse(readFileSync(summaryFile, 'utf8')).line;
  } catch {
    // Jest ended before its reporters ran: a bad option or a failed global set-up.
    return `0 passed, ${status === 0 ? 0 : 1} failed, 0 skipped`;
  }
}

function buildFunctions() {
  const resolver = createRequire(join(root, 'functions', 'package.json'));
  const tsc = join(dirname(resolver.resolve('typescript/package.json')), 'bin', 'tsc');
  return runNode([tsc, '-p', join(root, 'functions', 'tsconfig.json')]);
}

const built = buildFunctions();
if (built !== 0) process.stderr.write('The functions do not compile; no test was run.\n');
const { status, line } =
  built === 0 ? runJest() : { status: built, line: '0 passed, 1 failed, 0 skipped' };
process.stdout.write(`${line}\n`);
process.exitCode = status;
