/** Types, ids, signals and queries: what every side of the product agrees on. Free of side effects. */
export * from './contract';
