import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { placeholdersOf, type WatchedInstance, watchedInstance } from './instance';

const USAGE = `npm run ops -- --project <id> [--instance <id> | --prefix <prefix>] [--trigger <name>]...
  [--channel <notification channel>]... [--runbook <URL>] [--dry-run]

Creates or updates, with gcloud, the log-based metrics, alert policies and the dashboard of ops/.
--instance is that of a function kit, --prefix what firebase.json says of the codebase: each has alerts and
a dashboard of its own. --trigger names the functions of your own paths, in place of this repository's.
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

/** What the definitions are filled in with. */
interface Filling {
  watched: WatchedInstance;
  /** Where the person on call reads on. */
  runbook: string;
}

function read(file: string, { watched, runbook }: Filling): Record<string, unknown> {
  const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
  const values = Object.entries({ ...placeholdersOf(watched), runbook });
  const text = values.reduce(
    (filled, [name, value]) => filled.replaceAll(`{${name}}`, inJson(value)),
    readFileSync(file, 'utf8'),
  );
  return JSON.parse(text) as Record<string, unknown>;
}

/** What people see; two mirrors of a project must not go by one name. */
function titled(definition: Record<string, unknown>, { name }: WatchedInstance) {
  const displayName = String(definition.displayName);
  if (name === null) return definition;
  return { ...definition, displayName: displayName.replace(/^quest-mirror/, `$&-${name}`) };
}

/** Metrics first: a policy on a metric that is not there is refused. */
async function applyMetrics(gcloud: Gcloud, filling: Filling): Promise<void> {
  const present = (await gcloud('logging', 'metrics', 'list', '--format=value(name)')).split('\n');
  for (const file of files('metrics')) {
    const name = String(read(file, filling).name);
    const verb = present.includes(name) ? 'update' : 'create';
    await gcloud('logging', 'metrics', verb, name, `--config-from-file=${file}`);
    done(`${verb}d metric ${name}`);
  }
}

async function applyAlerts(
  gcloud: Gcloud,
  channels: string[],
  folder: string,
  filling: Filling,
): Promise<void> {
  for (const file of files('alerts')) {
    const definition = titled(read(file, filling), filling.watched);
    const userLabels = { ...(definition.userLabels as Record<string, string>) };
    const { name: instance } = filling.watched;
    const id = [userLabels.quest_mirror_alert ?? '', ...(instance ? [instance] : [])].join('-');
    userLabels.quest_mirror_alert = id;
    const policy = { ...definition, userLabels, notificationChannels: channels };
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

async function applyDashboard(gcloud: Gcloud, folder: string, filling: Filling): Promise<void> {
  const dashboard: Record<string, unknown> = titled(
    read(join(__dirname, 'dashboard.json'), filling),
    filling.watched,
  );
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

async function apply(gcloud: Gcloud, channels: string[], filling: Filling): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-ops-'));
  try {
    await applyMetrics(gcloud, filling);
    await applyAlerts(gcloud, channels, folder, filling);
    await applyDashboard(gcloud, folder, filling);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      project: { type: 'string' },
      instance: { type: 'string' },
      prefix: { type: 'string' },
      trigger: { type: 'string', multiple: true },
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
  const filling = fillingOf(values);
  if (!values.project || filling === null) {
    console.error(USAGE);
    return 2;
  }
  // Nothing is known to be there, so a dry run shows what a first run does.
  const dryRun: Gcloud = async (...args) => {
    if (!args.includes('list')) console.log(`gcloud ${args.join(' ')}`);
    return '';
  };
  if (values['dry-run']) done = () => {};
  const gcloud = values['dry-run'] ? dryRun : gcloudFor(values.project);
  await apply(gcloud, values.channel, filling);
  return 0;
}

/** Null where the arguments name no functions. */
function fillingOf(values: {
  instance?: string | undefined;
  prefix?: string | undefined;
  trigger?: string[] | undefined;
  runbook?: string | undefined;
}): Filling | null {
  const { instance, prefix, trigger: triggers, runbook = 'docs/runbook.md' } = values;
  if (instance !== undefined && prefix !== undefined) return null;
  try {
    return { watched: watchedInstance({ instance, prefix, triggers }), runbook };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return null;
  }
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
