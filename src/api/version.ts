/** The version of this package, as its package.json has it. Written down, so that the client needs no file and can be bundled. */
export const VERSION = '0.1.0';
