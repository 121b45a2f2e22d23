'use strict';
// Kills or freezes this process exactly before or after its n-th operation on files whose path matches. To be loaded before the product.
const { existsSync, writeFileSync } = require('node:fs');
const promises = require('node:fs/promises');

/** Operations of a file handle; those of `node:fs/promises` itself are named by their path. */
const OF_HANDLES = ['write', 'writev', 'datasync', 'sync'];

/** @param {{signal: string, once: string}} how `once`: a file that says it was done, for this process and those after it. */
function stop({ signal, once }) {
  if (existsSync(once)) return;
  writeFileSync(once, String(process.pid));
  process.kill(process.pid, signal);
}

/** @param {{operation: string, path: string, nth?: number, when: 'before'|'after', signal: string, once: string}} step */
async function stopAtStep({ operation, path: pattern, nth = 1, when, ...how }) {
  const matches = new RegExp(pattern);
  let count = 0;
  const stopping = (original, pathOf) =>
    async function (...parameters) {
      const here = matches.test(pathOf(this, parameters)) && ++count === nth;
      if (here && when === 'before') stop(how);
      const result = await original.apply(this, parameters);
      if (here && when === 'after') stop(how);
      return result;
    };

  if (!OF_HANDLES.includes(operation)) {
    // Of a rename it is the new name that tells what happens.
    promises[operation] = stopping(promises[operation], (_this, parameters) => String(operation === 'rename' ? parameters[1] : parameters[0]));
    return;
  }
  const paths = new WeakMap();
  const { open } = promises;
  const handle = await open(__filename, 'r');
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  promises.open = async (path, ...parameters) => {
    const opened = await open(path, ...parameters);
    paths.set(opened, String(path));
    return opened;
  };
  prototype[operation] = stopping(prototype[operation], (self) => paths.get(self) ?? '');
}

module.exports = { stop, stopAtStep };
