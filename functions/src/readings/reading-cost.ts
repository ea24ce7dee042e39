import { printable } from '../values/printable';
import { everyMsFor, type ProofTimes } from './proof-times';

/**
 * What RTDB charges for what leaves it, in US dollars; a project on the Blaze plan has the first 10 GB of a month
 * free. What is billed, and the 10 GB, were read in 2026-11; the dollar a GB is the list price as it is known, and its
 * page could not be read then: look it up before you decide.
 *
 * Source: https://firebase.google.com/docs/database/usage/billing; https://firebase.google.com/pricing
 */
const RTDB_PRICE = { dollarsPerGb: 1, freeGb: 10 } as const;

const HOURS_A_MONTH = 730;
const HOUR_MS = 60 * 60 * 1000;

/** What readings of one node of RTDB cost, a shard on the average; bytes as they leave RTDB, heads included. */
export interface NodeBytes {
  shards: number;
  /** Of these, the part that a row touches in an hour. */
  touchedShare: number;
  /** A key of the listing. */
  listed: number;
  whole: number;
  touched: number;
  full: number;
  /** Whether its paths have a day: that tells how often all is read. */
  isDated: boolean;
}

/** Bytes an hour of one node, by what they are for. */
export interface HourlyBytes {
  listing: number;
  whole: number;
  touched: number;
  full: number;
}

/** What a node's readings take in an hour, once all was read a first time. Pure. */
export function hourlyBytes(node: NodeBytes, times: ProofTimes): HourlyBytes {
  const everyMs = everyMsFor(times, node.shards);
  const { dated, undated } = times.fullEveryMs;
  const an = (ms: number) => (node.shards * HOUR_MS) / ms;
  return {
    listing: node.listed * an(Math.min(everyMs, times.listEveryMs)),
    whole: node.whole * an(everyMs),
    // Within the hour, once an hour at most; a whole reading serves as well.
    touched: node.touched * node.shards * node.touchedShare * (everyMs > HOUR_MS ? 1 : 0),
    // By the shard up to a tenth sooner.
    full: node.full * an((node.isDated ? dated : undated) * 0.95),
  };
}

export function sumOf({ listing, whole, touched, full }: HourlyBytes): number {
  return listing + whole + touched + full;
}

/** Dollars a month. Pure. */
export function dollarsOf(gbAMonth: number): number {
  return Math.max(0, gbAMonth - RTDB_PRICE.freeGb) * RTDB_PRICE.dollarsPerGb;
}

export function gbAMonth(bytesAnHour: number): number {
  return (bytesAnHour * HOURS_A_MONTH) / 1e9;
}

/** What RTDB bills a month for readings of these stores. */
export interface CostReport {
  nodes: NodeCost[];
  gbAMonth: number;
  dollarsAMonth: number;
  /** The part of it that full readings are. */
  fullShare: number;
  /** Settings that cost less, and what a month would then be; none where nothing is gained. */
  cheaper: { setting: string; dollarsAMonth: number; price: string }[];
}

/** Of one node of RTDB, whose paths are read together. */
export interface NodeCost extends NodeBytes {
  paths: string[];
  everyHours: number;
  /** How many shards the bytes were measured on. */
  sampled: number;
  gbAMonth: number;
}

/** For a person. Pure. */
export function formatCost(report: CostReport): string {
  const { nodes, gbAMonth: gb, dollarsAMonth, fullShare, cheaper } = report;
  if (nodes.length === 0) {
    return 'No shard is known yet: let mirrorReconcile run once, or run mirror reconcile.\n';
  }
  const lines = nodes.map((node) => {
    const { whole, touched, full } = node;
    const bytes = [whole, touched, full].map((each) => each.toFixed(0)).join(' / ');
    const share = (node.touchedShare * 100).toFixed(1);
    return (
      `${node.paths.join(', ')}: ${node.shards} shards, read every ${node.everyHours} h, ` +
      `${share}% touched an hour; bytes of a whole / touched / full reading ${bytes} ` +
      `(${node.sampled} shards measured): ${node.gbAMonth.toFixed(2)} GB a month`
    );
  });
  const { dollarsPerGb, freeGb } = RTDB_PRICE;
  lines.push(
    `All: ${gb.toFixed(2)} GB a month, $${dollarsAMonth.toFixed(2)} at $${dollarsPerGb} a GB beyond the ` +
      `${freeGb} GB that are free; the app's own traffic uses them, too. The list price may have ` +
      'changed (https://firebase.google.com/pricing). TLS adds about 3.5 KB a connection and some bytes an answer.',
  );
  if (fullShare > 0.5) {
    lines.push(
      `Full readings are ${Math.round(fullShare * 100)}% of it: take them from RTDB's own daily backup.`,
    );
  }
  if (cheaper.length === 0) lines.push('No setting makes it much cheaper.');
  for (const { setting, dollarsAMonth: less, price } of cheaper) {
    lines.push(`${setting}: $${less.toFixed(2)} a month; ${price}`);
  }
  return `${lines.map(printable).join('\n')}\n`;
}
