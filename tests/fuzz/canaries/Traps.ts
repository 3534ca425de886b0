/** Defects that end no execution: one that never stops, one that takes all memory. */
import type { Target } from "../Target.ts"

const BAD = 0x21

const trap = (name: string, spring: () => void): Target => ({
  name,
  oracle: "no input holds a !",
  covers: ["tests/fuzz/canaries/Traps.ts"],
  seeds: () => [Uint8Array.of(0x20, 0x20)],
  mutators: [],
  run: (input) => {
    if (input.includes(BAD)) spring()
  },
})

export const targets: ReadonlyArray<Target> = [
  trap("hang", () => {
    for (let i = 0;; i = (i + 1) | 0) if (i === 0.5) return
  }),
  trap("memory", () => {
    for (let i = 0, kept: unknown = i;; i++) kept = [kept, new Array(100_000).fill(`${i}`)]
  }),
]
