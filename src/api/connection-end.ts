/**
 * Keeps the end of a connection from undici until it has read all that came before.
 *
 * Without that, an end while undici holds back part of an answer (its reader is slower than the network) fails an assertion in
 * an event listener, which ends the process and every create under way in it (nodejs/undici#5360, in 7.30 and before). Or it costs
 * the part that was held back.
 *
 * A reset that reaches a busy process together with the last bytes is told by libuv as an end, not as ECONNRESET: where only the
 * end of the connection frames an answer, nothing here can tell the two apart.
 */
import type { Socket } from 'node:net';
import { errors, type buildConnector } from 'undici';

/** A connector whose sockets end only after everything was read. */
export function withOrderlyEnd(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      if (result[1]) holdEnd(result[1]);
      callback(...result);
    });
}

function holdEnd(socket: Socket): void {
  const { push, read, destroy } = socket;
  /** Lets the end happen that has come already. */
  let release: (() => void) | undefined;
  let isAsked = false;
  let isAsking = false;

  /** undici's parser reads whenever it is told of something to read, but for when it holds back what it has. */
  const readerWaits = () => {
    if (socket.listenerCount('readable') === 0) return true;
    isAsked = false;
    isAsking = true;
    try {
      socket.emit('readable');
    } finally {
      isAsking = false;
    }
    return isAsked;
  };
  const releaseWhenRead = () => {
    if (!release || socket.destroyed || !readerWaits() || socket.destroyed) return;
    const end = release;
    release = undefined;
    end();
  };
  const hold = (end: () => void) => {
    release ??= end;
    // Not at once: it can come while undici reads.
    process.nextTick(releaseWhenRead);
  };

  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk !== null) return push.call(socket, chunk, encoding);
    hold(() => {
      push.call(socket, null);
      read.call(socket, 0);
    });
    return false;
  };
  socket.read = (size?: number) => {
    const chunk: unknown = read.call(socket, size);
    // With a size it is the stream itself that reads.
    if (chunk !== null || size !== undefined || !release) return chunk;
    isAsked = true;
    // undici goes on parsing after this, and may hold back again.
    if (!isAsking) process.nextTick(releaseWhenRead);
    return chunk;
  };
  socket.destroy = (error?: NodeJS.ErrnoException) => {
    // Of what was read before an error of the network, nothing would be left.
    if (error?.syscall === 'read' && !socket.destroyed) hold(() => destroy.call(socket, lostBecauseOf(error)));
    else if (error) destroy.call(socket, error.code === 'ECONNRESET' ? lostBecauseOf(error) : error);
    // undici would take a close that came without an end for the end of an answer, or fail the same assertion.
    else destroy.call(socket, socket.readableEnded ? undefined : lostBecauseOf());
    return socket;
  };
}

/** undici's own error for a lost connection. With ECONNRESET itself it would do what it does at an end. */
function lostBecauseOf(cause?: Error): Error {
  return Object.assign(new errors.SocketError(cause?.message ?? 'closed'), cause && { cause });
}
