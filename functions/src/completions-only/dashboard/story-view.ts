import { html } from 'hono/html';
import { CAUSES, KINDS } from '../../divergences/vocabulary';
import type { LeafStory, ShownSide } from '../../explain/leaf-story';
import { COMPARED } from '../../explain/story-words';
import { printableValue } from '../../values/printable';
import {
  cut,
  duration,
  type Markup,
  outside,
  severityBadge,
  time,
  unavailable,
  words,
} from './markup';
import type { Panel } from './panel';
import type { OpenStory } from './read-story';

/** A value is shown up to here; the log and the stores hold all of it. */
const VALUE_MAX = 1_200;

/** What `mirror explain` tells of a leaf, as far as it can be told. */
export function storyView(panel: Panel<OpenStory>): Markup {
  return html`<article class="story" aria-label="Story">${contentOf(panel)}</article>`;
}

function contentOf(panel: Panel<OpenStory>): Markup {
  if (!panel.ok) return unavailable('The story', panel.reason);
  const story = panel.value;
  switch (story.kind) {
    case 'gone':
      return html`<p>There is no such divergence in the log.</p>`;
    case 'log':
      return html`<h3>The ref names no single completion</h3>
        <p class="ref">${outside(story.ref, 600)}</p>
        ${divergencesOf(story.divergences, story.ref)}`;
    case 'postgres':
      return html`<h3>What Postgres knows; RTDB could not be read</h3>
        <p class="unavailable">RTDB: ${outside(story.reason, 300)}</p>
        ${sides(story.side, null)} ${evidence(story.side)}`;
    case 'whole':
      return html`<h3>${COMPARED[story.story.comparison]}</h3>
        ${sides(story.story, story.story.rtdb)} ${evidence(story.story)}`;
  }
}

function sides(side: ShownSide, rtdb: LeafStory['rtdb'] | null): Markup {
  return html`<p class="ref">${outside(side.ref, 1_500)}</p>
    <p class="dim">as of ${time(side.asOf)} UTC, by the database's clock</p>
    <div class="sides">
      <section>
        <h4>RTDB</h4>
        ${rtdb === null ? html`<p>not read</p>` : rtdbSide(rtdb)}
      </section>
      <section>
        <h4>Postgres</h4>
        ${rowSide(side)}
      </section>
    </div>
    <p class="dim">
      The same in a terminal: <code>npm run mirror -- explain</code> and the ref.
    </p>`;
}

function rtdbSide({ value: held, issues }: LeafStory['rtdb']): Markup {
  if (held === null) return html`<p>nothing</p>`;
  const refused = issues.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return html`${value(held)}
  ${refused ? html`<p>The mirror refuses it: ${outside(refused, 600)}</p>` : ''}`;
}

function rowSide({ row }: ShownSide): Markup {
  if (row === null) return html`<p>no row</p>`;
  const facts: [string, Markup | string][] = [
    ['version', row.eventTime === null ? 'none, any event wins' : time(row.eventTime)],
    ['event', row.eventId === null ? 'none' : outside(row.eventId)],
    ['origin', cut(row.origin)],
    ['mirrored at', time(row.mirroredAt)],
    ['lag', row.lagMs === null ? 'no event' : duration(row.lagMs)],
    ['columns', value(row.columns)],
  ];
  return html`${
    row.isTombstone && row.deletedAt !== null
      ? html`<p>tombstone, deleted at ${time(row.deletedAt)}</p>`
      : value(row.payload)
  }
  ${factsOf(facts)}`;
}

function factsOf(facts: readonly [string, Markup | string][]): Markup {
  return html`<dl class="facts">
    ${facts.map(([name, fact]) => html`<div><dt>${name}</dt><dd>${fact}</dd></div>`)}
  </dl>`;
}

function evidence(side: ShownSide): Markup {
  return html`${divergencesOf(side.divergences, side.ref)}
    ${directWriteOf(side)}
    ${listOf(
      'Coverage gaps that touch it',
      side.gaps.map(
        ({ reason, fromAt, toAt }) =>
          html`${words(reason)}, ${time(fromAt)} to ${toAt === null ? 'now' : time(toAt)}`,
      ),
    )}
    ${listOf('Readings of its shard', readingOf(side))}`;
}

function readingOf({ reading }: ShownSide): Markup[] {
  if (reading === null) return [];
  const at = (instant: string | null) => (instant === null ? 'never' : time(instant));
  const { readAt, fullAt, dueAt, keys, inFlight } = reading;
  return [
    html`whole ${at(readAt)}, full ${at(fullAt)}, due ${at(dueAt)}; ${keys} keys, ${inFlight} in flight`,
  ];
}

function divergencesOf(divergences: LeafStory['divergences'], ref: string): Markup {
  return html`<h4>Divergences, oldest first</h4>
    <ol class="log">
      ${divergences.map((one) => html`<li>${divergenceOf(one, ref)}</li>`)}
    </ol>`;
}

function divergenceOf(one: LeafStory['divergences'][number], ref: string): Markup {
  const facts: [string, Markup | string][] = [
    ['first seen', time(one.firstSeenAt)],
    [
      'seen',
      one.timesSeen === 1 ? 'once' : html`${one.timesSeen} times to ${time(one.lastSeenAt)}`,
    ],
    ['state', one.resolvedAt === null ? 'open' : html`resolved ${time(one.resolvedAt)}`],
    ['by', `the ${cut(one.detectedBy)}`],
    ...(one.ref === ref ? [] : [['of', 'the whole day'] as [string, string]]),
    ['RTDB said', value(one.rtdbValue)],
    ['Postgres said', value(one.postgresValue)],
    ...(one.detail === null ? [] : [['evidence', value(one.detail)] as [string, Markup]]),
  ];
  return html`<p>
      ${severityBadge(one.severity)} <strong>${words(one.kind)}</strong> by ${words(one.cause)}
    </p>
    <p class="dim">${KINDS[one.kind].meaning} ${CAUSES[one.cause].meaning}</p>
    ${factsOf(facts)}`;
}

function directWriteOf({ directWrite: write }: ShownSide): Markup {
  if (write === null) return listOf('Direct write', []);
  return html`<h4>Direct write</h4>
    <p>${time(write.writtenAt)} ${write.operation} by ${outside(write.writtenBy)}</p>
    ${factsOf([
      ['from', value(write.oldPayload)],
      ['to', value(write.newPayload)],
    ])}`;
}

function listOf(title: string, items: readonly Markup[]): Markup {
  if (items.length === 0) return html`<p class="dim">${title}: none</p>`;
  return html`<h4>${title}</h4>
    <ul>
      ${items.map((item) => html`<li>${item}</li>`)}
    </ul>`;
}

function value(json: unknown): Markup {
  return html`<code class="value"><bdi>${printableValue(json, VALUE_MAX)}</bdi></code>`;
}
