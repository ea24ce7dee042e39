import { createReadStream } from 'node:fs';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { MirroredPath } from '../paths/mirrored-path';
import { BackupError } from './backup-error';
import type { ShardPiece } from './shard-pieces';
import { TreeSplitter } from './tree-splitter';

/** Large enough that few chunks cut a key, small beside what else is held. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A backup's shards, in the order of the file. It may be gzipped, whatever its name: its first bytes
 * tell.
 *
 * @param source a file's name, or a stream such as stdin
 * @throws BackupError in one line: unreadable, cut off, not JSON, not an object, more after its end
 */
export async function* readBackup(
  source: string | Readable,
  paths: readonly MirroredPath[],
): AsyncGenerator<ShardPiece> {
  const splitter = new TreeSplitter(paths);
  const input =
    typeof source === 'string' ? createReadStream(source, { highWaterMark: CHUNK_BYTES }) : source;
  try {
    for await (const chunk of await unzipped(input)) yield* splitter.write(chunk as Buffer);
  } catch (error) {
    throw inWords(error);
  } finally {
    input.destroy();
  }
  yield* splitter.end();
}

async function unzipped(input: Readable): Promise<Readable> {
  const chunks = input[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  // The first two bytes tell; a pipe may bring them one by one.
  while (head.length < 2) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value as Buffer]);
  }
  const whole = (async function* () {
    if (head.length > 0) yield head;
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) yield chunk as Buffer;
  })();
  return head[0] === 0x1f && head[1] === 0x8b ? gunzipped(whole) : asReadable(whole);
}

function asReadable(chunks: AsyncIterable<Buffer>): Readable {
  return chunks as unknown as Readable;
}

function gunzipped(chunks: AsyncIterable<Buffer>): Readable {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // Errors reach the reader of the stream.
  return pipeline(chunks, gunzip, new PassThrough({ highWaterMark: CHUNK_BYTES }), () => {});
}

/** What Node and zlib say, for a person. */
function inWords(error: unknown): unknown {
  switch ((error as { code?: unknown } | null)?.code) {
    case 'ENOENT':
      return new BackupError('the backup does not exist', { cause: error });
    case 'EISDIR':
      return new BackupError('the backup is a folder; expected a file', { cause: error });
    case 'EACCES':
      return new BackupError('the backup may not be read', { cause: error });
    case 'Z_BUF_ERROR':
      return new BackupError('the backup is cut off: its gzip data ends early', { cause: error });
    case 'Z_DATA_ERROR':
      return new BackupError("the backup is damaged: its gzip data can't be unpacked", {
        cause: error,
      });
    default:
      return error;
  }
}
