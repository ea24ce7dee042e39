import { Client, type ClientConfig } from 'pg';
import type { MirroredPath } from '../paths/mirrored-path';
import { isStorable } from '../values/storable';
import { BackupError } from './backup-error';
import type { Tables } from './compare-backup';
import { type CopyRows, copyRows } from './copy-rows';
import { COPY_TEXTS } from './copy-texts';
import type { RowSource } from './shard-pairs';
import type { TableRow } from './table-row';

/** The session's own, so that a row's text doesn't depend on the server's settings. */
const BEGIN = `
begin transaction isolation level repeatable read, read only;
set local datestyle = 'ISO, YMD';
set local timezone = 'UTC';
set local statement_timeout = 0
`;

/** Tables to compare with, and how to be done with them. */
export interface OpenTables extends Tables {
  close(): Promise<void>;
}

/**
 * The mirrored tables of a database, read by COPY: one connection for each path that is being read,
 * and one for what is looked up beside it.
 *
 * @param config as `clientConfig` makes it
 */
export function openTables(config: ClientConfig): OpenTables {
  const reading = new Map<MirroredPath, Client>();
  let lookups: Promise<Client> | null = null;
  const done = async (path: MirroredPath) => {
    const client = reading.get(path);
    reading.delete(path);
    await client?.end();
  };
  return {
    async open(path) {
      const client = await connected(config);
      reading.set(path, client);
      const { integers, others } = await textsOf(client, path, []);
      const rows = [integers, others].map((text) => copyRows(client, text, path.keyColumns.length));
      return new RowsInTurn(rows);
    },
    async rowsOf(path, shards) {
      // Such a shard is in no table, and no statement can hold it.
      const known = shards.filter(isStorable);
      lookups ??= connected(config);
      const client = await lookups;
      const { some } = await textsOf(client, path, known);
      return allOf(copyRows(client, some, path.keyColumns.length));
    },
    done,
    async close() {
      await Promise.all([...reading.keys()].map(done));
      await (await lookups)?.end();
    },
  };
}

async function connected(config: ClientConfig): Promise<Client> {
  // A table takes longer than any statement of an event may.
  const client = new Client({ ...config, query_timeout: 0 });
  // Told to whoever waits for rows; unheard, it would end the process.
  client.on('error', () => {});
  await client.connect();
  await client.query(BEGIN);
  return client;
}

async function textsOf(client: Client, path: MirroredPath, shards: readonly string[]) {
  const statements = {
    run: async (text: string, values: unknown[]) => (await client.query(text, values)).rows,
  };
  const texts = await COPY_TEXTS.first(statements, { path: path.name, shards });
  if (texts !== null) return texts;
  throw new BackupError(
    `the database has no table of the path ${path.name}: mirror migrate makes it`,
  );
}

/** Several sources, one after the other. */
class RowsInTurn implements RowSource {
  #present = 0;

  constructor(private readonly sources: readonly CopyRows[]) {}

  peek(): TableRow | null | undefined {
    for (;;) {
      const row = this.sources[this.#present]?.peek();
      if (row !== null || this.#present === this.sources.length - 1) return row;
      this.#present += 1;
    }
  }

  take(): void {
    this.sources[this.#present]?.take();
  }

  async arrival(): Promise<void> {
    await this.sources[this.#present]?.arrival();
  }
}

async function allOf(source: RowSource): Promise<TableRow[]> {
  const rows: TableRow[] = [];
  for (;;) {
    const row = source.peek();
    if (row === null) return rows;
    if (row === undefined) await source.arrival();
    else {
      rows.push(row);
      source.take();
    }
  }
}
