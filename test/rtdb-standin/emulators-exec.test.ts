import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findFreePort } from '../../local/free-port';
import { makeJavaShim } from '../../rtdb-standin/java-shim';
import { finished, run } from './support/stand-in-process';

const SCRIPT = `
const base = 'http://' + process.env.FIREBASE_DATABASE_EMULATOR_HOST;
const url = base + '/a.json?ns=demo-quests-default-rtdb';
const main = async () => {
  const denied = await fetch(url);
  const put = await fetch(url, {method: 'PUT', body: '{"b":1}', headers: {Authorization: 'Bearer owner'}});
  console.log('RESULT ' + denied.status + ' ' + put.status + ' ' + await put.text());
};
main();
`;

test('firebase emulators:exec starts the stand-in, loads the rules into it and stops it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'emulators-exec-'));
  const [database, hub, logging] = [
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
  ];
  const host = '127.0.0.1';
  const config = {
    database: { rules: 'rules.json' },
    emulators: {
      database: { host, port: database },
      hub: { host, port: hub },
      logging: { host, port: logging },
      ui: { enabled: false },
    },
  };
  writeFileSync(join(dir, 'firebase.json'), JSON.stringify(config));
  writeFileSync(join(dir, 'rules.json'), '{"rules": {".read": false /* closed */}}');
  writeFileSync(join(dir, 'script.js'), SCRIPT);
  const shim = makeJavaShim(join(dir, 'bin'), process.execPath);
  const env = {
    ...process.env,
    PATH: `${shim.pathEntry}${delimiter}${process.env.PATH}`,
    DATABASE_EMULATOR_BINARY_PATH: shim.binaryPath,
    XDG_CONFIG_HOME: dir,
    NO_UPDATE_NOTIFIER: '1',
  };
  const firebase = require.resolve('firebase-tools/lib/bin/firebase.js');
  const command = 'emulators:exec --only database --project demo-quests'.split(' ');
  const child = run(process.execPath, [firebase, ...command, 'node script.js'], { env, cwd: dir });
  const { code, stdout, stderr } = await finished(child);
  rmSync(dir, { recursive: true });
  expect({ code, output: `${stdout}${stderr}` }).toEqual({
    code: 0,
    output: expect.stringContaining('RESULT 401 200 {"b":1}'),
  });
  await expect(fetch(`http://${host}:${database}/`)).rejects.toThrow();
}, 30_000);
