import { NEVER_MIRROR } from '../../functions/src/app-paths';
import { createMirror } from '../../functions/src/deploy/create-mirror';
import { ConfigurationError } from '../../functions/src/errors/mirror-error';
import { claimOf } from '../../functions/src/mirror/claim';
import { parseLeafEvent } from '../../functions/src/mirror/leaf-event';
import { checkPaths, SERVICES } from '../../functions/src/paths/check-paths';
import { integer, text } from '../../functions/src/paths/columns';
import {
  type Declaration,
  definePath,
  VERSION_COLUMNS,
} from '../../functions/src/paths/define-path';
import type { Json } from '../../functions/src/values/json';
import { writeOf } from '../support/mirror';

type AnyDeclaration = Declaration<string, string, string>;

const AWARDS = {
  name: 'awards',
  trigger: 'mirrorAward',
  ref: 'awards/{coupleId}/{awardId}',
} as const;

const define = (change: Partial<AnyDeclaration> = {}) =>
  definePath<string, string, string>({ ...AWARDS, ...change });

/** The message of what was thrown, which has to be one line and a matter of configuration. */
function complaintOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    const { message } = error as Error;
    expect(message).not.toContain('\n');
    return message;
  }
  return 'nothing was thrown';
}

test('what is not said has its default', () => {
  expect(define()).toMatchObject({
    ...AWARDS,
    ...{ keyColumns: ['couple_id', 'award_id'], dayColumn: null, columns: {} },
    ...{ visibleTo: [], ignored: [], erasureRule: null },
    applyStatement: 'select * from mirror.apply_awards($1::jsonb, $2, $3::jsonb)',
  });
  expect(define().canary(1_764_000_000_000)).toEqual({ written_ms: 1_764_000_000_000 });
  expect(define({ canary: (ms) => ms }).canary(5)).toBe(5);
  expect(define({ visibleTo: 'couple' }).visibleTo).toEqual(['couple']);
  expect(define({ visibleTo: ['award_id'] }).visibleTo).toEqual(['award_id']);
});

test.each([
  ['coupleId', 'couple_id'],
  ['couple', 'couple'],
  ['coupleID', 'couple_id'],
  ['day2Key', 'day2_key'],
  ['A', 'a'],
  ['couple_id', 'couple_id'],
])('the part %s is the column %s', (part, column) => {
  expect(define({ ref: `awards/{${part}}` }).keyColumns).toEqual([column]);
});

const REF = (ref: string) => `ref ${JSON.stringify(ref)}: expected keys and parts such as`;
const ENDLESS: Json[] = [];
ENDLESS.push(ENDLESS);

type Refused = [string, Partial<AnyDeclaration>, string];
const NO_NAME = 'expected [a-z][a-z0-9_]{0,61}';

describe('a declaration that contradicts itself is refused in one line', () => {
  test.each<Refused>([
    ['a name in capitals', { name: 'Awards' }, 'name: expected [a-z][a-z0-9_]{0,39}'],
    ['a name with a quote', { name: `a'; --` }, 'name: expected [a-z][a-z0-9_]{0,39}'],
    ['a name of 41 characters', { name: 'a'.repeat(41) }, 'name: expected'],
    ['no name', { name: '' }, 'name: expected'],
    ['a name with a line after it', { name: 'awards\n' }, 'name: expected'],
    ['a trigger with a hyphen', { trigger: 'mirror-award' }, 'trigger: expected [a-z][A-Za-z0-9]'],
    ['a trigger of 41 characters', { trigger: 'm'.repeat(41) }, 'trigger: expected'],
    ['a ref without parts', { ref: 'awards' }, 'ref "awards": expected a part such as {coupleId}'],
    ...['', '/', '/awards/{id}', 'awards/{id}/', 'awards//{id}'].map(refRefused),
    ...['awards/{id', 'awards/id}', 'awards/a{id}', 'awards/{id}b', 'awards/{}'].map(refRefused),
    ...['awards/{id=**}', 'awards/*', 'awards/{id}/**', 'awards/{1d}', 'awards/{i-d}'].map(
      refRefused,
    ),
    ...['a.b/{id}', 'a#/{id}', 'a$/{id}', 'a[0]/{id}', 'a\u0000/{id}', '\ud83d/{id}'].map(
      refRefused,
    ),
    ['two parts of one name', { ref: 'awards/{id}/{id}' }, 'column id: two of'],
    ['two parts with one column', { ref: 'awards/{aB}/{a_b}' }, 'column a_b: two of'],
    ['a column called like a part', { columns: { award_id: text(() => '') } }, 'column award_id'],
    ['a column in capitals', { columns: { Amount: text(() => '') } }, `"Amount": ${NO_NAME}`],
    ['a column of SQL', { columns: { 'a"; --': text(() => '') } }, NO_NAME],
    ['a column of 63 characters', { columns: { ['a'.repeat(63)]: text(() => '') } }, NO_NAME],
    ['a part of 63 characters', { ref: `awards/{${'a'.repeat(63)}}` }, NO_NAME],
    ['a day that is no part', { day: 'dateKey' }, 'day: expected a part of the ref, not "dateKey"'],
    ['a day that is a column', { day: 'award_id' }, 'day: expected a part'],
    ['a viewer that is nothing', { visibleTo: ['user_id'] }, 'no column "user_id"'],
    ['a viewer of JavaScript’s', { visibleTo: ['constructor'] }, 'no column "constructor"'],
    ['a viewer that is a part', { visibleTo: ['awardId'] }, 'no column "awardId"'],
    [
      'a viewer that is no text',
      { columns: { amount: integer(() => 1) }, visibleTo: ['amount'] },
      'visibleTo: expected text in the column amount, not integer',
    ],
    ...[['award_id'], ['couple_id', 'award_id']].map(
      (visibleTo): Refused => [
        `the day as a viewer beside ${visibleTo.length - 1}`,
        { day: 'awardId', visibleTo },
        'visibleTo: the day "awardId" holds no user',
      ],
    ),
    ['a day as the couple', { day: 'coupleId', visibleTo: 'couple' }, 'the day "coupleId" holds'],
    [
      'couple among columns',
      { visibleTo: ['couple', 'award_id'] },
      "expected 'couple', or columns",
    ],
    [
      'a viewer in a column that is called as the rule is',
      { columns: { couple: text(() => '') }, visibleTo: ['couple'] },
      "expected 'couple', or columns of other names",
    ],
  ])('%s', (_name, change, complaint) => {
    const message = complaintOf(() => define(change));
    expect(message).toContain(complaint);
    expect(message).toContain(`path ${JSON.stringify(change.name ?? 'awards')}: `);
  });

  test.each(VERSION_COLUMNS)('the reserved name %s, for a column and for a part', (column) => {
    const complaint = `path "awards": column ${column}: the name is reserved; expected another`;
    expect(complaintOf(() => define({ columns: { [column]: text(() => '') } }))).toBe(complaint);
    expect(complaintOf(() => define({ ref: `awards/{${column}}` }))).toBe(complaint);
  });
});

function refRefused(ref: string): [string, Partial<AnyDeclaration>, string] {
  return [`the ref ${JSON.stringify(ref)}`, { ref }, REF(ref)];
}

describe('paths that contradict each other are refused in one line', () => {
  const other = { name: 'others', trigger: 'mirrorOther', ref: 'others/{coupleId}/{awardId}' };

  test.each<[string, Partial<AnyDeclaration>, string]>([
    ['of one name', { name: 'awards' }, 'path "awards": two paths have this name'],
    ['of one trigger', { trigger: 'mirrorAward' }, 'path "others": awards has the same trigger'],
    ['of one ref', { ref: AWARDS.ref }, `its ref meets the nodes of awards, ${AWARDS.ref}`],
    [
      'of one ref but for the names of its parts',
      { ref: 'awards/{a}/{b}' },
      `its ref meets the nodes of awards, ${AWARDS.ref}`,
    ],
    ['that share some nodes', { ref: '{root}/canary/{b}' }, 'its ref meets the nodes of awards'],
  ])('%s', (_name, change, complaint) => {
    const paths = [define(), define({ ...other, ...change })];
    expect(complaintOf(() => checkPaths(paths, []))).toContain(complaint);
    expect(complaintOf(() => createMirror({ paths }))).toContain(complaint);
  });

  test.each(SERVICES)('a trigger called %s', (trigger) => {
    const complaint = `path "awards": trigger ${trigger}: a function of the mirror has this name`;
    expect(complaintOf(() => checkPaths([define({ trigger })], []))).toBe(complaint);
  });

  test.each([
    'awards/{coupleId}',
    'awards/{coupleId}/{awardId}/users',
    'awards/{coupleId}/{awardId}/users/{userId}',
  ])('but not one above or inside another: %s', (ref) => {
    expect(() => checkPaths([define(), define({ ...other, ref })], [])).not.toThrow();
  });
});

test.each<[string, Partial<AnyDeclaration>, string]>([
  ['always writes the same', { canary: () => true }, 'differs from one millisecond to the next'],
  ['writes nothing', { canary: () => null }, 'differs from one millisecond to the next'],
  [
    'throws',
    {
      canary: () => {
        throw new Error('no');
      },
    },
    'differs from one millisecond to the next',
  ],
  ['never ends', { canary: () => ENDLESS }, 'differs from one millisecond to the next'],
  ['writes what means "not there"', { isGone: () => true }, 'a value that the path mirrors'],
  ['writes what jsonb can’t hold', { canary: (ms) => `\0${ms}` }, 'a value that the path mirrors'],
])('a canary that %s is refused', (_case, change, complaint) => {
  expect(complaintOf(() => checkPaths([define(change)], []))).toBe(
    `path "awards": canary: expected ${complaint.replace(/^differs/, 'a value that differs')}`,
  );
});

describe('a tree that is never mirrored', () => {
  const refuses = (ref: string, tree: string) =>
    complaintOf(() => checkPaths([define({ ref })], [tree]));

  test.each([
    ['the tree itself', 'pairing_codes/{code}', 'pairing_codes'],
    ['deep inside', 'pairing_codes/{code}/pushToken/{n}', 'pairing_codes'],
    ['a part that stands for any tree', '{tree}/{id}', 'pairing_codes'],
    ['the root of all', '{tree}', 'pairing_codes'],
    ['above a tree further down', 'users/{userId}', 'users/alice/tokens'],
    ['above one below any user', 'users/{userId}', 'users/{anyUser}/tokens'],
    ['inside one below any user', 'users/{userId}/tokens/{id}', 'users/{anyUser}/tokens'],
  ])('%s is refused', (_name, ref, tree) => {
    expect(refuses(ref, tree)).toBe(
      `path "awards": its ref lies inside or above ${tree}, which is never mirrored`,
    );
  });

  test.each([
    ['pairing_codes_log/{id}', 'pairing_codes'],
    ['users/{userId}/name', 'users/{anyUser}/tokens'],
    ['users/bob/{id}', 'users/alice/tokens'],
  ])('a ref beside it is taken: %s', (ref, tree) => {
    expect(refuses(ref, tree)).toBe('nothing was thrown');
  });

  test.each(['', '/pairing_codes', 'pairing_codes/', 'a//b', 'a.b', '*'])(
    'that is no tree is refused, or it would protect nothing: %j',
    (tree) => {
      expect(refuses('awards/{id}', tree)).toContain(
        `neverMirror ${JSON.stringify(tree)}: expected`,
      );
    },
  );

  test('the app’s own are checked when it is discovered', () => {
    const paths = [define({ ref: 'dev_emulators/{id}' })];
    expect(complaintOf(() => createMirror({ paths, neverMirror: NEVER_MIRROR }))).toContain(
      'never mirrored',
    );
  });
});

test('a trigger’s name is checked by the compiler', () => {
  const award = definePath({ ...AWARDS, columns: { amount: integer((v) => v.amount) } });
  const { mirrorAward, mirrorApi } = createMirror({ paths: [award] });
  expect([typeof mirrorAward, typeof mirrorApi]).toEqual(['function', 'function']);
  // @ts-expect-error: no path has this name.
  const { mirrorAwards } = createMirror({ paths: [award] });
  expect(mirrorAwards).toBeUndefined();
});

test('so are the day, and the parts that a remark looks at', () => {
  const foreign = { kind: 'foreign_user', cause: 'unknown', severity: 'info' } as const;
  definePath({
    ...AWARDS,
    day: 'awardId',
    remark: ({ awardId }) => (awardId === '' ? foreign : null),
  });
  // @ts-expect-error: the day is none of the ref's parts.
  expect(() => definePath({ ...AWARDS, day: 'dateKey' })).toThrow('day');
  // @ts-expect-error: the key has no such part.
  definePath({ ...AWARDS, remark: ({ userId }) => (userId === '' ? foreign : null) });
});

test('columns of the value before are computed for a burial alone', () => {
  const seen: unknown[] = [];
  const path = define({ columns: { amount: integer((v) => seen.push(v.amount) && v.amount) } });
  const claimed = (before: unknown, after: unknown) => {
    seen.length = 0;
    const event = parseLeafEvent(writeOf({ id: 'e', ref: 'awards/c/a', before, after }), path);
    if (event.kind === 'invalid') throw new Error('expected a write of a leaf');
    const { columns, before: known } = claimOf(event, { mirrored: path, retentionDays: 0 });
    return { columns, known, seen: [...seen] };
  };
  expect(claimed({ amount: 1 }, { amount: 2 })).toEqual({
    columns: { amount: 2 },
    known: { known: true, payload: { amount: 1 } },
    seen: [2],
  });
  expect(claimed({ amount: 1 }, null)).toMatchObject({ columns: { amount: 1 } });
  expect(claimed(null, null)).toMatchObject({ columns: { amount: null } });
});

describe('what a team’s function throws fails no event', () => {
  const fail = () => {
    throw new Error('looked into what isn’t there');
  };
  const path = define({ isGone: fail, remark: fail, columns: { amount: integer(fail) } });
  const parsed = path.parsePath('awards/c/a', '2025-11-20T00:00:00.000000Z');

  test('a value is there, its column shows nothing, and there is no remark', () => {
    const { parseValue, remarkOf } = path;
    expect(parsed).toMatchObject({ ok: true });
    if (!parsed.ok) return;
    expect(parseValue({ amount: 1 }, parsed.leaf, '2025-11-20T00:00:00.000000Z')).toEqual({
      ok: true,
      state: { payload: { amount: 1 }, gone: false, columns: { amount: null }, drifted: [] },
    });
    expect(remarkOf(parsed.leaf)).toBeNull();
  });
});
