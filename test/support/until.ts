/** Waits for what cannot be awaited: state that is looked at again and again until it is so. The test's own limit ends it. */
export async function until<T>(look: () => T | Promise<T>, enough: (seen: T) => boolean = Boolean, everyMs = 20): Promise<T> {
  for (;;) {
    const seen = await look();
    if (enough(seen)) return seen;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
