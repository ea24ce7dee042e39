import type { Emulators } from './emulators';
import type { RtdbRest } from './rtdb-rest';
import type { SceneResult } from './scene';
import { formatTable, shorten, shortenRef } from './table';

/** Prints what Postgres holds after the scene, and what did not come out. */
export function printResult({ rows, divergences, failures }: SceneResult): void {
  for (const path of new Set(rows.map((row) => row.path))) {
    const shown = rows
      .filter((row) => row.path === path)
      .map((row) => [
        shortenRef(row.ref),
        row.deletedAt ? 'tombstone' : shorten(JSON.stringify(row.payload), 44),
        row.origin,
        `${row.lagMs} ms`,
      ]);
    print('', `rtdb.${path}`, ...formatTable(['ref', 'value', 'origin', 'lag'], shown));
  }
  const disagreements = divergences.map(({ kind, cause, severity, isResolved, ref }) => [
    ...[kind, cause, severity, isResolved ? 'resolved' : 'open'],
    shortenRef(ref),
  ]);
  const columns = ['kind', 'cause', 'severity', 'state', 'ref'];
  print('', 'mirror.divergence_log', ...formatTable(columns, disagreements), '');
  for (const failure of failures) process.stderr.write(`NOT AS EXPECTED: ${failure}\n`);
}

export interface Hints {
  rtdb: RtdbRest;
  emulators: Emulators;
  /** Only of a server that we started: another one's password is not ours to print. */
  databaseUrl?: string;
}

/** Prints what a newcomer may try while everything runs. */
export function printHints({ rtdb, emulators, databaseUrl }: Hints): void {
  const today = new Date().toISOString().slice(0, 10);
  const leaf = ['daily_quests', 'alice_bob_smith', today, 'completions', 'quest_1_quiz', 'alice'];
  const curl = (method: string): string =>
    `  curl -X ${method} -H 'Authorization: Bearer owner' '${rtdb.url(leaf)}'`;
  if (emulators.databaseKind === 'stand-in') {
    print(`RTDB is a stand-in, not the official emulator (${emulators.reason}).`);
  }
  print(
    'Try next: complete a quest, then take it back. What Postgres takes appears below. Both stores are',
    'compared every few seconds, canaries fly every minute, and the verdict appears when it changes.',
    `${curl('PUT')} -d true`,
    curl('DELETE'),
  );
  print(`The dashboard: ${emulators.dashboardUrl}`);
  print(`The API of old phones: ${emulators.hostingOrigin}/api/openapi.json`);
  if (databaseUrl) print(`Postgres: ${databaseUrl}`);
  print(
    'The verbs, in another terminal; all of them: npm run mirror -- --help',
    `  export FIREBASE_DATABASE_EMULATOR_HOST=${emulators.databaseHost}`,
    ...(databaseUrl ? [`  export DATABASE_URL='${databaseUrl}'`] : []),
    '  npm run mirror -- report',
  );
  const { namespace, databaseHost } = emulators;
  print(
    'The Firebase CLI needs the instance in the host, or it reads another, empty database:',
    `  FIREBASE_DATABASE_EMULATOR_HOST=${databaseHost.replace('127.0.0.1', `${namespace}.localhost`)} \\`,
    `    npx firebase database:get /daily_quests --project ${emulators.projectId} --instance ${namespace}`,
  );
  print('Ctrl-C ends everything and leaves nothing behind.', '');
}

function print(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
