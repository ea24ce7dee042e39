import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findFreePort } from '../../local/free-port';
import { parseArguments } from '../../local/rtdb-standin/arguments';
import { type JavaShim, makeJavaShim } from '../../local/rtdb-standin/java-shim';
import { type RtdbStandin, startRtdbStandin } from '../../local/rtdb-standin/server';
import { finished, printed, run } from './support/stand-in-process';

let dir: string;
let shim: JavaShim;
let env: NodeJS.ProcessEnv;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "java shim's "));
  shim = makeJavaShim(dir, process.execPath);
  env = { ...process.env, PATH: `${shim.pathEntry}${delimiter}${process.env.PATH}` };
});

afterAll(() => rmSync(dir, { recursive: true }));

describe('the java shim', () => {
  test('answers the version question of firebase-tools as JDK 21, on stderr', async () => {
    const args = ['-Duser.language=en', '-Dfile.encoding=UTF-8', '-version'];
    const { code, stderr, stdout } = await finished(run('java', args, { env }));
    expect([code, stdout]).toEqual([0, '']);
    // The expression of firebase-tools' commandUtils.js, which demands 21.
    expect(Number(/version "([1-9][0-9]*)/.exec(stderr)?.[1])).toBeGreaterThanOrEqual(21);
  });

  test('runs the stand-in as firebase-tools runs the JAR, until SIGINT', async () => {
    const port = await findFreePort();
    const jar = ['-Duser.language=en', '-jar', shim.binaryPath];
    const java = run('java', [...jar, '--host', '127.0.0.1', '--port', String(port)], { env });
    const end = finished(java);
    await printed(java, `listening on 127.0.0.1:${port}`);
    const response = await fetch(`http://127.0.0.1:${port}/a.json?ns=x`, {
      method: 'PUT',
      body: '1',
    });
    expect(await response.json()).toBe(1);
    java.kill('SIGINT');
    const { code, stdout } = await end;
    expect(code).toBe(0);
    expect(stdout).toContain('NOT the official emulator');
  });

  test('says so in one line when the port is in use', async () => {
    const taken: RtdbStandin = await startRtdbStandin();
    const args = ['-jar', shim.binaryPath, '--host', taken.host, '--port', String(taken.port)];
    const { code, stderr } = await finished(run('java', args, { env }));
    await taken.stop();
    expect(code).toBe(1);
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('address already in use')]);
  });

  test('refuses any other JAR', async () => {
    const { code, stderr } = await finished(run('java', ['-jar', '/tmp/other.jar'], { env }));
    expect([code, stderr]).toEqual([1, expect.stringContaining('not /tmp/other.jar')]);
  });
});

describe('arguments', () => {
  test('are those that firebase-tools gives the JAR', () => {
    const args = '--host localhost --port 9123 --functions_emulator_host 127.0.0.1'.split(' ');
    const more = '--functions_emulator_port 5001 --single_project_mode Warning'.split(' ');
    expect(parseArguments([...args, ...more], {})).toEqual({
      host: 'localhost',
      port: 9123,
      functionsEmulator: { host: '127.0.0.1', port: 5001 },
      eventMode: 'binary',
      refForm: 'raw',
      maxEventsInFlight: 16,
    });
  });

  test.each<[string, string[], Record<string, string>]>([
    ['a port that is none', ['--port', 'x'], {}],
    ['a port out of range', ['--port', '70000'], {}],
    ['an unknown event mode', [], { RTDB_STANDIN_EVENT_MODE: 'telepathy' }],
    ['an unknown form of refs', ['--ref-form', 'rot13'], {}],
    ['an unknown form of refs, by environment', [], { RTDB_STANDIN_REF_FORM: '' }],
  ])('%s is refused', (_, args, environment) => {
    expect(() => parseArguments(args, environment)).toThrow();
  });
});
