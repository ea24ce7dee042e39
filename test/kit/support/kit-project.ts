import { execFile } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import type { z } from 'zod';

const DRIVER = join(__dirname, 'firebase-kit.cjs');
export const PROJECT = 'demo-quests';

export interface Ran {
  code: number;
  out: string;
  errors: string;
}

/** A Firebase project that was there before: an `api` of its own, its rules, no mirror. */
export class KitProject {
  readonly folder: string;
  readonly #registry: string;

  constructor(above: string, registry: string) {
    // Short, as the functions' sockets lie here.
    this.folder = mkdtempSync(join(above, 'app-'));
    this.#registry = registry;
    this.write(
      'firebase.json',
      json({
        functions: [{ source: 'functions', codebase: 'default', runtime: 'nodejs22' }],
        database: { rules: 'database.rules.json' },
      }),
    );
    this.write('database.rules.json', json({ rules: { '.read': true, '.write': true } }));
    this.write('functions/package.json', json({ name: 'app-functions', main: 'index.js' }));
    this.write(
      'functions/index.js',
      `const { onRequest } = require('firebase-functions/https');
exports.api = onRequest((_request, response) => void response.send("the app's own"));
`,
    );
  }

  /** The wrapper that the installer made. */
  get source(): string {
    return join(this.folder, 'function-kits/quest-mirror/source');
  }

  /** An instance's `.env` file. */
  envFile(instance: string): string {
    return join('function-kits/quest-mirror', `config-${instance}`, `.env.${PROJECT}`);
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }

  /**
   * What the project has installed itself: Firebase's SDKs for its own functions, and firebase-tools. Links, as
   * both are here already.
   */
  linkPackages(): void {
    symlinkSync(
      join(this.source, 'node_modules'),
      join(this.folder, 'functions/node_modules'),
      'junction',
    );
    mkdirSync(join(this.folder, 'node_modules'));
    const tools = dirname(require.resolve('firebase-tools/package.json'));
    symlinkSync(tools, join(this.folder, 'node_modules/firebase-tools'), 'junction');
  }

  /** A command in the wrapper, as a person types it. */
  run(command: string, env: Record<string, string> = {}, node = process.execPath): Promise<Ran> {
    const [program = '', ...args] = command.split(' ');
    return this.#exec(program, args, this.source, env, node);
  }

  /** firebase-tools, in the project. */
  async firebase<T>(
    verb: 'install' | 'plan',
    answer: z.ZodType<T>,
    env: Record<string, string> = {},
    ...args: string[]
  ): Promise<T> {
    const file = join(this.folder, `${verb}.json`);
    const ran = await this.#exec(process.execPath, [DRIVER, verb, file, ...args], this.folder, env);
    if (ran.code !== 0) throw new Error(`${verb} failed:\n${ran.out}\n${ran.errors}`);
    const found: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const shown = JSON.stringify(
      found,
      (key, value) => (key === 'endpoints' ? undefined : value),
      2,
    );
    note(`firebase-tools: ${verb}`, { code: 0, out: `${shown}\n`, errors: '' });
    return answer.parse(found);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #exec(
    program: string,
    args: string[],
    cwd: string,
    env: Record<string, string>,
    node = process.execPath,
  ): Promise<Ran> {
    return new Promise((resolve) => {
      execFile(program, args, { cwd, env: this.#env(node, env) }, (error, out, errors) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        note(`${relative(this.folder, cwd)}$ ${program} ${args.join(' ')}`, { code, out, errors });
        resolve({ code, out, errors });
      });
    });
  }

  /** Nothing of this machine's settings, but what npm needs to reach its registry. */
  #env(node: string, env: Record<string, string>): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) =>
      /^(PATH|HOME|TMPDIR|SystemRoot|npm_config_.*|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|https?_proxy)$/i.test(
        name,
      ),
    );
    return {
      ...Object.fromEntries(kept),
      PATH: [dirname(node), process.env.PATH].join(delimiter),
      XDG_CONFIG_HOME: join(this.folder, '.config'),
      npm_config_registry: this.#registry,
      npm_config_noproxy: '127.0.0.1',
      npm_config_update_notifier: 'false',
      npm_config_fund: 'false',
      npm_config_audit: 'false',
      NO_COLOR: '1',
      ...env,
    };
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Where KIT_TRANSCRIPT names a file, all that was typed and printed goes there. */
function note(typed: string, { code, out, errors }: Ran): void {
  const file = process.env.KIT_TRANSCRIPT;
  if (!file) return;
  appendFileSync(file, `${typed}\n${out}${errors}${code === 0 ? '' : `exit ${code}\n`}\n`);
}
