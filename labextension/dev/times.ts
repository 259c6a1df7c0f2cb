/** The moment that made-up facts are about. */
export const MIN = 60_000;
export const HOUR = 60 * MIN;
export const now = Date.now();
