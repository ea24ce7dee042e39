import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { DatabaseError as PgError } from 'pg';
import { RowBlame, RowRefused } from '../../functions/src/mirror/blame-row';
import type { Claim } from '../../functions/src/mirror/claim';

/** The functions' own copy of pg. */
const { DatabaseError } = createRequire(join(__dirname, '../../functions/package.json'))(
  'pg',
) as typeof import('pg');

const NOW = Date.parse('2025-11-19T12:00:00Z');
const AN_HOUR_AGO = '2025-11-19T11:00:00.000000Z';
const JUST_NOW = '2025-11-19T11:59:59.000000Z';

const failure = (code: string, more = {}): PgError =>
  Object.assign(new DatabaseError('no', 0, 'error'), {
    ...{ code, routine: 'server', where: 'PL/pgSQL function poison() line 1 at SQL statement' },
    ...more,
  });
const raised = (code: string) => failure(code, { routine: 'exec_stmt_raise' });

let lastId = 0;
function claim({ eventTime = JUST_NOW, payload = true as boolean | null } = {}): Claim {
  lastId += 1;
  return {
    leaf: { key: {}, parts: ['a_b', '2025-11-19', 'q', 'a'] },
    ...{ ref: 'r', eventId: `e${lastId}`, eventTime, payload, columns: {} },
    before: { known: true, payload: null },
    ...{ settlesTie: false, retainedBefore: null, source: null, detail: {} },
  };
}

function harness() {
  const blame = new RowBlame(() => NOW);
  /** One delivery: fails, is sent again where that may tell, and is judged. */
  const deliver = (subject: Claim, error: PgError, meanwhile = () => {}) => {
    if (blame.failed([subject], error)) {
      meanwhile();
      blame.failed([subject], error);
    }
    return blame.failureOf(error, subject) instanceof RowRefused ? 'refused' : 'retried';
  };
  return { blame, deliver };
}

test.each([
  ['22P02', 'refused'],
  ['54000', 'refused'],
  ['42P01', 'retried'],
  ['QM001', 'retried'],
  ['25006', 'retried'],
  ['53100', 'retried'],
])('%s alone: %s', (code, outcome) => {
  expect(harness().deliver(claim(), failure(code))).toBe(outcome);
});

test.each(['42P01', 'QM001'])('%s, while others are written: refused', (code) => {
  const { blame, deliver } = harness();
  expect(deliver(claim(), failure(code), () => blame.wrote(claim()))).toBe('refused');
});

const OWN = 'with claim as materialized (select)';
const OUTER =
  'PL/pgSQL function mirror.apply_quest_completions(jsonb,text,jsonb) line 5 at RETURN QUERY';

test.each([
  ['the apply function', failure('42883', { where: undefined })],
  ['the table', failure('42P01', { where: OUTER, internalQuery: OWN })],
  [
    'a right',
    failure('42501', { routine: 'aclcheck_error', where: `SQL statement "${OWN}"\n${OUTER}` }),
  ],
])('%s is missing in two outages: no row is refused for it, however old', (_name, error) => {
  const { blame, deliver } = harness();
  const subject = claim({ eventTime: AN_HOUR_AGO });
  for (let n = 0; n < 3; n += 1) {
    expect(deliver(subject, error, () => blame.wrote(claim()))).toBe('retried');
    blame.wrote(claim());
  }
});

test('another kind of write is no witness: it may fire no such trigger', () => {
  const { blame, deliver } = harness();
  const meanwhile = () => blame.wrote(claim({ payload: null }));
  expect(deliver(claim(), failure('42P01'), meanwhile)).toBe('retried');
});

test.each(['25006', '53100', '40001', '55P03', '57014', '08006'])(
  '%s of the server: never refused, whatever is written meanwhile, and however old',
  (code) => {
    const { blame, deliver } = harness();
    const subject = claim({ eventTime: AN_HOUR_AGO });
    const error = failure(code, { where: undefined });
    for (let n = 0; n < 3; n += 1) {
      blame.wrote(claim());
      expect(deliver(subject, error, () => blame.wrote(claim()))).toBe('retried');
    }
  },
);

test('what a trigger raises is refused at its next delivery if others were written in between', () => {
  const { blame, deliver } = harness();
  const subject = claim();
  expect(deliver(subject, raised('40001'))).toBe('retried');
  expect(deliver(subject, raised('40001'))).toBe('retried');
  blame.wrote(claim());
  expect(deliver(subject, raised('40001'))).toBe('refused');
});

test.each([
  [JUST_NOW, 'retried'],
  [AN_HOUR_AGO, 'refused'],
])(
  'something missing in two deliveries, others between, of an event of %s: %s',
  (eventTime, end) => {
    const { blame, deliver } = harness();
    const subject = claim({ eventTime });
    expect(deliver(subject, failure('42P01'))).toBe('retried');
    blame.wrote(claim());
    expect(deliver(subject, failure('42P01'))).toBe(end);
  },
);

test.each([
  [JUST_NOW, 'retried'],
  ['2025-11-19T11:00:00.001000Z', 'retried'],
  [AN_HOUR_AGO, 'refused'],
])('a foreign key whose parent is not there, of an event of %s: %s', (eventTime, outcome) => {
  expect(harness().deliver(claim({ eventTime }), failure('23503'))).toBe(outcome);
});

test('a thousand failed events are remembered, not more', () => {
  const { blame, deliver } = harness();
  const first = claim();
  expect(deliver(first, raised('40001'))).toBe('retried');
  for (let n = 0; n < 1_000; n += 1) deliver(claim(), raised('40001'));
  blame.wrote(claim());
  expect(deliver(first, raised('40001'))).toBe('retried');
});
