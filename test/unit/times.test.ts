import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCompletionPath } from '../../functions/src/paths/quest-completions/completion-path';
import { parseCompletionValue } from '../../functions/src/paths/quest-completions/completion-value';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import type { ComparedKey } from '../../functions/src/readings/compare-key';
import { ownTimeOf } from '../../functions/src/readings/own-time';
import { DAYS, NUMBERS, onDay, TIMES } from '../support/times-table';

const EVENT_TIME = '2026-11-20T12:00:00.000000Z';
const DAY = '2026-11-20';

/** When it was completed, or null where it is refused. */
function completedAt(value: unknown): string | null {
  const parsed = parseCompletionValue(value, EVENT_TIME);
  return parsed.ok && parsed.state.completed ? parsed.state.completedAt : null;
}

const wanted = (utc: string | null) =>
  utc === 'event' ? EVENT_TIME : utc === null ? null : onDay(utc, DAY);

test.each(TIMES)('the parser, completedAt $text: $utc', ({ text, utc }) => {
  expect(completedAt({ completedAt: onDay(text, DAY) })).toBe(wanted(utc));
});

test.each(NUMBERS)('the parser, $value: $utc', ({ value, utc }) => {
  expect(completedAt(value)).toBe(wanted(utc));
  expect(completedAt({ completedAt: value })).toBe(wanted(utc));
});

test.each(NUMBERS)(
  'causes reckon from $value only where it is a sane time: $utc',
  ({ value, utc }) => {
    const parts = ['ann_bob', DAY, 'quest_1', 'ann'];
    const key = { parts, rtdb: { completedAt: value } } as unknown as ComparedKey;
    expect(ownTimeOf(key, questCompletions, EVENT_TIME)).toBe(utc === 'event' ? null : utc);
  },
);

test.each(DAYS)('the parser, the day $text: $ok', ({ text, ok }) => {
  const day = onDay(text, DAY);
  const parsed = parseCompletionPath(
    `daily_quests/ann_bob/${day}/completions/quest_1/ann`,
    EVENT_TIME,
  );
  expect(parsed.ok).toBe(ok);
  if (!parsed.ok) expect(parsed.issues).toMatchObject([{ field: 'dateKey' }]);
});

describe('docs/client.md', () => {
  const FILE = join(__dirname, '../../docs/client.md');
  const SECTION = /(<!-- times -->\n)([\s\S]*?)(<!-- \/times -->)/;
  const shown = (text: string) => `\`${onDay(text, DAY).replace('\n', '\\n')}\``;
  const row = (text: string, note: string, result: string) => `| ${text} | ${note} | ${result} |`;
  const section = [
    '',
    `As of ${DAY}:`,
    '',
    '| written | what it is | read as |',
    '| ------- | ---------- | ------- |',
    ...TIMES.flatMap(({ text, note, utc }) => {
      const result =
        utc === null ? 'refused' : utc === 'event' ? 'the time of the write' : onDay(utc, DAY);
      return note === undefined ? [] : [row(shown(text), note, result)];
    }),
    ...NUMBERS.flatMap(({ value, note, utc }) =>
      note === undefined
        ? []
        : [row(`\`${value}\``, note, utc === 'event' ? 'the time of the write' : utc)],
    ),
    '',
    '| `dateKey` | what it is | |',
    '| --------- | ---------- | --- |',
    ...DAYS.flatMap(({ text, note, ok }) =>
      note === undefined ? [] : [row(shown(text), note, ok ? 'taken' : 'refused')],
    ),
    '',
    '',
  ].join('\n');

  // The formatter aligns columns.
  const unaligned = (table: string) => table.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---');

  test('shows the same table (UPDATE_DOCS=1 writes it)', () => {
    const text = readFileSync(FILE, 'utf8');
    if (process.env.UPDATE_DOCS) {
      writeFileSync(
        FILE,
        text.replace(SECTION, (_, begin, __, end) => begin + section + end),
      );
    }
    const found = SECTION.exec(readFileSync(FILE, 'utf8'))?.[2] ?? '';
    expect(unaligned(found)).toBe(unaligned(section));
  });
});
