import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findFreePort } from '../../local/free-port';
import { parseArguments } from '../../rtdb-standin/arguments';
import { type JavaShim, makeJavaShim } from '../../rtdb-standin/java-shim';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
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

  test('starts it from a folder with # %25 a space a quote and é in its name', async () => {
    const root = join(__dirname, '../..');
    const odd = join(dir, "a#b %25 c's é");
    const folder = join(odd, 'rtdb-standin');
    cpSync(join(root, 'rtdb-standin'), folder, { recursive: true });
    mkdirSync(join(odd, 'node_modules'));
    // The loader lies there as well; of the others a link will do.
    cpSync(join(root, 'node_modules/tsx'), join(odd, 'node_modules/tsx'), { recursive: true });
    for (const name of ['esbuild', 'get-tsconfig', 'targaryen', 'firebase-json', 'ws']) {
      const target = join(root, 'node_modules', name);
      if (existsSync(target)) symlinkSync(target, join(odd, 'node_modules', name), 'junction');
    }
    const there = makeJavaShim(join(odd, 'bin'), process.execPath, folder);
    const port = await findFreePort();
    const args = ['-jar', there.binaryPath, '--host', '127.0.0.1', '--port', String(port)];
    const java = run(join(there.pathEntry, 'java'), args, { env });
    const end = finished(java);
    await printed(java, `listening on 127.0.0.1:${port}`);
    const rules = await fetch(`http://127.0.0.1:${port}/.settings/rules.json?ns=x`, {
      ...{ method: 'PUT', body: '{"rules":{}}', headers: { Authorization: 'Bearer owner' } },
    });
    expect(rules.status).toBe(200);
    java.kill('SIGINT');
    expect((await end).code).toBe(0);
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
    ['an argument', ['--ref-form', 'encoded'], {}],
    ['the environment', [], { RTDB_STANDIN_REF_FORM: 'encoded' }],
  ])('have the form of refs by %s', (_, args, environment) => {
    expect(parseArguments(args, environment).refForm).toBe('encoded');
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
