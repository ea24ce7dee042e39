import { html } from 'hono/html';
import { CAUSES, type Cause, KINDS, type Kind } from '../divergences/vocabulary';
import type { LeafStory, PostgresSide } from '../explain/leaf-story';
import { COMPARED } from '../explain/story-words';
import { printableValue } from '../values/printable';
import {
  count,
  cut,
  duration,
  type Markup,
  outside,
  severityBadge,
  time,
  unavailable,
  words,
} from './markup';
import type { OpenStory } from './read-story';
import type { Panel } from './read-view';

/** A value is shown up to here; the log and the stores hold all of it. */
const VALUE_MAX = 1_200;

/** What `mirror explain` says about a leaf, as far as it is known. */
export function storyView(panel: Panel<OpenStory>): Markup {
  return html`<article class="story" aria-label="Story">${contentOf(panel)}</article>`;
}

function contentOf(panel: Panel<OpenStory>): Markup {
  if (!panel.ok) return unavailable('The story', panel.reason);
  const story = panel.value;
  switch (story.kind) {
    case 'gone':
      return html`<p>The log has no divergence of this number.</p>`;
    case 'log':
      return html`<h3>It is about no single leaf</h3>
        <p class="ref">${outside(story.ref, 600)}</p>
        ${divergencesOf(story.divergences, story.ref)}`;
    case 'postgres':
      return html`<h3>What Postgres knows; RTDB could not be read</h3>
        <p class="unavailable">RTDB: ${outside(story.reason, 300)}</p>
        ${sides(story.side, null, {})} ${evidence(story.side)}`;
    case 'whole':
      return html`<h3>${COMPARED[story.story.comparison]}</h3>
        ${sides(story.story, story.story.rtdb, story.story.columns)} ${evidence(story.story)}`;
  }
}

type Side = Omit<PostgresSide, 'leaf' | 'declared' | 'isErased'>;

function sides(side: Side, rtdb: LeafStory['rtdb'] | null, expected: LeafStory['columns']): Markup {
  return html`<p class="ref">${outside(side.ref, 1_500)}</p>
    <p class="dim">as of ${time(side.asOf)} UTC, by the database's clock</p>
    <div class="sides">
      <section>
        <h4>RTDB</h4>
        ${rtdb === null ? html`<p>not read</p>` : rtdbSide(rtdb)}
      </section>
      <section>
        <h4>Postgres</h4>
        ${rowSide(side, expected)}
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

function rowSide({ row }: Side, expected: LeafStory['columns']): Markup {
  if (row === null) return html`<p>no row</p>`;
  const facts: [string, Markup | string][] = [
    ['version', row.eventTime === null ? 'none, any event wins' : time(row.eventTime)],
    ['event', row.eventId === null ? 'none' : outside(row.eventId)],
    ['origin', cut(row.origin)],
    ['mirrored at', time(row.mirroredAt)],
    ['lag', row.lagMs === null ? 'no event' : duration(row.lagMs)],
    ...(Object.keys(row.columns).length === 0
      ? []
      : [['columns', value(row.columns)] as [string, Markup]]),
    ...(Object.keys(expected).length === 0
      ? []
      : [['expected', value(expected)] as [string, Markup]]),
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

function evidence(side: Side): Markup {
  return html`${divergencesOf(side.divergences, side.ref)}
    ${directWriteOf(side)}
    ${listOf(
      'Coverage gaps that touch it',
      side.gaps.map(
        ({ reason, fromAt, toAt }) =>
          html`${words(reason)}, ${time(fromAt)} to ${toAt === null ? 'now' : time(toAt)}`,
      ),
    )}
    ${readingOf(side)}`;
}

/** What readings know of its couple, and so when a write that is missing was made. */
function readingOf({ reading, suspect, bounds }: Side): Markup {
  if (reading === null) return listOf('Readings of its couple', []);
  const at = (instant: string | null) => (instant === null ? 'never' : time(instant));
  return html`<h4>Readings of its couple</h4>
    ${factsOf([
      ['read whole', at(reading.readAt)],
      ['in full', at(reading.fullAt)],
      ['touched days', at(reading.touchedAt)],
      ['due', at(reading.dueAt)],
      ['keys', count(reading.keys)],
      ['in flight', count(reading.inFlight)],
      [
        'a lost write',
        html`<span class="wide-fact"
          >was made ${bounds.after === null ? 'at any time' : html`after ${time(bounds.after)}`}, before
          ${time(bounds.before)}</span
        >`,
      ],
    ])}
    ${reading.failedAt === null ? '' : html`<p class="unavailable">It could not be read at ${time(reading.failedAt)}: ${outside(reading.error ?? '', 600)}</p>`}
    ${suspect === null ? '' : html`<p>It differed at ${time(suspect.lookedAt)}, and will be looked at again.</p>`}`;
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
    [
      'state',
      one.resolvedAt === null
        ? 'open'
        : html`resolved ${time(one.resolvedAt)}${one.resolvedBy === null ? '' : ` by ${one.resolvedBy}`}`,
    ],
    ['by', `the ${cut(one.detectedBy)}`],
    ...(one.writtenBefore === null
      ? []
      : [
          [
            'written',
            html`<span class="wide-fact"
              >${one.writtenAfter === null ? '' : html`after ${time(one.writtenAfter)}, `}before
              ${time(one.writtenBefore)}</span
            >`,
          ] as [string, Markup],
        ]),
    ...(one.keys > 1 ? [['keys', count(one.keys)] as [string, string]] : []),
    ...(one.ref === ref ? [] : [['of', outside(one.ref, 200)] as [string, Markup]]),
    ['RTDB said', value(one.rtdbValue)],
    ['Postgres said', value(one.postgresValue)],
    ...(one.detail === null ? [] : [['evidence', value(one.detail)] as [string, Markup]]),
  ];
  return html`<p>
      ${severityBadge(one.severity)} <strong>${words(one.kind)}</strong> by ${words(one.cause)}
    </p>
    <p class="dim">${KINDS[one.kind as Kind]?.meaning} ${CAUSES[one.cause as Cause]?.meaning}</p>
    ${factsOf(facts)}`;
}

function directWriteOf({ directWrite: write }: Side): Markup {
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
