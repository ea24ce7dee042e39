import { cloneDatabase, type TestDatabase } from './database';
import { emptyTables } from './mirror-tables';
import { type Runtime, startRuntime } from './runtime';

/** The mirror's runtime of a test file, on a database of its own whose tables each test finds empty. */
export function mirrorOfFile(): { readonly database: TestDatabase; readonly runtime: Runtime } {
  const database = databaseOfFile();
  let runtime: Runtime | undefined;
  beforeAll(async () => {
    runtime = await startRuntime({ databaseUrl: database().url });
  });
  afterAll(() => runtime?.stop());
  return {
    get database() {
      return database();
    },
    get runtime() {
      return started(runtime);
    },
  };
}

/** As {@link mirrorOfFile}, where each test starts the runtime as it needs it; it ends with the test. */
export function mirrorOfTest(): {
  readonly database: TestDatabase;
  /** `databaseUrl`: of another database than the file's. */
  start(env?: Record<string, string>, databaseUrl?: string): Promise<Runtime>;
} {
  const database = databaseOfFile();
  let runtime: Runtime | undefined;
  afterEach(async () => {
    await runtime?.stop();
    runtime = undefined;
  });
  return {
    get database() {
      return database();
    },
    async start(env = {}, databaseUrl = database().url) {
      runtime = await startRuntime({ databaseUrl, env });
      return runtime;
    },
  };
}

function databaseOfFile(): () => TestDatabase {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await cloneDatabase();
  });
  beforeEach(() => emptyTables(started(database)));
  afterAll(() => database?.drop());
  return () => started(database);
}

function started<T>(part: T | undefined): T {
  if (part === undefined)
    throw new Error("only tests may ask, and hooks that run after the file's own");
  return part;
}
