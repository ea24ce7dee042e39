import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const enqueuedSchema = z.object({
  task: z.object({ httpRequest: z.object({ body: z.string() }) }),
});

/** Takes what functions enqueue, as Cloud Tasks does, and keeps it. */
export interface TaskQueue {
  /** For CLOUD_TASKS_EMULATOR_HOST. */
  address: string;
  /** The bodies that the queue would post to its function. */
  tasks: string[];
  /** Answered instead; null = takes them. */
  refusal: { status: number; body: string } | null;
  stop(): Promise<void>;
}

export async function startTaskQueue(): Promise<TaskQueue> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { refusal } = queue;
      if (refusal) return void response.writeHead(refusal.status).end(refusal.body);
      const { task } = enqueuedSchema.parse(JSON.parse(Buffer.concat(chunks).toString()));
      queue.tasks.push(Buffer.from(task.httpRequest.body, 'base64').toString());
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const queue: TaskQueue = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    tasks: [],
    refusal: null,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return queue;
}
