#!/usr/bin/env node
// node .ci/release-notes.mjs v0.1.0 [FOLDER]
// Prints what CHANGELOG.md says of a version. Exits with 1, and says why, where the repository isn't
// ready to be released as that version. Plain JavaScript: it runs before anything is installed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MANIFESTS = [
  'package.json',
  'package-lock.json',
  'functions/package.json',
  'functions/package-lock.json',
];

/**
 * The text below a version's heading, up to the next one's.
 *
 * @param {string} changelog
 * @param {string} heading a pattern
 */
function sectionOf(changelog, heading) {
  const [found] = changelog.match(new RegExp(`^## ${heading}$[^]*?(?=^## |(?![^]))`, 'm')) ?? [];
  return found?.split('\n').slice(1).join('\n').trim() ?? null;
}

/**
 * @param {string} tag
 * @param {(file: string) => string} read
 * @returns {{ notes: string, problems: string[] }}
 */
function releaseNotes(tag, read) {
  const [, version] = /^v(\d+\.\d+\.\d+)$/.exec(tag) ?? [];
  if (version === undefined)
    return { notes: '', problems: [`${tag} is no tag of a release, such as v0.1.0`] };
  const changelog = read('CHANGELOG.md');
  const notes = sectionOf(changelog, `${version.replaceAll('.', '\\.')} - \\d{4}-\\d\\d-\\d\\d`);
  const problems = MANIFESTS.map((file) => ({ file, found: JSON.parse(read(file)).version }))
    .filter(({ found }) => found !== version)
    .map(({ file, found }) => `${file} has the version ${found}, not ${version}`);
  if (notes === null) problems.push(`CHANGELOG.md has no heading "## ${version} - YYYY-MM-DD"`);
  else if (notes === '') problems.push(`CHANGELOG.md says nothing below ${version}`);
  if (sectionOf(changelog, 'Unreleased'))
    problems.push('CHANGELOG.md has entries under "Unreleased": they belong to this version');
  return { notes: notes ?? '', problems };
}

const [tag = '', folder = fileURLToPath(new URL('..', import.meta.url))] = process.argv.slice(2);
const { notes, problems } = releaseNotes(tag, (file) => readFileSync(join(folder, file), 'utf8'));
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length === 0) process.stdout.write(`${notes}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
