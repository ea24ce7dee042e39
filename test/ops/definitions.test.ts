import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import loggingApi from '@google-cloud/logging-api/build/protos/protos.json';
import monitoring from '@google-cloud/monitoring/build/protos/protos.json';
import dashboards from '@google-cloud/monitoring-dashboards/build/protos/protos.json';
import { type Enum, type INamespace, Root, type Type } from 'protobufjs';

/**
 * The files of ops/ against the public schemas of Google's APIs, as their client libraries bring
 * them: every field is one of the message's, every enum's value is one of its own.
 */

const OPS = join(__dirname, '..', '..', 'ops');

const schemaOf = (protos: INamespace, message: string): Type =>
  Root.fromJSON(protos).lookupType(message);

const SCHEMAS: Record<string, Type> = {
  metrics: schemaOf(loggingApi, 'google.logging.v2.LogMetric'),
  alerts: schemaOf(monitoring, 'google.monitoring.v3.AlertPolicy'),
  '.': schemaOf(dashboards, 'google.monitoring.dashboard.v1.Dashboard'),
};

/** Well-known types have a JSON form of their own. */
const SCALARS: Record<string, (value: unknown) => boolean> = {
  '.google.protobuf.Duration': (value) => /^\d+(\.\d+)?s$/.test(String(value)),
  double: (value) => typeof value === 'number',
  int32: Number.isInteger,
  int64: Number.isInteger,
  string: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
};

function problems(message: Type, value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${at}: not an object`];
  return Object.entries(value).flatMap(([name, child]) => {
    const field = message.fields[name];
    const where = `${at}.${name}`;
    if (field === undefined) return [`${where}: ${message.name} has no such field`];
    field.resolve();
    const all = field.map ? Object.values(child as object) : field.repeated ? child : [child];
    return (all as unknown[]).flatMap((one) => fieldProblems(field, one, where));
  });
}

function fieldProblems(field: Type['fields'][string], value: unknown, at: string): string[] {
  const scalar = SCALARS[field.resolvedType?.fullName ?? field.type];
  if (scalar !== undefined) return scalar(value) ? [] : [`${at}: not ${field.type}`];
  const type = field.resolvedType;
  if (type === null) return [`${at}: ${field.type} is not looked at here`];
  if ('values' in type) {
    const known = Object.keys((type as Enum).values);
    return known.includes(String(value)) ? [] : [`${at}: not one of ${known.join(', ')}`];
  }
  return problems(type as Type, value, at);
}

const definitions = Object.keys(SCHEMAS).flatMap((folder) =>
  readdirSync(join(OPS, folder))
    .filter((name) => name.endsWith('.json'))
    .map((name): [string, string] => [folder, name]),
);

const load = (folder: string, name: string) =>
  JSON.parse(readFileSync(join(OPS, folder, name), 'utf8'));

test.each(definitions)('%s/%s is what the API takes', (folder, name) => {
  const schema = SCHEMAS[folder];
  if (schema === undefined) throw new Error(`no schema for ${folder}`);
  expect(problems(schema, load(folder, name), name)).toEqual([]);
});

test('a wrong field, a wrong enum and a wrong type are found', () => {
  const policy = {
    displayNam: 'x',
    combiner: 'XOR',
    conditions: [{ conditionThreshold: { duration: '5 minutes', thresholdValue: 'many' } }],
  };
  expect(problems(SCHEMAS.alerts as Type, policy, 'policy')).toHaveLength(4);
});

test('alerts and the dashboard ask for metrics that are defined', () => {
  const defined = new Set(
    readdirSync(join(OPS, 'metrics')).map((name) => load('metrics', name).name as string),
  );
  const text = [
    ...readdirSync(join(OPS, 'alerts')).map((name) => JSON.stringify(load('alerts', name))),
    JSON.stringify(load('.', 'dashboard.json')),
  ].join('\n');
  const asked = [...text.matchAll(/logging\.googleapis\.com\/user\/([a-z_]+)/g)].map(
    ([, name]) => name,
  );
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.filter((name) => !defined.has(name ?? ''))).toEqual([]);
});

test('alerts and the dashboard look at the functions of one mirror alone', () => {
  const texts = [
    ...readdirSync(join(OPS, 'alerts')).map((name) => JSON.stringify(load('alerts', name))),
    JSON.stringify(load('.', 'dashboard.json')),
  ];
  const asked = texts.flatMap((text) => text.match(/"(filter|prometheusQuery)":"/g) ?? []);
  const own = texts.flatMap(
    (text) => text.match(/one_of\(\{(services|triggers)\}\)|\{services pattern\}/g) ?? [],
  );
  expect(asked.length).toBeGreaterThan(15);
  expect(own).toHaveLength(asked.length);
});

test('every alert has its section in the runbook', () => {
  const runbook = readFileSync(join(OPS, '..', 'docs', 'runbook.md'), 'utf8');
  for (const name of readdirSync(join(OPS, 'alerts'))) {
    const title = String(load('alerts', name).displayName).replace('quest-mirror: ', '');
    expect(runbook).toContain(`### ${title}`);
  }
});
