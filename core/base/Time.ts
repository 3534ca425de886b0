/** Milliseconds on a monotonic clock that the shell owns; only differences mean anything. */
export type Millis = number

export const SECOND: Millis = 1_000
export const MINUTE: Millis = 60 * SECOND

/** "No wake-up is due": what a machine's `nextWake` returns when only an input can change it. */
export const NEVER: Millis = Infinity
