import type { ClientConfig } from 'pg';
import type { MirroredPath } from '../paths/mirrored-path';
import { type CopyRows, CopySession } from '../postgres/copy-session';
import { isStorable } from '../values/storable';
import { BackupError } from './backup-error';
import type { Tables } from './compare-backup';
import { COPY_TEXTS } from './copy-texts';
import type { RowSource } from './shard-pairs';
import { parseRow, type RowColumns, type TableRow } from './table-row';

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
  const reading = new Map<MirroredPath, CopySession>();
  let lookups: Promise<CopySession> | null = null;
  const done = async (path: MirroredPath) => {
    const session = reading.get(path);
    reading.delete(path);
    await session?.close();
  };
  return {
    async open(path) {
      const session = await CopySession.open(config);
      reading.set(path, session);
      const { integers, others, columns } = await textsOf(session, path, []);
      const rows = [integers, others].map((text) => copyRows(session, text, path, columns));
      return new RowsInTurn(rows);
    },
    async rowsOf(path, shards) {
      // Such a shard is in no table, and no statement can hold it.
      const known = shards.filter(isStorable);
      lookups ??= CopySession.open(config);
      const session = await lookups;
      const { some, columns } = await textsOf(session, path, known);
      return allOf(copyRows(session, some, path, columns));
    },
    done,
    async close() {
      await Promise.all([...reading.keys()].map(done));
      await (await lookups)?.close();
    },
  };
}

async function textsOf(session: CopySession, path: MirroredPath, shards: readonly string[]) {
  const texts = await COPY_TEXTS.first(session, { path: path.name, shards });
  if (texts !== null) return texts;
  throw new BackupError(`the database has no table of the path ${path.name}`, {
    remedy: 'run `mirror migrate`',
  });
}

function copyRows(
  session: CopySession,
  text: string,
  path: MirroredPath,
  columns: RowColumns,
): CopyRows<TableRow> {
  return session.copy(text, (line) => parseRow(line, path.keyColumns.length, columns));
}

/** Several sources, one after the other. */
class RowsInTurn implements RowSource {
  #present = 0;

  constructor(private readonly sources: readonly CopyRows<TableRow>[]) {}

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
