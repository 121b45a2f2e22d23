'use strict';
// A server of results, in a process of its own: tells its parent where it listens, and ends with it.
const { createServer } = require('node:http');
const { gzipSync, constants } = require('node:zlib');

/**
 * @param bodies by the batch's id. Of `ID-gzip` it gives that of ID, compressed.
 * @param about told to the parent besides the `url`
 */
function serveResults(bodies, about = {}) {
  const compressed = new Map();
  const bodyOf = (id) => {
    if (!id.endsWith('-gzip')) return bodies[id];
    if (!compressed.has(id)) compressed.set(id, gzipSync(bodies[id.slice(0, -'-gzip'.length)], { level: constants.Z_BEST_SPEED }));
    return compressed.get(id);
  };
  const server = createServer((request, response) => {
    const id = /batches\/([^/]+)/.exec(request.url)?.[1];
    // The SDK asks for the batch first.
    if (!request.url.endsWith('/results')) {
      const results_url = `${url()}/v1/messages/batches/${id}/results`;
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id, type: 'message_batch', processing_status: 'ended', results_url }));
    }
    response.writeHead(200, { 'content-type': 'application/x-jsonl', ...(id.endsWith('-gzip') && { 'content-encoding': 'gzip' }) });
    send(bodyOf(id), response);
  });
  const url = () => `http://127.0.0.1:${server.address().port}`;
  server.listen(0, '127.0.0.1', () => process.send({ url: url(), ...about }));
  process.on('disconnect', () => process.exit());
}

function send(bytes, response, at = 0) {
  for (; at < bytes.length; at += 262_144) {
    if (!response.write(bytes.subarray(at, at + 262_144))) return response.once('drain', () => send(bytes, response, at + 262_144));
  }
  response.end();
}

module.exports = { serveResults };
