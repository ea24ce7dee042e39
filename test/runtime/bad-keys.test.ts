import {
  completionEvent,
  encodeHeader,
  MODES,
  type Mode,
  percentEncode,
  rawHeader,
  refOf,
  send,
  sendBinary,
} from '../support/cloud-event';
import { mirrorOfFile } from '../support/mirror-runtime';
import { completions, divergences, fieldsOf } from '../support/mirror-tables';
import { NASTY_KEYS } from '../support/nasty-keys';

const SEGMENTS = ['coupleId', 'questId', 'userId'] as const;

const mirror = mirrorOfFile();

const bytes = (text: string) => Buffer.byteLength(text);

/** A leaf that holds `text` in one segment. A couple's id holds both user ids, so those share. */
function leafWith(segment: (typeof SEGMENTS)[number], text: string) {
  if (segment === 'questId') {
    return { coupleId: 'ann_zed', questId: text, userId: 'ann', partnerId: 'zed' };
  }
  // Three bytes for `_z!`: a couple's id is a key as well, and no longer than one.
  const fits = bytes(text) <= 765 ? text : [...text].slice(0, -3).join('');
  const couple = { coupleId: [fits, 'z!'].sort().join('_'), questId: 'quest_1' };
  return segment === 'userId'
    ? { ...couple, userId: fits, partnerId: 'z!' }
    : { ...couple, userId: 'z!', partnerId: fits };
}

/** Of a raw header nobody can tell whether `%25` or encoded UTF-8 stands for itself. */
const isAmbiguous = (mode: Mode, text: string): boolean =>
  mode === 'raw' && /%(25|[89A-F][0-9A-F])/i.test(text);

describe.each(MODES)('in %s mode', (mode) => {
  const nasty = Object.entries(NASTY_KEYS).filter(([, text]) => !isAmbiguous(mode, text));

  describe.each(nasty)('%s', (_name, text) => {
    test.each(SEGMENTS)('in %s arrives literally', async (segment) => {
      const { partnerId, ...leaf } = leafWith(segment, text);
      const event = completionEvent(leaf);
      await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
      await expect(divergences(mirror.database)).resolves.toEqual([]);
      const expected = {
        couple_id: leaf.coupleId,
        quest_id: leaf.questId,
        user_id: leaf.userId,
        partner_id: partnerId,
        payload: true,
      };
      await expect(completions(mirror.database)).resolves.toEqual([
        expect.objectContaining(expected),
      ]);
    });
  });

  test('keys that differ only when not decoded are two rows', async () => {
    const keys = ['a%41', 'aA', 'a%2541', 'a%4'].filter((key) => !isAmbiguous(mode, key));
    for (const questId of keys) {
      await expect(send(mirror.runtime.url, completionEvent({ questId }), mode)).resolves.toBe(204);
    }
    const rows = await completions(mirror.database);
    expect(rows.map((row) => row.quest_id).sort()).toEqual([...keys].sort());
  });

  test.each([
    ['an emoji', '2025-11-💚'],
    ['SQL text', `2025-11-19'; --`],
    ['a percent', '2025-11-19%'],
    ['no day of that month', '2025-04-31'],
    ['year zero', '0000-01-01'],
    ['a sign', '-2025-11-19'],
    ['the Buddhist calendar', '2568-11-19'],
    ['the Persian calendar', '1404-08-28'],
    ['the Japanese calendar', '0007-11-19'],
    ['the year after the next', '2027-01-01'],
    ['a time', '2025-11-19T00:00:00Z'],
    ['words that Postgres reads as dates', 'infinity'],
    ['digits of another script', '٢٠٢٥-١١-١٩'],
  ])('a day with %s is refused by name', async (_name, dateKey) => {
    await expectRefusal(mode, { dateKey }, ['dateKey']);
  });

  test.each(SEGMENTS)('a %s of 769 bytes is refused by name', async (segment) => {
    const long = `${'x'.repeat(765)}💚`;
    const leaf =
      segment === 'questId'
        ? { questId: long }
        : { coupleId: `${long}_z!`, userId: segment === 'userId' ? long : 'z!' };
    const event = completionEvent(leaf);
    await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
    const [row] = await divergences(mirror.database);
    expect(row).toMatchObject({ ref: refOf(leaf), kind: 'invalid_payload', event_id: event.id });
    expect(fieldsOf(row)).toContain(segment);
    await expect(completions(mirror.database)).resolves.toEqual([]);
  });

  test.each([
    ['of another couple', { userId: 'mallory' }],
    ['that is only a part of one', { userId: 'bob' }],
    ['that is both', { userId: 'alice_bob_smith' }],
    ['that is the separator', { userId: '_' }],
  ])('a user %s is mirrored all the same, without a partner, and said', async (_name, leaf) => {
    const event = completionEvent(leaf);
    await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
    const { userId: user_id } = leaf;
    await expect(completions(mirror.database)).resolves.toMatchObject([
      { user_id, partner_id: null, payload: true, event_id: event.id },
    ]);
    await expect(divergences(mirror.database)).resolves.toMatchObject([
      { ref: refOf(leaf), kind: 'foreign_user', severity: 'info', key: { user_id } },
    ]);
  });

  test('the one user of a couple whose other id is empty has no partner, and nothing is said', async () => {
    const leaf = { coupleId: '_31bdf8e9-13a3', userId: '31bdf8e9-13a3' };
    await expect(send(mirror.runtime.url, completionEvent(leaf), mode)).resolves.toBe(204);
    await expect(completions(mirror.database)).resolves.toMatchObject([{ partner_id: null }]);
    await expect(divergences(mirror.database)).resolves.toEqual([]);
  });
});

async function expectRefusal(mode: Mode, leaf: object, fields: string[]): Promise<void> {
  const event = completionEvent(leaf);
  await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
  const logged = await divergences(mirror.database);
  const expected = { ref: refOf(leaf), kind: 'invalid_payload', event_id: event.id };
  expect(logged).toEqual([expect.objectContaining(expected)]);
  expect(fieldsOf(logged[0])).toEqual(fields);
  await expect(completions(mirror.database)).resolves.toEqual([]);
}

test.each([
  ['U+0000', 'quest\u0000_1'],
  ['a lone surrogate', 'quest\ud83d_1'],
])('a key with %s, which only JSON can carry, is refused by name', async (_name, questId) => {
  const event = completionEvent({ questId });
  await expect(send(mirror.runtime.url, event, 'structured')).resolves.toBe(204);
  const [row] = await divergences(mirror.database);
  expect(row).toMatchObject({ kind: 'invalid_payload', event_id: event.id });
  expect(row?.key?.quest_id).toMatch(/^quest\\u(0000|d83d)_1$/);
  expect(fieldsOf(row)).toEqual(['questId']);
});

test.each(['quiz💚', 'Größe', 'שלום'])(
  'a sender that writes raw UTF-8 into headers is understood: %s',
  async (questId) => {
    const event = completionEvent({ questId });
    await expect(sendBinary(mirror.runtime.url, event, rawHeader)).resolves.toBe(204);
    const rows = await completions(mirror.database);
    expect(rows.map((row) => row.quest_id)).toEqual([questId]);
  },
);

test('a sender that encodes more of a ref than the binding asks for is understood', async () => {
  const leaf = { coupleId: 'a:b_c', userId: 'a:b', questId: '100%' };
  const event = completionEvent({ ...leaf, attributes: { subject: undefined } });
  const all = (value: string) =>
    value === event.ref ? value.replace(/[^A-Za-z0-9/]/gu, percentEncode) : encodeHeader(value);
  await expect(sendBinary(mirror.runtime.url, event, all)).resolves.toBe(204);
  const rows = await completions(mirror.database);
  expect(rows).toEqual([expect.objectContaining({ quest_id: '100%', user_id: 'a:b' })]);
});
