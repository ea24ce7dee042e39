// `npm pack` and `npm publish` run it (package.json, prepack and postpack): puts what lies outside this
// folder into the package, and takes it out again.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const BORROWED = ['migrations', 'ops', 'LICENSE'];
const SHRINKWRAP = 'npm-shrinkwrap.json';

/**
 * The lockfile, without what the package's users bring (peers) or never get (tools): from a registry npm
 * installs each entry that is left below the package, a second copy of the Firebase SDKs included.
 *
 * @param {string} text of package-lock.json
 */
function shrinkwrapOf(text) {
  const lock = JSON.parse(text);
  const packages = Object.entries(lock.packages).filter(
    ([, entry]) => !(entry.peer || entry.dev || entry.devOptional),
  );
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`;
}

function add() {
  for (const name of BORROWED) {
    // A script there runs from the repository alone.
    const filter = (/** @type {string} */ file) => extname(file) !== '.ts';
    cpSync(join(HERE, '..', name), join(HERE, name), { recursive: true, filter });
  }
  const lock = readFileSync(join(HERE, 'package-lock.json'), 'utf8');
  writeFileSync(join(HERE, SHRINKWRAP), shrinkwrapOf(lock));
}

function remove() {
  for (const name of [...BORROWED, SHRINKWRAP]) {
    rmSync(join(HERE, name), { recursive: true, force: true });
  }
}

if (process.argv[2] === 'remove') remove();
else add();
