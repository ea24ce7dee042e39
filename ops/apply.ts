import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { PATHS } from '../functions/src/app-paths';

const USAGE = `npm run ops -- --project <id> [--channel <notification channel>]... [--runbook <URL>] [--dry-run]

Creates or updates, with gcloud, the log-based metrics, alert policies and the dashboard of ops/.
A channel is a name such as projects/my-project/notificationChannels/123
(gcloud beta monitoring channels list). --runbook is where your docs/runbook.md can be read: each alert
links to its section. --dry-run prints the calls of a first run instead.
`;

const run = promisify(execFile);

/** Not in every gcloud's own track: 528 has it in alpha only. */
const POLICIES = ['alpha', 'monitoring', 'policies'] as const;

/** How gcloud is called: its arguments in, its stdout out. */
type Gcloud = (...args: string[]) => Promise<string>;

/** Says what was done; a dry run has done nothing. */
let done = (line: string): void => console.log(line);

function gcloudFor(project: string): Gcloud {
  return async (...args) => {
    const { stdout } = await run('gcloud', [...args, `--project=${project}`, '--quiet']);
    return stdout.trim();
  };
}

function files(folder: string): string[] {
  const path = join(__dirname, folder);
  return readdirSync(path)
    .sort()
    .map((name) => join(path, name));
}

/** The Cloud Run services that mirror; what the platform itself counts has no other name for them. */
const MIRROR_SERVICES = PATHS.map(({ trigger }) => JSON.stringify(trigger.toLowerCase())).join(',');

/** Where whoever is woken reads on. */
let runbook = 'docs/runbook.md';

function read(file: string): Record<string, unknown> {
  const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
  const text = readFileSync(file, 'utf8')
    .replaceAll('{mirror services}', inJson(MIRROR_SERVICES))
    .replaceAll('{runbook}', inJson(runbook));
  return JSON.parse(text) as Record<string, unknown>;
}

/** Metrics first: a policy on a metric that is not there is refused. */
async function applyMetrics(gcloud: Gcloud): Promise<void> {
  const present = (await gcloud('logging', 'metrics', 'list', '--format=value(name)')).split('\n');
  for (const file of files('metrics')) {
    const name = String(read(file).name);
    const verb = present.includes(name) ? 'update' : 'create';
    await gcloud('logging', 'metrics', verb, name, `--config-from-file=${file}`);
    done(`${verb}d metric ${name}`);
  }
}

async function applyAlerts(gcloud: Gcloud, channels: string[], folder: string): Promise<void> {
  for (const file of files('alerts')) {
    const policy = { ...read(file), notificationChannels: channels };
    const label = (policy as { userLabels?: Record<string, string> }).userLabels;
    const id = label?.quest_mirror_alert ?? '';
    const path = join(folder, `${id}.json`);
    writeFileSync(path, JSON.stringify(policy));
    const filter = `--filter=userLabels.quest_mirror_alert=${id}`;
    const known = await gcloud(...POLICIES, 'list', filter, '--format=value(name)');
    const [name] = known.split('\n');
    if (name) await gcloud(...POLICIES, 'update', name, `--policy-from-file=${path}`);
    else await gcloud(...POLICIES, 'create', `--policy-from-file=${path}`);
    done(`${name ? 'updated' : 'created'} alert ${id}`);
  }
}

async function applyDashboard(gcloud: Gcloud, folder: string): Promise<void> {
  const dashboard = read(join(__dirname, 'dashboard.json'));
  const filter = `--filter=displayName=${String(dashboard.displayName)}`;
  const known = await gcloud(
    'monitoring',
    'dashboards',
    'list',
    filter,
    '--format=value(name,etag)',
  );
  // Two tabbed columns; an update must say what it updates.
  const [name, etag] = (known.split('\n')[0] ?? '').split('\t');
  const path = join(folder, 'dashboard.json');
  writeFileSync(path, JSON.stringify(name ? { ...dashboard, etag } : dashboard));
  if (name) await gcloud('monitoring', 'dashboards', 'update', name, `--config-from-file=${path}`);
  else await gcloud('monitoring', 'dashboards', 'create', `--config-from-file=${path}`);
  done(`${name ? 'updated' : 'created'} dashboard`);
}

async function apply(gcloud: Gcloud, channels: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-ops-'));
  try {
    await applyMetrics(gcloud);
    await applyAlerts(gcloud, channels, folder);
    await applyDashboard(gcloud, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      project: { type: 'string' },
      channel: { type: 'string', multiple: true, default: [] },
      runbook: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (!values.project) {
    console.error(USAGE);
    return 2;
  }
  if (values.runbook) runbook = values.runbook;
  // Nothing is known to be there, so a dry run shows what a first run does.
  const dryRun: Gcloud = async (...args) => {
    if (!args.includes('list')) console.log(`gcloud ${args.join(' ')}`);
    return '';
  };
  if (values['dry-run']) done = () => {};
  await apply(values['dry-run'] ? dryRun : gcloudFor(values.project), values.channel);
  return 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = error instanceof Error ? error.message : String(error);
    console.error(missing ? 'ops: gcloud is not installed' : `ops: ${reason}`);
    process.exitCode = missing ? 2 : 1;
  },
);
