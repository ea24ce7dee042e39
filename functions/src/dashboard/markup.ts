import { html } from 'hono/html';
import { printable } from '../values/printable';

/** HTML that is escaped already; only `html` makes it. */
export type Markup = ReturnType<typeof html>;

/** Text from outside is cut here where its place is a line: nobody reads more in a table. */
const LINE_MAX = 200;

/**
 * Text from outside, for people: controls and formats such as bidi overrides are written out, what
 * is too long is cut and says so. `html` escapes it; the element keeps its direction to itself.
 */
export function outside(text: string, maxLength = LINE_MAX): Markup {
  return html`<bdi class="outside">${cut(text, maxLength)}</bdi>`;
}

/** As {@link outside}, without the element: for attributes. */
export function cut(text: string, maxLength = LINE_MAX): string {
  // Cut first: what nobody sees need not be written out.
  const shown = printable(text.slice(0, maxLength));
  return text.length > maxLength ? `${shown}… (${count(text.length)} chars)` : shown;
}

/** An instant to the second, in UTC. */
export function time(instant: string): Markup {
  const text = `${instant.slice(0, 10)} ${instant.slice(11, 19)}`;
  return html`<time datetime="${instant}">${text}</time>`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 2 * 86_400_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/** `missing_in_postgres` reads better as words; the name stays what filters and logs call it. */
export function words(name: string): string {
  return cut(name).replaceAll('_', ' ').replace('postgres', 'Postgres').replace('rtdb', 'RTDB');
}

/** A verdict by sign and word: never by colour alone. */
export const VERDICTS = {
  ready: { sign: '✓', word: 'Ready', level: 'good' },
  not_ready: { sign: '✕', word: 'Not ready', level: 'error' },
  cannot_tell: { sign: '?', word: "Can't tell", level: 'warning' },
} as const;

const SEVERITY_SIGNS: Readonly<Record<string, string>> = { error: '✕', warning: '▲', info: '●' };

/** A severity by sign, word and colour: never by colour alone. */
export function severityBadge(severity: string): Markup {
  const sign = SEVERITY_SIGNS[severity] ?? '?';
  return html`<span class="badge ${sign === '?' ? '' : severity}"
    ><span aria-hidden="true">${sign}</span> ${cut(severity)}</span
  >`;
}

/** What stands where a part could not be read. */
export function unavailable(what: string, reason: string): Markup {
  return html`<p class="unavailable" role="status">
    <strong>${what} can't be shown:</strong> ${reason}. The rest of the page does not depend on it.
  </p>`;
}
