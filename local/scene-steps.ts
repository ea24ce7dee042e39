import { isDeepStrictEqual } from 'node:util';
import type { DivergenceRow, MirroredRow } from './mirror-view';
import type { Proof } from './proof';
import type { RtdbPath, RtdbRest } from './rtdb-rest';

/** As in the app: ids may hold "_", and some are FCM tokens. */
const PUSH_TOKEN = `fK3x_9dTQm-1aB:APA91b${'Hq7_Zr-2'.repeat(16)}`;
const BROWSER_USER = '2f6c1f0e-4a57-4c34-9f5d-0d7c3a1b2e9f';
const COUPLE = 'alice_bob_smith';
const TOKEN_COUPLE = `${BROWSER_USER}_${PUSH_TOKEN}`;

/** What Postgres took since the scene began. */
export interface SceneView {
  rows: MirroredRow[];
  divergences: DivergenceRow[];
}

export interface Expectation {
  what: string;
  holds: (seen: SceneView) => boolean;
}

export interface SceneStep {
  line: string;
  act: () => Promise<unknown>;
  /** What Postgres must show in the end. */
  expected: Expectation[];
}

/** What the two couples do, and what of it Postgres must show before the next step. */
export function sceneSteps(rtdb: RtdbRest, proof: Proof, now: Date): SceneStep[] {
  const date = now.toISOString().slice(0, 10);
  const quiz = `quest_${now.getTime()}_quiz`;
  const game = `quest_${now.getTime() + 1}_you_or_me`;
  const leaf = (couple: string, quest: string, user: string): RtdbPath => [
    ...['daily_quests', couple, date],
    ...['completions', quest, user],
  ];
  const alice = leaf(COUPLE, quiz, 'alice');
  const bob = leaf(COUPLE, quiz, 'bob_smith');
  const phone = leaf(TOKEN_COUPLE, game, PUSH_TOKEN);
  const browser = leaf(TOKEN_COUPLE, game, BROWSER_USER);
  const rubbish = leaf(COUPLE, game, 'alice');
  const award: RtdbPath = ['lp_awards', COUPLE, quiz];
  const points = {
    ...{ amount: 30, multiplier: 1, reason: 'daily_quest', relatedId: quiz },
    timestamp: now.getTime(),
  };
  return [
    {
      line: 'alice and bob_smith complete a quiz; another couple, one a push token, completes a game',
      act: () =>
        Promise.all([
          rtdb.set(alice, true),
          rtdb.set(bob, { completedAt: now.getTime(), device: 'ios' }),
          rtdb.set(phone, true),
          rtdb.set(browser, now.getTime()),
        ]),
      expected: [
        live(alice, "alice's completion"),
        live(bob, "bob_smith's completion"),
        live(phone, 'the completion of the phone with the push token'),
        live(browser, "its partner's completion"),
      ],
    },
    {
      line: "bob_smith's phone awards the love points of the quiz, as one document",
      act: () => rtdb.set(award, { ...points, users: ['bob_smith', 'alice'] }),
      expected: [live(award, 'the award')],
    },
    {
      line: "alice's phone awards the same",
      act: () => rtdb.set(award, { ...points, users: ['alice', 'bob_smith'] }),
      expected: [shows(award, { ...points, users: ['alice', 'bob_smith'] }, "alice's award")],
    },
    {
      line: 'alice takes hers back',
      act: () => rtdb.remove(alice),
      expected: [tombstone(alice, "a tombstone for alice's completion")],
    },
    {
      line: "the other couple's whole day is overwritten, as when two phones generate its quests",
      act: () =>
        rtdb.set(phone.slice(0, 3), {
          dateKey: date,
          generatedBy: BROWSER_USER,
          generatedAt: now.getTime(),
          quests: [{ id: game, questType: 5, sortOrder: 0, formatType: 'youorme' }],
        }),
      expected: [
        tombstone(phone, 'a tombstone for the completion of the phone with the push token'),
        tombstone(browser, "a tombstone for its partner's completion"),
        divergence(phone.slice(0, 3), 'ancestor_overwrite'),
      ],
    },
    {
      line: 'a client writes "yes" where only true, a time or an object belongs',
      act: () => rtdb.set(rubbish, 'yes'),
      expected: [divergence(rubbish, 'invalid_payload')],
    },
    {
      line: 'both stores are read and compared: RTDB holds a key that Postgres refused',
      act: () => proof.readAll(),
      expected: [divergence(rubbish, 'missing_in_postgres')],
    },
    {
      line: 'the client writes true instead',
      act: () => rtdb.set(rubbish, true),
      expected: [live(rubbish, 'the completion that was put right')],
    },
    {
      line: 'both stores are read again: they agree',
      act: () => proof.readAll(),
      expected: [resolved(rubbish, 'missing_in_postgres')],
    },
  ];
}

function live(path: RtdbPath, what: string): Expectation {
  return { what, holds: (seen) => rowAt(seen, path)?.deletedAt === null };
}

function shows(path: RtdbPath, value: object, what: string): Expectation {
  return { what, holds: (seen) => isDeepStrictEqual(rowAt(seen, path)?.payload, value) };
}

function tombstone(path: RtdbPath, what: string): Expectation {
  return { what, holds: (seen) => Boolean(rowAt(seen, path)?.deletedAt) };
}

function divergence(path: RtdbPath, kind: string): Expectation {
  const holds = ({ divergences }: SceneView): boolean =>
    divergences.some((row) => row.kind === kind && isAt(row, path));
  return { what: `the divergence ${kind}`, holds };
}

function resolved(path: RtdbPath, kind: string): Expectation {
  const holds = ({ divergences }: SceneView): boolean =>
    divergences.some((row) => row.kind === kind && row.isResolved && isAt(row, path));
  return { what: `that ${kind} is resolved`, holds };
}

function rowAt({ rows }: SceneView, path: RtdbPath): MirroredRow | undefined {
  return rows.find(({ ref }) => ref === path.join('/'));
}

/** The log names the leaf or what lies above it; refs come with and without a leading slash. */
function isAt(row: DivergenceRow, path: RtdbPath): boolean {
  return row.ref.replace(/^\//, '').startsWith(path.join('/'));
}
