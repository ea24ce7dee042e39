import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { PATHS } from '../../functions/src/app-paths';
import { readBackup } from '../../functions/src/backup/backup-file';
import type { ShardPiece } from '../../functions/src/backup/shard-pieces';
import { TreeSplitter } from '../../functions/src/backup/tree-splitter';
import { definePath } from '../../functions/src/paths/define-path';
import type { MirroredPath } from '../../functions/src/paths/mirrored-path';
import { stepsOfRef } from '../../functions/src/paths/ref-pattern';

const folder = mkdtempSync(join(tmpdir(), 'backup-'));
afterAll(() => rmSync(folder, { recursive: true }));

function pathOf(ref: string): MirroredPath {
  const name = ref.replace(/\W+/g, '_').toLowerCase().slice(0, 40).replace(/^_/, 'p');
  return definePath({ name, trigger: 'mirrorIt', ref });
}

/** What a path finds in a tree that was parsed whole: the splitter has to find the same. */
function expectedOf(path: MirroredPath, tree: unknown): { leaves: unknown[]; odd: unknown[] } {
  const steps = stepsOfRef(path.ref);
  const leaves: unknown[] = [];
  const odd: unknown[] = [];
  const walk = (node: unknown, depth: number, keys: string[]) => {
    const step = steps[depth];
    if (node === null || node === undefined) return;
    if (step === undefined) {
      leaves.push({ parts: keys.filter((_, at) => 'part' in (steps[at] ?? {})), value: node });
    } else if (typeof node !== 'object') {
      odd.push({ ref: keys.join('/'), value: node });
    } else {
      for (const [key, child] of Object.entries(node)) {
        if ('part' in step || step.literal === key) walk(child, depth + 1, [...keys, key]);
      }
    }
  };
  walk(tree, 0, []);
  return { leaves, odd };
}

function foundOf(path: MirroredPath, pieces: readonly ShardPiece[]) {
  const own = pieces.filter((piece) => piece.path === path);
  return {
    leaves: own.flatMap(({ leaves }) => leaves),
    odd: own.flatMap(({ odd }) => odd),
  };
}

function split(paths: readonly MirroredPath[], chunks: readonly Buffer[]): ShardPiece[] {
  const splitter = new TreeSplitter(paths);
  return [...chunks.flatMap((chunk) => splitter.write(chunk)), ...splitter.end()];
}

function chunksOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n += 1) {
    const size = sizes.length === 0 ? bytes.length : (sizes[n % sizes.length] ?? 1);
    // A copy: a stream may use its memory again.
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

const APP = ['app-trees.json', 'app-trees-after.json', 'steps-trees.json'].map((file) =>
  join(__dirname, '..', 'fixtures', 'app', file),
);

test.each(APP)('finds every leaf of the app’s paths in %s, whatever the chunks', (file) => {
  const text = readFileSync(file, 'utf8');
  const tree = JSON.parse(text);
  for (const form of [text, JSON.stringify(tree), JSON.stringify(tree, null, '\t')]) {
    for (const sizes of [[], [1], [7, 64], [65_536]]) {
      const pieces = split(PATHS, chunksOf(Buffer.from(form), sizes));
      for (const path of PATHS) expect(foundOf(path, pieces)).toEqual(expectedOf(path, tree));
    }
  }
});

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '0', '1', '__proto__', 'constructor', 'é', '😀', '"', '\\', '\n'),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.dictionary(key, tie('node'), { maxKeys: 4, noNullPrototype: false }),
  node: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.oneof(fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constant(null),
    tie('tree'),
    fc.array(tie('node'), { maxLength: 4 }),
  ),
}));
const REFS = ['a/{x}', 'a/{x}/b', '{x}/c/{y}', 'a/b/{x}', 'b/{x}/{y}/0', 'c/{x}/b/{y}'];

/** Spaces between the tokens of some JSON. */
function spaced(json: string, spaces: readonly string[]): string {
  let n = 0;
  return json.replace(/"(?:[^"\\]|\\.)*"|[[\]{}:,]/g, (token) => {
    n += 1;
    return `${spaces[n % spaces.length]}${token}${spaces[(n * 7 + 3) % spaces.length]}`;
  });
}

test('finds what JSON.parse finds: any tree, any chunks, any white space, paths inside paths', () => {
  const space = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n  ');
  fc.assert(
    fc.property(
      fc.tuple(tree, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 })),
      fc.uniqueArray(fc.constantFrom(...REFS), { minLength: 1 }),
      fc.array(space, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      ([some, sizes], refs, spaces, isEscaped) => {
        let json = JSON.stringify({ ...some });
        if (isEscaped)
          json = json.replace(/[a-c]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
        fc.pre(isEscaped === false || isJson(json));
        const paths = refs.map(pathOf);
        const pieces = split(paths, chunksOf(Buffer.from(spaced(json, spaces)), sizes));
        for (const path of paths) {
          expect(sorted(foundOf(path, pieces))).toEqual(sorted(expectedOf(path, JSON.parse(json))));
        }
      },
    ),
    { numRuns: 1_500 },
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON.parse puts keys that are integers first; the splitter keeps the file's order. */
function sorted({ leaves, odd }: { leaves: readonly unknown[]; odd: readonly unknown[] }) {
  const inOrder = (some: readonly unknown[]) => some.map((each) => JSON.stringify(each)).sort();
  return { leaves: inOrder(leaves), odd: inOrder(odd) };
}

test('a list is a node with the keys 0, 1, …, and its holes are nothing', () => {
  const path = pathOf('a/{x}/{y}');
  const pieces = split([path], [Buffer.from('{"a":[null,["p",null,"q"],{"r":1}]}')]);
  expect(foundOf(path, pieces).leaves).toEqual([
    { parts: ['1', '0'], value: 'p' },
    { parts: ['1', '2'], value: 'q' },
    { parts: ['2', 'r'], value: 1 },
  ]);
});

test('a key __proto__ is one like any other, in a path and in a value', () => {
  const path = pathOf('a/{x}/{y}');
  const [shard] = split([path], [Buffer.from('{"a":{"__proto__":{"k":{"__proto__":{"v":1}}}}}')]);
  expect(shard?.shard).toBe('__proto__');
  expect(JSON.stringify(shard?.leaves)).toBe(
    '[{"parts":["__proto__","k"],"value":{"__proto__":{"v":1}}}]',
  );
});

test('tells what is odd, and leaves siblings of a literal alone', () => {
  const [completions, quests] = PATHS;
  const json =
    '{"daily_quests":{"a_b":7,"c_d":{"2026-11-01":{"completions":"x","generatedAt":1}}}}';
  const pieces = split([completions, quests], [Buffer.from(json)]);
  expect(foundOf(completions, pieces)).toEqual({
    leaves: [],
    odd: [
      { ref: 'daily_quests/a_b', value: 7 },
      { ref: 'daily_quests/c_d/2026-11-01/completions', value: 'x' },
    ],
  });
  expect(foundOf(quests, pieces).odd).toEqual([{ ref: 'daily_quests/a_b', value: 7 }]);
  expect(pieces.map(({ path, shard }) => [path.name, shard])).toEqual([
    ['quest_completions', 'a_b'],
    ['daily_quests', 'a_b'],
    ['quest_completions', 'c_d'],
    ['quest_completions', null],
    ['daily_quests', null],
  ]);
});

test('a shard of many leaves comes in pieces, the last of them marked', () => {
  const path = pathOf('a/{x}/{y}');
  const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, n]));
  const bytes = Buffer.from(JSON.stringify({ a: { s: many, t: { k: 1 } } }));
  const pieces = split([path], chunksOf(bytes, [10_000]));
  const own = pieces.filter(({ shard }) => shard === 's');
  expect(own.map(({ isLast }) => isLast)).toEqual([...own.slice(1).map(() => false), true]);
  expect(Math.max(...own.map(({ leaves }) => leaves.length))).toBeLessThanOrEqual(2_000);
  expect(own.flatMap(({ leaves }) => leaves.map(({ value }) => value))).toEqual(
    Object.values(many),
  );
});

test('a value of 10 MB comes whole, in chunks of any size', () => {
  const path = pathOf('a/{x}');
  const value = { text: 'é"\\'.repeat(2_000_000) };
  const bytes = Buffer.from(JSON.stringify({ a: { s: value } }));
  const pieces = split([path], chunksOf(bytes, [65_536]));
  expect(pieces[0]?.leaves[0]?.value).toEqual(value);
});

test.each([
  ['', 'the backup is empty'],
  [
    '{"a":{"s":{"k":1}}',
    'is cut off: its JSON ends before the database does (byte 18 of its JSON)',
  ],
  ['{"a":{"s":{"k":"te', 'is cut off'],
  ['{"a":{"s', 'is cut off'],
  ['{"a":{"s":{"k":1}}}}', 'has more after its end (byte 19 of its JSON)'],
  ['{"a":{}}{"a":{}}', 'has more after its end (byte 8 of its JSON)'],
  ['null', "isn't RTDB's: expected {, found n (byte 0 of its JSON)"],
  ['[1]', "isn't RTDB's: expected {, found ["],
  ['<html>', "isn't RTDB's: expected {, found <"],
  [
    '{"a":{"s":{"k":tru}}}',
    "isn't JSON: it has a value that can't be parsed (byte 15 of its JSON)",
  ],
  ['{"a":{"s":{"k":01}}}', "isn't JSON"],
  ['{"a":{"s":{"k" 1}}}', "isn't JSON: expected a colon (byte 15 of its JSON)"],
  ['{"a":{"s":{k:1}}}', "isn't JSON: expected a key (byte 11 of its JSON)"],
  ['{"a":{"s":{"k":1,}}}', "isn't JSON: expected a key"],
  ['{"a":{"s":{"k":1 "l":2}}}', "isn't JSON: expected a comma or }"],
  ['{"a":{"s":{"k":?}}}', "isn't JSON: expected a value"],
  ['{"a":{"s":{"\\x":1}}}', "isn't JSON"],
  ['{"a":{"s":{"k":1}},"b":1,"a":{"t":{"k":1}}}', 'the backup holds a/{x}/{y} in two places'],
])('%s is refused: %s', (text, complaint) => {
  for (const sizes of [[], [1], [3]]) {
    const chunks = chunksOf(Buffer.from(text), sizes);
    expect(() => split([pathOf('a/{x}/{y}')], chunks)).toThrow(complaint);
  }
});

test('bytes that are not UTF-8 are told; a byte order mark is nothing', () => {
  const path = pathOf('a/{x}');
  const latin1 = Buffer.from('{"a":{"s":"\xe9"}}', 'latin1');
  expect(() => split([path], [latin1])).toThrow("isn't UTF-8 (byte 10 of its JSON)");
  const marked = Buffer.from('\ufeff{"a":{"s":"\ufffd"}}');
  expect(foundOf(path, split([path], chunksOf(marked, [1]))).leaves).toEqual([
    { parts: ['s'], value: '\ufffd' },
  ]);
});

async function collected(source: string | Readable): Promise<ShardPiece[]> {
  const pieces: ShardPiece[] = [];
  for await (const piece of readBackup(source, PATHS)) pieces.push(piece);
  return pieces;
}

test('reads a file, gzipped or not, and a pipe that brings single bytes', async () => {
  const text = readFileSync(APP[0] as string);
  const expected = split(PATHS, [text]);
  const [plain, zipped] = ['plain.json', 'zipped'].map((name) => join(folder, name));
  writeFileSync(plain as string, text);
  writeFileSync(zipped as string, gzipSync(text));
  expect(await collected(plain as string)).toEqual(expected);
  expect(await collected(zipped as string)).toEqual(expected);
  const pipe = new PassThrough();
  const reading = collected(pipe);
  for (const chunk of chunksOf(gzipSync(text), [1])) {
    if (!pipe.write(chunk)) await once(pipe, 'drain');
  }
  pipe.end();
  expect(await reading).toEqual(expected);
});

/** With other bytes in place of its checksum. */
function damaged(zipped: Buffer): Buffer {
  return Buffer.concat([zipped.subarray(0, -8), Buffer.alloc(8)]);
}

test.each([
  ['cut-off.gz', gzipSync('{"a":{}}'.padEnd(9_000)).subarray(0, 30), 'its gzip data ends early'],
  ['damaged.gz', damaged(gzipSync('{"a":{}}'.padEnd(9_000))), 'damaged'],
  ['empty.json', Buffer.alloc(0), 'the backup is empty'],
  ['one-byte.json', Buffer.from('{'), 'is cut off'],
])('%s is refused in one line', async (name, bytes, complaint) => {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  await expect(collected(file)).rejects.toThrow(complaint);
  await expect(collected(Readable.from([bytes]))).rejects.toThrow(complaint);
});

test('a file that is not there, and a folder, are told as such', async () => {
  await expect(collected(join(folder, 'none.json'))).rejects.toThrow('the backup does not exist');
  await expect(collected(folder)).rejects.toThrow('is a folder; expected a file');
});
