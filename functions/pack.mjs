// `npm pack` and `npm publish` run it (package.json, prepack and postpack): puts what lies outside this
// folder into the package, and takes it out again.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const BORROWED = ['migrations', 'ops', 'LICENSE'];
const SHRINKWRAP = 'npm-shrinkwrap.json';

/**
 * The lockfile, as far as the package's own dependencies reach: no peers, which its users bring, and no
 * tools. From a registry npm installs each entry that is left below the package, a second copy of the
 * Firebase SDKs included.
 *
 * @param {string} text of package-lock.json
 */
function shrinkwrapOf(text) {
  const lock = JSON.parse(text);
  const kept = new Set(['']);
  for (const path of kept) {
    const { dependencies, optionalDependencies } = lock.packages[path];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      kept.add(placeOf(name, path, lock.packages));
    }
  }
  const packages = Object.entries(lock.packages).filter(([path]) => kept.has(path));
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`;
}

/**
 * Where Node finds what a package requires: below it, or nearest above.
 *
 * @param {string} name @param {string} from @param {Record<string, unknown>} packages
 */
function placeOf(name, from, packages) {
  const place = [from, 'node_modules', name].filter(Boolean).join('/');
  if (place in packages) return place;
  if (from === '') throw new Error(`package-lock.json: there is no ${name}`);
  return placeOf(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))), packages);
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
