import fc from 'fast-check';
import { PATHS } from '../../functions/src/app-paths';
import { definePath } from '../../functions/src/paths/define-path';
import type { MirroredPath } from '../../functions/src/paths/mirrored-path';
import { NASTY_KEYS } from '../support/nasty-keys';

const AS_OF = '2025-11-20T12:00:00.000000Z';
const DAY = '2025-11-19';

const partsOf = ({ ref }: MirroredPath) =>
  Array.from(ref.matchAll(/\{(\w+)\}/g), ([, name]) => name);
const isDay = (part: string | undefined) => part === 'dateKey';

/** A ref of the path, with a key for each part. */
const fill = ({ ref }: MirroredPath, key: (part: string) => string) =>
  ref.replace(/\{(\w+)\}/g, (_, part: string) => key(part));

const sound = (part: string) => (isDay(part) ? DAY : `${part} 1`);

const fieldsOf = (mirrored: MirroredPath, path: string) => {
  const parsed = mirrored.parsePath(path, AS_OF);
  return parsed.ok ? 'taken' : parsed.issues.map(({ field }) => field);
};

describe.each<MirroredPath>([...PATHS])('$name', (mirrored) => {
  const path = fill(mirrored, sound);
  const parts = partsOf(mirrored);

  test('its keys are read by name and in order', () => {
    const values = parts.map((part = '') => sound(part));
    const key = Object.fromEntries(parts.map((part = '') => [part, sound(part)]));
    const parsed = mirrored.parsePath(path, AS_OF);
    expect(parsed).toEqual({ ok: true, leaf: { key, parts: values } });
    if (!parsed.ok) return;
    expect(mirrored.placeOf(parsed.leaf)).toEqual({
      shard: values[0],
      day: parts.some(isDay) ? DAY : null,
      key: Object.fromEntries(mirrored.keyColumns.map((column, place) => [column, values[place]])),
    });
    const node = mirrored.datedNodeOf(parsed.leaf);
    expect(node?.ref ?? null).toBe(
      parts.some(isDay) ? path.slice(0, path.indexOf(DAY) + DAY.length) : null,
    );
  });

  test.each([
    ['nothing', ''],
    ['its parent', path.split('/').slice(0, -1).join('/')],
    ['its root', path.split('/')[0] ?? ''],
    ['a child', `${path}/child`],
    ['a slash before', `/${path}`],
    ['a slash after', `${path}/`],
    ['another root', `x${path}`],
    ['a root in capitals', path.replace(/^[a-z]/, (first) => first.toUpperCase())],
    ['no key for the first part', path.replace('coupleId 1', '')],
    ['its pattern, which has no date', mirrored.dayColumn === null ? '' : mirrored.ref],
  ])('%s is not a leaf of it', (_name, wrong) => {
    const fields = fieldsOf(mirrored, wrong);
    expect(fields).not.toBe('taken');
    if (!wrong.includes('{')) {
      expect(mirrored.parsePath(wrong, AS_OF)).toEqual({
        ok: false,
        place: { shard: null, day: null, key: null },
        issues: [{ field: 'ref', message: `expected ${mirrored.ref}` }],
      });
    }
  });

  const literals = mirrored.ref.split('/').filter((step) => !step.startsWith('{'));

  test.each(literals)('the literal %s is meant literally', (literal) => {
    for (const other of [`${literal}s`, literal.toUpperCase(), encodeURIComponent(`${literal} `)]) {
      const wrong = path.split('/').map((step) => (step === literal ? other : step));
      expect([other, fieldsOf(mirrored, wrong.join('/'))]).toEqual([other, ['ref']]);
    }
  });

  test.each(parts.filter((part) => !isDay(part)))('%s may be of 768 bytes, not of 769', (part) => {
    const withKey = (key: string) => fill(mirrored, (name) => (name === part ? key : sound(name)));
    for (const key of ['k'.repeat(768), '💚'.repeat(192), 'é'.repeat(384)]) {
      expect(fieldsOf(mirrored, withKey(key))).toBe('taken');
      expect(fieldsOf(mirrored, withKey(`${key}k`))).toEqual([part]);
    }
    expect(fieldsOf(mirrored, withKey('a\u0000b'))).toEqual([part]);
    expect(fieldsOf(mirrored, withKey('a\ud83db'))).toEqual([part]);
  });

  test.each(Object.entries(NASTY_KEYS).filter(([, key]) => !key.includes('/')))(
    'a key with %s is what it is',
    (_name, key) => {
      const odd = fill(mirrored, (part) => (isDay(part) ? DAY : key));
      const parsed = mirrored.parsePath(odd, AS_OF);
      expect(parsed).toMatchObject({ ok: true });
      if (!parsed.ok) return;
      expect(parsed.leaf.parts.filter((part) => part !== DAY && part !== key)).toEqual([]);
    },
  );

  test('says all that is wrong at once, with what it could read', () => {
    const wrong = fill(mirrored, (part) => (isDay(part) ? '2025-02-30' : 'k'.repeat(769)));
    const parsed = mirrored.parsePath(wrong, AS_OF);
    expect(parsed).toMatchObject({ ok: false, place: { shard: 'k'.repeat(769), day: null } });
    if (!parsed.ok)
      expect(parsed.issues.map(({ field }) => field).sort()).toEqual([...parts].sort());
  });

  test('never throws, whatever the path', () => {
    const step = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...mirrored.ref.split('/')),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => void mirrored.parsePath(steps.join('/'), AS_OF)),
    );
  });
});

describe.each(PATHS.filter(({ dayColumn }) => dayColumn !== null))(
  'the day of $name',
  (mirrored) => {
    const withDay = (day: string) => fill(mirrored, (part) => (isDay(part) ? day : sound(part)));

    test.each(['2000-01-01', '2024-02-29', '2025-11-20', '2026-12-31'])('%s is one', (day) => {
      expect(fieldsOf(mirrored, withDay(day))).toBe('taken');
    });

    test.each([
      ...['1999-12-31', '2027-01-01', '2568-11-19', '1404-08-28', '0007-11-19', '0000-01-01'],
      ...['2025-02-29', '2025-04-31', '2025-13-01', '2025-00-10', '2025-1-1', '20251119'],
      ...['2025-11-19T00:00:00Z', ' 2025-11-19', '2025-11-19\n', 'infinity', 'today', '٢٠٢٥-١١-١٩'],
    ])('%j is none', (day) => {
      expect(fieldsOf(mirrored, withDay(day))).toEqual(['dateKey']);
    });
  },
);

test('parts may be called as properties of every object', () => {
  const odd = definePath({
    ...{ name: 'odd', trigger: 'mirrorOdd', ref: 'odd/{constructor}/{valueOf}' },
    day: 'valueOf',
  });
  expect(odd.parsePath(`odd/a/${DAY}`, AS_OF)).toEqual({
    ok: true,
    leaf: { key: { constructor: 'a', valueOf: DAY }, parts: ['a', DAY] },
  });
  expect(odd.keyColumns).toEqual(['constructor', 'value_of']);
});
